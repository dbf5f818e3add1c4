//! Every call of the filesystems fails once. The first error is reported, foreign files are untouched, and a retry
//! succeeds.

#[cfg(target_os = "linux")]
mod handles;

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use lsm_checkpoint::{Checkpoint, CheckpointInfo, DeletionPause, Error, Policy, run_checkpoint};
use lsm_fs::{Fs, FsExt, SyncMode, errno};
use lsm_fs_mem::{
    DirtyPages, FaultFs, InjectedFault, MemFs, MemFsOptions, Survives, VolumeOptions, fault_sweep,
};

use crate::{
    create::{DIR, prepared},
    db::Db,
    tweak::Tweak,
};

/// A foreign file next to the target.
const NEIGHBOUR: &str = "/backup/neighbour";
const TARGET: &str = "/backup/daily";

fn fresh(trees: &[&'static str], one_volume: bool) -> MemFs {
    let options = MemFsOptions::new();
    let options = if one_volume { options } else { options.volume("/backup", VolumeOptions::new()) };
    let fs = options.build().unwrap();
    fs.create_dir_all(Path::new("/backup")).unwrap();
    fs.write_new(Path::new(NEIGHBOUR), b"mine", SyncMode::Normal).unwrap();
    prepared(&fs, trees);
    fs
}

/// The outcome, with the pause to check that deletions continue.
type Outcome = Result<(CheckpointInfo, Arc<DeletionPause>), Failed>;

struct Failed(Error, Arc<DeletionPause>);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

fn take(options: &Checkpoint<'_>, fs: &dyn Fs, source: Arc<dyn Fs>, trees: &[&'static str]) -> Outcome {
    let db = Db::open(source, Path::new(DIR), trees);
    let pause = Arc::clone(&db.pause);
    match options.create(&db, fs, Path::new(TARGET)) {
        Ok(info) => Ok((info, pause)),
        Err(error) => Err(Failed(error, pause)),
    }
}

fn check(fault: &InjectedFault, outcome: &Outcome, fs: &MemFs, trees: &[&'static str]) -> Result<(), String> {
    let target = Path::new(TARGET);
    let db = Db::open(Arc::new(fs.clone()), Path::new(DIR), trees);
    db.check_source(fs)?;
    if fs.read_to_vec(Path::new(NEIGHBOUR), 9).map_err(|e| e.to_string())? != b"mine" {
        return Err("the neighbour was touched".to_owned());
    }
    let (Ok((_, pause)) | Err(Failed(_, pause))) = outcome;
    if pause.is_paused() {
        return Err("deletions are still held".to_owned());
    }
    let complete = db.check_target(fs, target);
    match outcome {
        Ok(_) => {
            if !complete? {
                return Err("Ok, and no target".to_owned());
            }
        }
        Err(Failed(Error::PublishedNotDurable { .. }, _)) => {
            // A marker may be left if the target was created in place.
            if !fs.exists(target).map_err(|e| e.to_string())? {
                return Err("published, and not there".to_owned());
            }
        }
        Err(Failed(error, _)) => {
            check_message(fault, error)?;
            let left = matches!(error, Error::LeftBehind { .. });
            if !left && fs.exists(target).map_err(|e| e.to_string())? {
                return Err(format!("{error}: and the target is there"));
            }
        }
    }
    retry(&db, fs, target)
}

/// Checks that the first failure is the injected one.
fn check_message(fault: &InjectedFault, error: &Error) -> Result<(), String> {
    let named = match error.first() {
        Error::Fs(fs) => {
            fs.path() == fault.path() || fs.other_path().is_some_and(|path| Some(path) == fault.other_path())
        }
        Error::TargetExists { .. } | Error::NoSpace { .. } | Error::InProgress { .. } => true,
        Error::LinkRefused { source, .. } => source.is_some(),
        _ => false,
    };
    if named { Ok(()) } else { Err(format!("the error is {error}")) }
}

fn retry(db: &Db, fs: &MemFs, target: &Path) -> Result<(), String> {
    match run_checkpoint(db, fs, target) {
        Ok(_) => {}
        Err(Error::TargetExists { .. }) if fs.exists(target).map_err(|e| e.to_string())? => {
            // A complete target may still hold the marker of a creation in place.
            let _ = fs.remove_file(&target.join(".checkpoint-unpublished"));
        }
        Err(e) => return Err(format!("the retry failed: {e}")),
    }
    if db.check_target(fs, target)? { Ok(()) } else { Err("the retry left nothing".to_owned()) }
}

/// Sweeps the filesystem of the target, then the filesystem of the source.
fn sweep(name: &str, options: &Checkpoint<'_>, trees: &[&'static str], one_volume: bool) {
    let verdict =
        |fault: &InjectedFault, outcome: Outcome, fs: &MemFs| Ok(check(fault, &outcome, fs, trees)?);
    let of_target = fault_sweep(
        || fresh(trees, one_volume),
        |fs: &FaultFs<MemFs>| take(options, fs, Arc::new(fs.inner().clone()), trees),
        verdict,
    );
    println!("{name}, the target's:\n{}", of_target.unwrap());
    let of_source = fault_sweep(
        || fresh(trees, one_volume),
        |fs: &FaultFs<MemFs>| take(options, fs.inner(), Arc::new(fs.clone()), trees),
        verdict,
    );
    println!("{name}, the source's:\n{}", of_source.unwrap());
}

