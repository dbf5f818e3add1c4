//! Killed restores, and backups that are collected during a restore.

use std::{path::Path, sync::Arc, time::Duration};

use lsm_checkpoint::{Checkpoint, sweep};
use lsm_checkpoint_store::{CollectOptions, Error, Location, ReadOptions, Repository};
use lsm_fs::{Fs, StdFs, SyncMode};

use crate::{
    crowd::Crowd,
    ground::{Db, Ground, noise, options, push, run},
};

const MIB: usize = 1 << 20;

fn names(dir: &Path) -> Vec<String> {
    let entries = StdFs.read_dir(dir).unwrap();
    entries.into_iter().map(|entry| entry.name.into_string().unwrap()).collect()
}

#[test]
fn a_restore_reuses_the_pieces_of_a_dead_one() {
    let ground = Ground::new();
    let db = Db::new("db", &[("1", &noise(1, 3 * MIB)), ("2", &noise(2, 3 * MIB)), ("3", &noise(3, 100))]);
    let checkpoint = ground.checkpoint(&db, "checkpoint");
    let repository = run(Repository::init(Location::memory(), options())).unwrap();
    let backup = run(push(&repository, &checkpoint)).backup.id;
    let fs: Arc<dyn Fs> = Arc::new(StdFs);
    let parent = ground.path("data");
    std::fs::create_dir(&parent).unwrap();
    for staged in [".db.checkpoint-staged", ".db.killed.checkpoint-staged"] {
        // The dead restore has left a file, a part of another one with a flipped byte, and a foreign file.
        let staged = parent.join(staged);
        std::fs::create_dir_all(staged.join("tables")).unwrap();
        std::fs::copy(checkpoint.join("tables/1"), staged.join("tables/1")).unwrap();
        let mut torn = noise(2, 2 * MIB);
        torn[7] ^= 1;
        std::fs::write(staged.join("tables/2"), torn).unwrap();
        std::fs::write(staged.join("stranger"), b"x").unwrap();
        let files = run(repository.files(backup, &ReadOptions::new())).unwrap();
        files.restore(&fs, &parent.join("db"), &Checkpoint::new()).unwrap();
        let fetched = usize::try_from(files.fetched_bytes()).unwrap();
        assert_eq!(fetched, 3 * MIB + 100 + "3".len(), "the first file is on the disk");
        for name in ["1", "2", "3"] {
            let [expected, found] = [&checkpoint, &parent.join("db")]
                .map(|dir| std::fs::read(dir.join("tables").join(name)).unwrap());
            assert!(expected == found, "{name}");
        }
        assert_eq!(names(&parent), ["db"], "nothing of the dead restore is left");
        StdFs.remove_dir_all(&parent.join("db")).unwrap();
    }
}

#[test]
fn a_sweep_finds_the_debris_of_a_resumed_restore() {
    let ground = Ground::new();
    std::fs::create_dir(ground.path(".db.killed.checkpoint-staged")).unwrap();
    let _ = sweep(&StdFs, &ground.path(""), SyncMode::Normal).unwrap();
    assert_eq!(names(&ground.path("")), [""; 0]);
}

#[test]
fn a_restore_of_a_collected_backup_leaves_nothing() {
    let ground = Ground::new();
    let checkpoint = ground.checkpoint(&Db::new("db", &[("1", b"one")]), "checkpoint");
    let repository = run(Repository::init(Location::memory(), options())).unwrap();
    let backup = run(push(&repository, &checkpoint)).backup.id;
    let files = run(repository.files(backup, &ReadOptions::new())).unwrap();
    run(repository.forget(&[backup])).unwrap();
    run(repository.collect(&CollectOptions::new().grace(Duration::ZERO))).unwrap();
    let fs: Arc<dyn Fs> = Arc::new(StdFs);
    let error = files.restore(&fs, &ground.path("restored"), &Checkpoint::new()).unwrap_err();
    assert!(matches!(error, Error::BackupGone { backup: gone } if gone == backup), "{error}");
    assert_eq!(names(&ground.path("")), ["checkpoint"]);
    assert!(matches!(run(repository.files(backup, &ReadOptions::new())), Err(Error::NoSuchBackup { .. })));
}

#[test]
fn a_restore_makes_no_more_requests_at_a_time_than_it_may() {
    let ground = Ground::new();
    let checkpoint = ground.checkpoint(&Db::new("db", &[("1", &noise(1, 24 * MIB))]), "checkpoint");
    let crowd = Crowd::default();
    let repository = run(Repository::init(crowd.place(), options().concurrency(2))).unwrap();
    let backup = run(push(&repository, &checkpoint)).backup.id;
    let files = run(repository.files(backup, &ReadOptions::new())).unwrap();
    let fs: Arc<dyn Fs> = Arc::new(StdFs);
    let _ = files.restore(&fs, &ground.path("db"), &Checkpoint::new()).unwrap();
    assert_eq!(std::fs::read(ground.path("db/tables/1")).unwrap(), noise(1, 24 * MIB));
    assert!(crowd.most() <= 2, "{} requests at a time", crowd.most());
}
