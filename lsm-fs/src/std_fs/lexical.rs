//! Matching of paths against the roots of views, by their spelling.

use std::{
    io,
    path::{Component, Path},
};

/// A path below a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RelativePath<'p> {
    /// The path relative to the root. Empty for the root itself, and never with `..`.
    pub(super) rest: &'p Path,
    /// The path ends in a separator or in `.`, so it must lead to a directory.
    pub(super) wants_dir: bool,
}

/// Returns the part of the path below `root`, or `None` if the path does not start with the components of `root`.
///
/// # Errors
///
/// `InvalidInput` if the rest contains `..`.
pub(super) fn strip_root<'p>(root: &Path, path: &'p Path) -> Option<io::Result<RelativePath<'p>>> {
    // `components` drops every `.` except a leading one.
    let (root, bare) = (bare(root), bare(path));
    if path.as_os_str().is_empty() || (root.as_os_str().is_empty() && path.has_root()) {
        return None;
    }
    let mut rest = bare.components();
    if root.components().any(|component| rest.next() != Some(component)) {
        return None;
    }
    let rest = rest.as_path();
    if rest.components().any(|component| component == Component::ParentDir) {
        let why = "a path below the root of a view must not contain `..`";
        return Some(Err(io::Error::new(io::ErrorKind::InvalidInput, why)));
    }
    let (last, head) = path.as_os_str().as_encoded_bytes().split_last()?;
    let ends_in_separator = |last: &u8| std::path::is_separator(char::from(*last));
    let wants_dir = ends_in_separator(last) || (*last == b'.' && head.last().is_some_and(ends_in_separator));
    Some(Ok(RelativePath { rest, wants_dir }))
}

fn bare(path: &Path) -> &Path {
    path.strip_prefix(".").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest<'p>(root: &str, path: &'p str) -> Option<Result<&'p str, io::ErrorKind>> {
        let found = strip_root(Path::new(root), Path::new(path))?;
        Some(found.map(|below| below.rest.to_str().unwrap()).map_err(|e| e.kind()))
    }

    #[test]
    fn a_root_matches_paths_that_start_with_its_components() {
        for (root, path, expected) in [
            ("/a", "/a/b", "b"),
            ("/a", "/a", ""),
            ("/a/", "/a/.//b/c", "b/c"),
            // Windows takes this for a share.
            #[cfg(unix)]
            ("/a/", "//a/.//b/c", "b/c"),
            ("./a", "a/b", "b"),
            ("a", "./a/b", "b"),
            (".", "a/b", "a/b"),
            ("../a", "../a/b", "b"),
            ("/", "/a", "a"),
        ] {
            assert_eq!(rest(root, path), Some(Ok(expected)), "{root} {path}");
        }
        for (root, path) in [
            ("/a", "/ab"),
            ("/a", "/"),
            ("/a", "a/b"),
            ("a", "/a/b"),
            ("a", "x/../a/b"),
            (".", "/a"),
            ("/a", ""),
            (".", ""),
        ] {
            assert_eq!(rest(root, path), None, "{root} {path}");
        }
    }

    #[test]
    fn parents_are_refused_only_below_the_root() {
        for (root, path) in [("/a", "/a/.."), ("/a", "/a/b/../c"), (".", "..")] {
            assert_eq!(rest(root, path), Some(Err(io::ErrorKind::InvalidInput)), "{root} {path}");
        }
        assert_eq!(rest("/a/..", "/a/../b"), Some(Ok("b")));
    }

    #[test]
    fn a_trailing_separator_or_dot_requires_a_directory() {
        for (path, expected) in [("/a/b", false), ("/a/b/", true), ("/a/b/.", true), ("/a/b.", false)] {
            let found = strip_root(Path::new("/a"), Path::new(path)).unwrap().unwrap();
            assert_eq!(found.wants_dir, expected, "{path}");
        }
    }
}
