//! Another process acts between two calls of ours. It binds a name that we have examined to something else, or shortens
//! a file.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use lsm_checkpoint::{Defect, Error, VerifyOptions, remove, run_checkpoint, sweep, verify};
use lsm_fs::{Fs, FsDirLock, FsExt, FsOpenOptions, Op, SyncMode, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs};

use crate::{
    create::{DIR, TARGET, mem_db},
    db::{Db, all_files},
    remove::{debris, with_checkpoint},
    tweak::Tweak,
};

const NORMAL: SyncMode = SyncMode::Normal;
const STAGED: &str = "/.checkpoint.checkpoint-staged";

/// Another creator. It holds the owner lock of the staged directory, and has begun to fill it.
#[derive(Clone, Default)]
struct Rival(Arc<Mutex<Option<Box<dyn FsDirLock>>>>);

impl Rival {
    /// Clears the staged directory as debris and creates it anew, once.
    fn take_over(&self, fs: &MemFs) {
        let mut owner = self.0.lock().unwrap();
        if owner.is_none() {
            let staged = Path::new(STAGED);
            fs.remove_dir_all(staged).unwrap();
            fs.create_dir(staged).unwrap();
            *owner = fs.try_lock_directory(staged).unwrap();
            fs.create_dir(&staged.join("tables")).unwrap();
            fs.write_new(&staged.join("tables/9"), b"the rival's", NORMAL).unwrap();
        }
    }

    /// Checks that its directory still has its name and only its file, and that no target was created.
    fn check_untouched(&self, fs: &MemFs) {
        let owner = self.0.lock().unwrap();
        assert!(owner.as_ref().unwrap().is_at(Path::new(STAGED)).unwrap(), "the rival's directory was moved");
        let files = all_files(fs, Path::new(STAGED), Path::new("")).unwrap();
        assert_eq!(files.iter().collect::<Vec<_>>(), [Path::new("tables/9")]);
        assert_eq!(fs.read_dir(Path::new(STAGED)).unwrap().len(), 1);
        assert!(!fs.exists(Path::new(TARGET)).unwrap());
    }
}

/// Creates a filesystem on which the rival acts between the lock of the staged directory and the check of its name.
fn with_rival(fs: &MemFs) -> (Tweak<MemFs>, Rival) {
    let rival = Rival::default();
    let other = rival.clone();
    let beside = Tweak::new(fs.clone()).after(Op::TryLockDirectory, STAGED, move |fs| other.take_over(fs));
    (beside, rival)
}

/// Creates the debris of a creator that died before it published.
fn dead_creator(fs: &MemFs, db: &Db) {
    let killed = FaultFs::new(fs.clone());
    killed.inject(Fault::on(Op::RenameNoreplace).nth(1).gone());
    run_checkpoint(db, &killed, Path::new(TARGET)).unwrap_err();
    assert!(!debris(fs).is_empty());
}

/// A sweeper mistakes the new directory for debris before its creator has locked it, and another creator makes the next
/// one.
#[test]
fn a_creator_whose_new_directory_was_replaced_leaves_the_name_alone() {
    let (fs, db) = mem_db(&[""]);
    let (beside, rival) = with_rival(&fs);
    let refused = run_checkpoint(&db, &beside, Path::new(TARGET));
    assert!(matches!(refused, Err(Error::InProgress { .. })), "{refused:?}");
    rival.check_untouched(&fs);
}

#[test]
fn a_sweeper_whose_debris_was_replaced_leaves_the_name_alone() {
    let (fs, db) = mem_db(&[""]);
    dead_creator(&fs, &db);
    let (beside, rival) = with_rival(&fs);
    let report = sweep(&beside, Path::new("/"), NORMAL).unwrap();
    assert!(
        report.cleared.is_empty() && report.in_progress.is_empty() && report.failed.is_empty(),
        "somebody else was faster: {report:?}"
    );
    rival.check_untouched(&fs);
}

#[test]
fn a_creator_whose_debris_was_replaced_leaves_the_name_alone() {
    let (fs, db) = mem_db(&[""]);
    dead_creator(&fs, &db);
    let (beside, rival) = with_rival(&fs);
    let refused = run_checkpoint(&db, &beside, Path::new(TARGET));
    assert!(matches!(refused, Err(Error::InProgress { .. })), "{refused:?}");
    rival.check_untouched(&fs);
}

