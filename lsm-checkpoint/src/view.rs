//! Views that keep the paths of a checkpoint inside its directory.

use std::{io, path::Path};

use lsm_fs::Fs;

use crate::{Change, Error, Result};

/// Opens a view of a checkpoint. The caller's path may itself be a symbolic link.
///
/// # Errors
///
/// [`NotACheckpoint`](Error::NotACheckpoint) if there is no such directory, and [`Fs`](Error::Fs).
pub(crate) fn beneath_checkpoint<'fs>(fs: &'fs dyn Fs, dir: &Path) -> Result<Box<dyn Fs + 'fs>> {
    fs.beneath(dir).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Error::NotACheckpoint { dir: dir.to_path_buf() }
        }
        _ => error.into(),
    })
}

/// Opens a view of a checkpoint that files are taken from. It was there when its catalog was read.
///
/// # Errors
///
/// [`SourceChanged`](Error::SourceChanged) if it was removed since, and [`Fs`](Error::Fs).
pub(crate) fn beneath_source<'fs>(fs: &'fs dyn Fs, dir: &Path) -> Result<Box<dyn Fs + 'fs>> {
    fs.beneath(dir).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::SourceChanged { path: dir.to_path_buf(), what: Change::Gone },
        _ => error.into(),
    })
}

/// Calls `act` with a view that resolves paths below each of these source checkpoints from a handle.
///
/// # Errors
///
/// The errors of [`beneath_source`] and of `act`.
pub(crate) fn beneath_sources<T>(
    fs: &dyn Fs,
    dirs: &[&Path],
    act: &mut dyn FnMut(&dyn Fs) -> Result<T>,
) -> Result<T> {
    match dirs.split_first() {
        None => act(fs),
        Some((dir, others)) => beneath_sources(&*beneath_source(fs, dir)?, others, act),
    }
}

/// Returns `true` if a view of `root` may resolve this path from its handle. Paths are compared as text, and a leading
/// `.` does not count.
pub(crate) fn may_confine(root: &Path, path: &Path) -> bool {
    without_dot(path).starts_with(without_dot(root))
}

fn without_dot(path: &Path) -> &Path {
    path.strip_prefix(".").unwrap_or(path)
}

/// Returns `true` if both resolve paths in one namespace.
pub(crate) fn shares_namespace(one: &dyn Fs, other: &dyn Fs) -> bool {
    one.backend_id().is_some() && one.backend_id() == other.backend_id()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_may_confine_the_paths_that_begin_with_its_root() {
        for (root, path, expected) in [
            ("/data", "/data/db/tables", true),
            ("/data", "/data", true),
            ("/", "/db", true),
            (".", "db/tables", true),
            (".", "./db", true),
            ("data", "./data/db", true),
            ("./data", "data/db", true),
            ("/data", "/database", false),
            ("/data/backup", "/data/db", false),
            ("data", "/data/db", false),
        ] {
            assert_eq!(may_confine(Path::new(root), Path::new(path)), expected, "{root} {path}");
        }
    }
}
