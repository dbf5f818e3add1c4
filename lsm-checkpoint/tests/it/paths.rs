//! Deep directories, and names of the maximal length.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{CheckpointDir, CheckpointState, Error, list, remove, restore, run_checkpoint, sweep};
use lsm_fs::{Fs, FsExt, Op, StdFs, SyncMode};
use lsm_fs_mem::{Fault, FaultFs, MemFs};

use crate::{
    create::{DIR, mem_db},
    db::Db,
    remove::debris,
    tweak::Tweak,
};

const NORMAL: SyncMode = SyncMode::Normal;

/// Returns a directory below `base` with this number of levels and this length of its path.
fn deep(base: &Path, levels: usize, len: usize) -> PathBuf {
    let mut path = base.to_path_buf();
    for left in (1..=levels).rev() {
        let room = len - path.as_os_str().len() - 2 * left;
        path.push("d".repeat(1 + room.min(100)));
        StdFs.create_dir(&path).unwrap();
    }
    assert_eq!(path.as_os_str().len(), len);
    path
}

/// Every operation works below 900 levels of folders, as `mkdir` does.
#[test]
fn a_parent_of_900_levels() {
    let dir = tempfile::tempdir().unwrap();
    Db::prepare(&StdFs, &dir.path().join("db"), &[""]);
    let db = Db::open(Arc::new(StdFs), &dir.path().join("db"), &[""]);
    let parent = deep(dir.path(), 900, 1_900);
    let target = parent.join("daily");
    run_checkpoint(&db, &StdFs, &target).unwrap();
    assert!(db.check_target(&StdFs, &target).unwrap());
    let checkpoint = CheckpointDir::open(Arc::new(StdFs), &target).unwrap();
    restore(&checkpoint, &StdFs, &parent.join("restored")).unwrap();
    assert_eq!(list(&StdFs, &parent).unwrap().len(), 1);
    assert!(sweep(&StdFs, &parent, NORMAL).unwrap().failed.is_empty());
    remove(&StdFs, &target, NORMAL).unwrap();
    assert_eq!(StdFs.read_dir(&parent).unwrap().len(), 1);
    #[cfg(unix)]
    is_detected_as_nested(dir.path(), &parent);
    StdFs.remove_dir_all(parent.ancestors().nth(899).unwrap()).unwrap();
}

/// A target inside the source is detected through a link as well.
#[cfg(unix)]
fn is_detected_as_nested(source: &Path, parent: &Path) {
    let nested = Db::open(Arc::new(StdFs), source, &[""]);
    let link = source.with_extension("link");
    std::os::unix::fs::symlink(parent, &link).unwrap();
    let refused = run_checkpoint(&nested, &StdFs, &link.join("daily")).unwrap_err();
    StdFs.remove_file(&link).unwrap();
    assert!(matches!(refused, Error::NestedTarget { .. }), "{refused}");
}

/// Names, some of which leave no space for the affixes of a staged name.
fn long_names() -> Vec<String> {
    let mut names: Vec<String> = [235, 236, 237, 240, 254, 255].map(|len| "n".repeat(len)).into();
    // A name that is cut inside a character would not be valid text.
    names.extend(["ä".repeat(127), format!("x{}", "漢".repeat(84))]);
    names
}

#[test]
fn a_checkpoint_has_a_name_as_long_as_any() {
    let host = tempfile::tempdir().unwrap();
    let mem = MemFs::new();
    for (fs, root) in [(Arc::new(StdFs) as Arc<dyn Fs>, host.path()), (Arc::new(mem), Path::new("/"))] {
        let dir = root.join("db");
        Db::prepare(&*fs, &dir, &[""]);
        let db = Db::open(Arc::clone(&fs), &dir, &[""]);
        for name in long_names() {
            let target = root.join(&name);
            run_checkpoint(&db, &*fs, &target).unwrap();
            assert!(db.check_target(&*fs, &target).unwrap());
            remove(&*fs, &target, NORMAL).unwrap();
            assert_eq!(fs.read_dir(root).unwrap().len(), 1, "{name}");
        }
    }
}

/// A hash cannot be inverted. The sweep finds the target by the staged names of all entries.
#[test]
fn a_sweep_finds_the_target_of_a_shortened_name() {
    for name in long_names() {
        let target = Path::new("/").join(&name);
        // Killed removals: one whose checkpoint has lost its name, and one in place.
        for renames in [true, false] {
            let (fs, db) = mem_db(&[""]);
            run_checkpoint(&db, &fs, &target).unwrap();
            let killed = FaultFs::new(fs.clone());
            killed.inject(Fault::on(if renames { Op::RemoveDirAll } else { Op::RemoveFile }).gone());
            let tweaked = Tweak::new(killed);
            let tweaked = if renames { tweaked } else { tweaked.without_directory_renames() };
            remove(&tweaked, &target, NORMAL).unwrap_err();
            let staged = debris(&fs);
            assert_eq!(staged.len(), 1, "{staged:?}");
            let listed = list(&fs, Path::new("/")).unwrap();
            let state = |name: &str| &listed.iter().find(|listed| listed.name == *name).unwrap().state;
            assert!(matches!(state(&staged[0]), CheckpointState::Staged), "{listed:?}");
            let report = sweep(&fs, Path::new("/"), NORMAL).unwrap();
            assert!(report.failed.is_empty() && debris(&fs).is_empty(), "{report:?}");
            // The removal in place had removed nothing yet, so the checkpoint stays.
            assert_eq!(fs.exists(&target).unwrap(), !renames, "{name}");
            db.check_source(&fs).unwrap();
        }
        // A creator that was killed, at its end or before it had made anything in the staged directory.
        for op in [Op::RenameNoreplace, Op::TryLockDirectory] {
            let (fs, db) = mem_db(&[""]);
            let killed = FaultFs::new(fs.clone());
            killed.inject(Fault::on(op).gone());
            run_checkpoint(&db, &killed, &target).unwrap_err();
            assert_eq!(debris(&fs).len(), 1);
            let report = sweep(&fs, Path::new("/"), NORMAL).unwrap();
            assert!(report.failed.is_empty() && debris(&fs).is_empty(), "{report:?}");
            run_checkpoint(&Db::open(Arc::new(fs.clone()), Path::new(DIR), &[""]), &fs, &target).unwrap();
        }
    }
}