/// The checkpoint that was locked is gone, and a new one has its name.
#[test]
fn a_remover_whose_checkpoint_was_replaced_leaves_the_name_alone() {
    let fs = MemFs::new();
    let db = with_checkpoint(&fs, &[""]);
    let gone = Path::new("/elsewhere");
    let beside = Tweak::new(fs.clone()).after(Op::TryLockDirectory, TARGET, move |fs| {
        fs.rename(Path::new(TARGET), gone).unwrap();
        let db = Db::open(Arc::new(fs.clone()), Path::new(DIR), &[""]);
        run_checkpoint(&db, fs, Path::new(TARGET)).unwrap();
    });
    let refused = remove(&beside, Path::new(TARGET), NORMAL);
    assert!(matches!(refused, Err(Error::InProgress { .. })), "{refused:?}");
    for whole in [Path::new(TARGET), gone] {
        assert!(db.check_target(&fs, whole).unwrap(), "{}", whole.display());
    }
    assert!(debris(&fs).is_empty());
}

/// The rename of a removal takes effect but returns an error. Before it is undone, the name is bound to something else.
#[test]
fn undoing_a_removal_replaces_nothing() {
    let fs = MemFs::new();
    let db = with_checkpoint(&fs, &[""]);
    let new: Arc<Mutex<Option<Box<dyn FsDirLock>>>> = Arc::default();
    let lock = Arc::clone(&new);
    let beside = Tweak::new(fs.clone()).after(Op::RenameNoreplace, TARGET, move |fs| {
        fs.create_dir(Path::new(TARGET)).unwrap();
        *lock.lock().unwrap() = fs.try_lock_directory(Path::new(TARGET)).unwrap();
    });
    let faulty = FaultFs::new(beside);
    faulty.inject(Fault::on(Op::RenameNoreplace).nth(1).after(errno::EIO));
    let error = remove(&faulty, Path::new(TARGET), NORMAL).unwrap_err();
    let Error::LeftBehind { left, .. } = &error else { panic!("{error}") };
    assert_eq!(left, Path::new(STAGED));
    let new = new.lock().unwrap().take().unwrap();
    assert!(new.is_at(Path::new(TARGET)).unwrap(), "the new directory was replaced");
    assert!(fs.read_dir(Path::new(TARGET)).unwrap().is_empty());
    assert!(db.check_target(&fs, Path::new(STAGED)).unwrap(), "what was to be removed is whole");
}

/// The rename of a publication takes effect but returns an error. Before it is undone, another creator claims the
/// staged name.
#[test]
fn undoing_a_publication_replaces_nothing() {
    let (fs, db) = mem_db(&[""]);
    let new: Arc<Mutex<Option<Box<dyn FsDirLock>>>> = Arc::default();
    let lock = Arc::clone(&new);
    let beside = Tweak::new(fs.clone()).after(Op::RenameNoreplace, STAGED, move |fs| {
        fs.create_dir(Path::new(STAGED)).unwrap();
        *lock.lock().unwrap() = fs.try_lock_directory(Path::new(STAGED)).unwrap();
    });
    let faulty = FaultFs::new(beside);
    faulty.inject(Fault::on(Op::RenameNoreplace).nth(1).after(errno::EIO));
    let error = run_checkpoint(&db, &faulty, Path::new(TARGET)).unwrap_err();
    let Error::LeftBehind { left, .. } = &error else { panic!("{error}") };
    assert_eq!(left, Path::new(TARGET));
    let new = new.lock().unwrap().take().unwrap();
    assert!(new.is_at(Path::new(STAGED)).unwrap(), "the other creator's directory was replaced");
    assert!(fs.read_dir(Path::new(STAGED)).unwrap().is_empty());
    assert!(db.check_target(&fs, Path::new(TARGET)).unwrap(), "what was published is whole");
}

/// Without a checksum, only the length reveals the change.
#[test]
fn a_file_that_became_shorter_is_found_without_a_checksum() {
    let (fs, mut db) = mem_db(&[""]);
    db.checksums = false;
    run_checkpoint(&db, &fs, Path::new(TARGET)).unwrap();
    let was_cut = Arc::new(AtomicBool::new(false));
    let cut = Arc::clone(&was_cut);
    let table = "/checkpoint/tables/1";
    // The file becomes shorter between the lookup of its length and the read.
    let beside = Tweak::new(fs.clone()).before(Op::Open, table, move |fs| {
        let file = fs.open(Path::new(table), &FsOpenOptions::new().write(true)).unwrap();
        file.set_len(5).unwrap();
        cut.store(true, Ordering::Relaxed);
    });
    let options = VerifyOptions::full().threads(1);
    assert!(verify(&fs, Path::new(TARGET), &options).unwrap().is_sound());
    let report = verify(&beside, Path::new(TARGET), &options).unwrap();
    assert!(was_cut.load(Ordering::Relaxed));
    let [problem] = &report.problems[..] else { panic!("{report}") };
    assert_eq!(problem.path, Path::new("tables/1"));
    assert!(matches!(problem.what, Defect::Length { expected: 700, found: 5 }), "{problem}");
    assert_eq!(report.unchecked_files, 2, "two others have no checksum, and were read to their end");
}
