//! Listing: the checkpoints, their sizes and their states.

use std::{path::Path, sync::Arc, time::Duration};

use lsm_checkpoint::{Checkpoint, CheckpointState, Clock, Policy, list, remove};
use lsm_fs::{Fs, FsExt, Op, StdFs, SyncMode};
use lsm_fs_mem::{FaultEffect, fault_sweep};

use crate::{
    create::{DIR, mem_db},
    db::{Db, all_files},
    tweak::Tweak,
};

const NORMAL: SyncMode = SyncMode::Normal;

#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn wait(&self, _: Duration) {}

    fn unix_time(&self) -> Duration {
        Duration::from_secs(43_200)
    }
}

#[test]
fn checkpoints_are_listed_by_name_with_their_contents() {
    let (fs, db) = mem_db(&[""]);
    let daily = Path::new("/daily");
    fs.create_dir(daily).unwrap();
    let options = Checkpoint::new().clock(&Noon);
    options.policy(Policy::PreferLink).create(&db, &fs, &daily.join("tuesday")).unwrap();
    options.policy(Policy::Independent).create(&db, &fs, &daily.join("monday")).unwrap();
    fs.create_dir(&daily.join("other")).unwrap();
    fs.write_new(&daily.join("file"), b"", NORMAL).unwrap();
    let listed = list(&fs, daily).unwrap();
    let names: Vec<_> = listed.iter().map(|checkpoint| checkpoint.name.to_string_lossy()).collect();
    assert_eq!(names, ["monday", "tuesday"]);
    assert!(listed.iter().all(|checkpoint| matches!(checkpoint.state, CheckpointState::Complete)));
    let [monday, tuesday] = [0, 1].map(|at| listed[at].contents.clone().unwrap());
    assert_eq!((tuesday.seqno, tuesday.version_id, tuesday.files), (Some(42), 7, 8));
    assert_eq!(tuesday.created, std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(43_200));
    assert_eq!((monday.shared_bytes, tuesday.shared_bytes), (0, 1640));
    assert_eq!(monday.exclusive_bytes, tuesday.exclusive_bytes + 1640);
    assert_eq!(tuesday.identity, "a test");
    // Without the source, the bytes belong to the checkpoint alone.
    fs.remove_dir_all(Path::new(DIR)).unwrap();
    assert_eq!(list(&fs, daily).unwrap()[1].contents.as_ref().unwrap().shared_bytes, 0);
    remove(&fs, &daily.join("monday"), NORMAL).unwrap();
    assert_eq!(list(&fs, daily).unwrap().len(), 1);
}

/// The checkpoint is removed after its catalog was opened.
#[test]
fn a_checkpoint_that_is_removed_meanwhile_is_left_out() {
    let (fs, db) = mem_db(&[""]);
    let daily = Path::new("/daily");
    fs.create_dir(daily).unwrap();
    for name in ["monday", "tuesday"] {
        Checkpoint::new().create(&db, &fs, &daily.join(name)).unwrap();
    }
    let tweaked = Tweak::new(fs).after(Op::Open, "/daily/monday/CHECKPOINT", |fs| {
        remove(fs, Path::new("/daily/monday"), NORMAL).unwrap();
    });
    let listed = list(&tweaked, daily).unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0].name, "tuesday");
}

#[test]
fn incomplete_and_unreadable_checkpoints_are_reported() {
    let (fs, db) = mem_db(&[""]);
    for name in ["/cut", "/lost", "/damaged", "/emptied"] {
        Checkpoint::new().create(&db, &fs, Path::new(name)).unwrap();
    }
    fs.remove_file(Path::new("/lost/tables/1")).unwrap();
    fs.remove_dir_all(Path::new("/emptied/tables")).unwrap();
    let _ = fs.rewrite_atomic(Path::new("/cut/OPTIONS"), b"", NORMAL).unwrap();
    let _ = fs.rewrite_atomic(Path::new("/damaged/CHECKPOINT"), b"", NORMAL).unwrap();
    fs.create_dir(Path::new("/.next.checkpoint-staged")).unwrap();
    let listed = list(&fs, Path::new("/")).unwrap();
    let states: Vec<_> =
        listed.iter().map(|checkpoint| (checkpoint.name.to_str().unwrap(), &checkpoint.state)).collect();
    assert!(matches!(
        states[..],
        [
            (".next.checkpoint-staged", CheckpointState::Staged),
            ("cut", CheckpointState::Incomplete),
            ("damaged", CheckpointState::Unreadable(_)),
            ("emptied", CheckpointState::Incomplete),
            ("lost", CheckpointState::Incomplete),
        ]
    ));
    assert!(list(&fs, Path::new("/nothing")).is_err());
}

/// A checkpoint that cannot be read is never reported as complete. None is left out, and nothing changes.
#[test]
fn any_failure_is_a_state_or_an_error() {
    let (fs, db) = mem_db(&[""]);
    fs.create_dir(Path::new("/daily")).unwrap();
    Checkpoint::new().create(&db, &fs, Path::new("/daily/monday")).unwrap();
    let files = || all_files(&fs, Path::new("/daily"), Path::new("")).unwrap();
    let before = files();
    let report = fault_sweep(
        || fs.fork(),
        |fs| list(fs, Path::new("/daily")),
        |fault, listed, after| {
            assert_eq!(all_files(after, Path::new("/daily"), Path::new(""))?, before, "{fault}");
            let Ok(listed) = listed else { return Ok(()) };
            let [monday] = &listed[..] else { return Err(format!("{fault}: {listed:?}").into()) };
            // A hint may be refused, and a failed read is repeated in parts.
            let serves = matches!(fault.id().op, Op::Hint | Op::ReadAt);
            let is_harmless = serves && fault.id().effect != FaultEffect::Gone;
            let is_complete = matches!(monday.state, CheckpointState::Complete);
            assert!(is_harmless || !is_complete, "{fault}: {listed:?}");
            Ok(())
        },
    );
    println!("{}", report.unwrap());
    assert_eq!(files(), before);
}

/// On the host, several threads examine the directories. The list is in the order of the names all the same.
#[test]
fn a_list_of_many_checkpoints_is_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, daily) = (dir.path(), dir.path().join("daily"));
    Db::prepare(&StdFs, &dir.join("db"), &[""]);
    let db = Db::open(Arc::new(StdFs), &dir.join("db"), &[""]);
    StdFs.create_dir(&daily).unwrap();
    let names: Vec<_> = (0..40).map(|at| format!("{at:02}")).collect();
    for name in &names {
        Checkpoint::new().create(&db, &StdFs, &daily.join(name)).unwrap();
    }
    StdFs.remove_file(&daily.join("17/tables/1")).unwrap();
    StdFs.create_dir(&daily.join("20-other")).unwrap();
    let listed = list(&StdFs, &daily).unwrap();
    let found: Vec<_> = listed.iter().map(|checkpoint| checkpoint.name.to_str().unwrap()).collect();
    assert_eq!(found, names);
    for (at, checkpoint) in listed.iter().enumerate() {
        let is_complete = matches!(checkpoint.state, CheckpointState::Complete);
        assert_eq!(is_complete, at != 17, "{checkpoint:?}");
        assert_eq!(checkpoint.contents.as_ref().unwrap().files, 8);
    }
}
