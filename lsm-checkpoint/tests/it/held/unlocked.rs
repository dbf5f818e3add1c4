//! Without directory locks on the platform, debris is left alone and everything else works.

use std::path::Path;

use lsm_checkpoint::{Error, remove, run_checkpoint, sweep};
use lsm_fs::{Fs, FsExt, Op, SyncMode, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs};

use crate::{
    create::{TARGET, prepared},
    remove::debris,
    tweak::Tweak,
};

const NORMAL: SyncMode = SyncMode::Normal;

fn without_locks(fs: &MemFs) -> FaultFs<MemFs> {
    let unlocked = FaultFs::new(fs.clone());
    unlocked.inject(Fault::on(Op::TryLockDirectory).from_nth(1).before(errno::EOPNOTSUPP));
    unlocked
}

#[test]
fn checkpoints_are_made_and_removed_without_locks() {
    let fs = MemFs::new();
    let db = prepared(&fs, &[""]);
    let unlocked = without_locks(&fs);
    let renames = Tweak::new(unlocked.clone());
    for tweaked in [renames.clone(), renames.without_directory_renames()] {
        run_checkpoint(&db, &tweaked, Path::new(TARGET)).unwrap();
        assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
        remove(&tweaked, Path::new(TARGET), NORMAL).unwrap();
        assert!(!fs.exists(Path::new(TARGET)).unwrap() && debris(&fs).is_empty());
    }
}

/// Without locks, it is unknown if the owner of a staged directory is alive.
#[test]
fn debris_counts_as_owned_without_locks() {
    let fs = MemFs::new();
    let db = prepared(&fs, &[""]);
    fs.create_dir(Path::new("/.checkpoint.checkpoint-staged")).unwrap();
    let unlocked = without_locks(&fs);
    let report = sweep(&unlocked, Path::new("/"), NORMAL).unwrap();
    assert_eq!((report.in_progress, report.cleared.len()), (vec![TARGET.into()], 0));
    let refused = run_checkpoint(&db, &unlocked, Path::new(TARGET));
    assert!(matches!(refused, Err(Error::InProgress { .. })), "{refused:?}");
    assert_eq!(debris(&fs).len(), 1);
}
