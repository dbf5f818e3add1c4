//! The rules for paths in a catalog.

use std::path::Path;

use crate::defect::Defect;

/// The maximum length of a name, and the maximum number of names in a path.
const NAME_MAX: usize = 1024;
const DEPTH_MAX: usize = 16;
pub(super) const PATH_MAX: usize = NAME_MAX * DEPTH_MAX;

/// Accepts a path that stays in its directory on every platform: plain names, separated by `/`.
pub(super) fn check(path: &str) -> Result<(), Defect> {
    let is_name = |name: &str| {
        let odd = name.is_empty() || name == "." || name == ".." || name.len() > NAME_MAX;
        !odd && !name.chars().any(|c| c == '\\' || c.is_control())
    };
    if path.split('/').all(is_name) && path.split('/').count() <= DEPTH_MAX {
        Ok(())
    } else {
        Err(Defect::Name)
    }
}

/// Returns a path in a checkpoint as a catalog has it: with `/` on every platform.
pub(crate) fn path_text(path: &Path) -> String {
    let names = path.components().map(|name| name.as_os_str().to_string_lossy());
    names.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_lead_out_are_refused() {
        let (long, deep) = ("x".repeat(NAME_MAX + 1), ["x"; DEPTH_MAX + 1].join("/"));
        for bad in ["", "/", "/x", "x/", "x//y", "..", "x/../y", "./x", "x\0y", "x\ny", "c:\\x", &long, &deep]
        {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        for good in ["CURRENT", "tables/7", "a b/ü", "...", ["x"; DEPTH_MAX].join("/").as_str()] {
            assert!(check(good).is_ok(), "{good:?}");
        }
    }
}
