//! Determines the capabilities of a mount by trying each operation in a scratch directory.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{DirectorySync, Fs, FsCapabilities, FsExt, FsOpenOptions, Result, SyncMode, ext::PROBE_STEM};

/// Maximum number of names to try. Scratch directories that dead processes have left are skipped. If all names exist,
/// nothing is tried, and no capability is claimed.
const ATTEMPTS: u32 = 1 << 10;

/// Tries each operation once. An operation that cannot be tried counts as missing. Failing to remove the scratch
/// directory is an error.
pub(super) fn probe(fs: &dyn Fs, dir: &Path) -> Result<FsCapabilities> {
    let Some(scratch) = scratch(fs, dir) else { return Ok(FsCapabilities::default()) };
    let found = try_all(fs, &scratch);
    fs.remove_dir_all(&scratch)?;
    Ok(found)
}

fn scratch(fs: &dyn Fs, dir: &Path) -> Option<PathBuf> {
    (0..ATTEMPTS)
        .map(|attempt| dir.join(format!(".{PROBE_STEM}{attempt}")))
        .find_map(|path| match fs.create_dir(&path) {
            Ok(()) => Some(Some(path)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => None,
            Err(_) => Some(None),
        })
        .flatten()
}

fn try_all(fs: &dyn Fs, scratch: &Path) -> FsCapabilities {
    let [file, linked, cloned, renamed] =
        ["file", "linked", "cloned", "renamed"].map(|name| scratch.join(name));
    if fs.write_new(&file, &[1; 8192], SyncMode::Normal).is_err() {
        return FsCapabilities::default();
    }
    FsCapabilities {
        rename_open_tree: moves_an_open_tree(fs, scratch),
        advisory_locks: locks_keep_no_reader_out(fs, &file),
        rooted_views: views_follow_their_root(fs, scratch),
        // Must come first, because it is refused for a file with a second name.
        punch_hole: fs.punch_hole(&file, 0, 4096).is_ok(),
        reflink: fs.reflink_file(&file, &cloned).is_ok(),
        hard_link: fs.hard_link(&file, &linked).is_ok(),
        rename_noreplace: fs.rename_noreplace(&file, &renamed).is_ok(),
        directory_sync: matches!(fs.sync_directory(scratch, SyncMode::Normal), Ok(DirectorySync::Durable)),
        ..FsCapabilities::default()
    }
}

fn moves_an_open_tree(fs: &dyn Fs, scratch: &Path) -> bool {
    let tree = scratch.join("tree");
    let open = fs.create_dir(&tree).and_then(|()| fs.open(&tree.join("file"), &NEW));
    open.is_ok_and(|_open| fs.rename(&tree, &scratch.join("moved")).is_ok())
}

fn locks_keep_no_reader_out(fs: &dyn Fs, file: &Path) -> bool {
    let open = || fs.open(file, &FsOpenOptions::new().read(true).write(true));
    let (Ok(locked), Ok(reader)) = (open(), open()) else { return false };
    matches!(locked.try_lock_exclusive(), Ok(true)) && reader.read_at(&mut [0], 0).is_ok()
}

fn views_follow_their_root(fs: &dyn Fs, scratch: &Path) -> bool {
    let root = scratch.join("root");
    if fs.create_dir(&root).is_err() {
        return false;
    }
    let follows = |view: Box<dyn Fs + '_>| {
        fs.rename(&root, &scratch.join("followed")).is_ok() && view.create_dir(&root.join("dir")).is_ok()
    };
    fs.beneath(&root).is_ok_and(follows)
}

const NEW: FsOpenOptions = FsOpenOptions::new().write(true).create_new(true);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StdFs;

    #[test]
    fn a_probe_leaves_nothing_and_skips_leftovers() {
        let dir = tempfile::tempdir().unwrap();
        let debris = dir.path().join(".lsm-fs-probe-0");
        StdFs.create_dir(&debris).unwrap();
        let found = probe(&StdFs, dir.path()).unwrap();
        assert!(found.hard_link, "{found:?}");
        if cfg!(unix) {
            assert!(found.rename_open_tree && found.advisory_locks, "{found:?}");
            assert_eq!(found.rooted_views, !cfg!(lsm_fs_portable));
        }
        let names = StdFs.read_dir(dir.path()).unwrap();
        assert_eq!(names.len(), 1, "{names:?}");
    }

    #[test]
    fn a_probe_of_a_missing_directory_claims_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(probe(&StdFs, &dir.path().join("missing")).unwrap(), FsCapabilities::default());
    }
}
