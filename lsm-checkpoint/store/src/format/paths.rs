//! The rules for paths in a catalog.

use std::path::Path;

use crate::defect::Defect;

/// The maximum length of a name, and the maximum number of names in a path.
const NAME_MAX: usize = 1024;
const DEPTH_MAX: usize = 16;
pub(super) const PATH_MAX: usize = NAME_MAX * DEPTH_MAX;

/// Accepts a path that stays in its directory on this platform: plain names, separated by `/`.
pub(super) fn check(path: &str) -> Result<(), Defect> {
    let is_name = |name: &str| {
        let odd = name.is_empty() || name == "." || name == ".." || name.len() > NAME_MAX;
        let leads_out = cfg!(windows) && begins_with_a_drive(name);
        !odd && !leads_out && !name.chars().any(|c| c == '\\' || c.is_control())
    };
    if path.split('/').all(is_name) && path.split('/').count() <= DEPTH_MAX {
        Ok(())
    } else {
        Err(Defect::Name)
    }
}

/// On Windows, `C:x` lies in the current directory of drive C, so joining it to another directory leads out. On Unix it
/// is a plain name, which a tree may have. <https://learn.microsoft.com/en-us/dotnet/standard/io/file-path-formats>
const fn begins_with_a_drive(name: &str) -> bool {
    matches!(name.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
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

    #[test]
    fn a_drive_is_refused_where_it_is_one() {
        for (name, is_drive) in [("C:x", true), ("z:", true), ("1:x", false), ("ab:x", false), ("ü:x", false)]
        {
            assert_eq!(begins_with_a_drive(name), is_drive, "{name}");
            for path in [name.to_owned(), format!("tables/{name}")] {
                assert_eq!(check(&path).is_err(), cfg!(windows) && is_drive, "{path}");
            }
        }
    }
}