#[test]
fn of_links_and_copies() {
    for policy in [Policy::LinkOnly, Policy::PreferLink, Policy::PreferReflink, Policy::Independent] {
        sweep(&format!("{policy:?}"), &Checkpoint::new().policy(policy), &[""], true);
    }
}

#[test]
fn of_copies_to_another_volume() {
    sweep("copies", &Checkpoint::new(), &[""], false);
}

#[test]
fn of_several_trees() {
    sweep("two trees", &Checkpoint::new(), &["a", "b"], true);
}

#[test]
fn in_place() {
    let trees = &["a", "b"];
    let report = fault_sweep(
        || fresh(trees, true),
        |fs: &FaultFs<MemFs>| {
            let tweaked = Tweak::new(fs.clone()).without_directory_renames();
            take(&Checkpoint::new(), &tweaked, Arc::new(fs.inner().clone()), trees)
        },
        |fault, outcome, fs| Ok(check(fault, &outcome, fs, trees)?),
    );
    println!("{}", report.unwrap());
}

/// The engine may panic as well.
#[test]
fn a_panic_of_the_engine_leaves_nothing() {
    let fs = fresh(&[""], true);
    let mut db = Db::open(Arc::new(fs.clone()), Path::new(DIR), &[""]);
    db.on_capture = Box::new(|_| panic!("in the engine"));
    let pause = Arc::clone(&db.pause);
    let db = Mutex::new(db);
    let panicked = std::panic::catch_unwind(|| {
        let db = db.lock().unwrap();
        let _ = run_checkpoint(&*db, &fs, Path::new(TARGET));
    });
    assert!(panicked.is_err());
    assert!(!pause.is_paused());
    assert_eq!(fs.read_dir(Path::new("/backup")).unwrap().len(), 1, "only the neighbour");
}

/// The kernel marks the pages of a failed sync as clean, and the cache keeps showing them. A checkpoint with a failed
/// sync is therefore never published, even if a second sync succeeds.
#[test]
fn a_second_sync_does_not_heal_a_failed_one() {
    let staged = Path::new("/backup/.daily.checkpoint-staged");
    let written = ["v7", ".current.tmp-0", "OPTIONS", "CHECKPOINT", "tables/1", "blobs/1", "logs/log"];
    for name in written.into_iter().chain(["tables", "blobs", ""]) {
        for policy in [Policy::Independent, Policy::PreferReflink] {
            let fs = fresh(&[""], true);
            fs.settle();
            fs.fail_next_sync(&staged.join(name), errno::EIO, DirtyPages::Dropped);
            let options = Checkpoint::new().policy(policy);
            let Err(Failed(failed, _)) = take(&options, &fs, Arc::new(fs.clone()), &[""]) else {
                panic!("{name}, {policy:?}: a failed sync went unnoticed")
            };
            assert!(matches!(&failed, Error::Fs(e) if e.raw_os_error() == Some(errno::EIO)), "{failed:?}");
            assert!(!fs.exists(Path::new(TARGET)).unwrap(), "{name}, {policy:?}");
            assert!(take(&options, &fs, Arc::new(fs.clone()), &[""]).is_ok());
            let fs = fs.crash(Survives::Forced);
            let db = Db::open(Arc::new(fs.clone()), Path::new(DIR), &[""]);
            assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
        }
    }
}
