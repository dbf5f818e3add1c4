//! A state directory on a full disk.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::Checkpoint;
use lsm_checkpoint_store::{CollectOptions, Error, Options, PushOptions, ReadOptions, Repository};
use lsm_fs::{Fs, Op, StdFs, errno};
use lsm_fs_mem::{Fault, FaultFs};

use crate::ground::{Db, Ground, objects, options, push, push_with, run};

fn with_state(fs: &FaultFs<StdFs>, dir: &Path) -> Options {
    std::fs::create_dir_all(dir).unwrap();
    options().state(Arc::new(fs.clone()), dir)
}

fn fill(fs: &FaultFs<StdFs>) {
    for op in [Op::Write, Op::WriteAt] {
        fs.inject(Fault::on(op).every(1).before(errno::ENOSPC));
    }
}

#[test]
fn reads_work_while_the_disk_of_the_state_directory_is_full() {
    let (ground, fs) = (Ground::new(), FaultFs::new(StdFs));
    let state = ground.path("state");
    let checkpoint = ground.checkpoint(&Db::new("db", &[("1", b"one")]), "checkpoint");
    let [_, place] = ground.places();
    let writer = run(Repository::init(place.clone(), options())).unwrap();
    let backup = run(push(&writer, &checkpoint)).backup.id;

    let repository = run(Repository::open(place.clone(), with_state(&fs, &state))).unwrap();
    fill(&fs);
    assert_eq!(run(repository.list()).unwrap().len(), 1);
    assert!(run(repository.check()).unwrap().is_sound());
    run(repository.collect(&CollectOptions::new())).unwrap();
    let files = run(repository.files(backup, &ReadOptions::new())).unwrap();
    let here: Arc<dyn Fs> = Arc::new(StdFs);
    let _ = files.restore(&here, &ground.path("restored"), &Checkpoint::new()).unwrap();
    assert!(!fs.injected().is_empty());

    // The number is kept at the first chance.
    fs.heal();
    run(repository.list()).unwrap();
    let _ = std::fs::remove_file(objects(&ground.path("repository"), "head").pop().unwrap());
    let later = run(Repository::open(place, with_state(&fs, &state))).unwrap();
    let error = run(later.list()).unwrap_err();
    assert!(matches!(error, Error::WentBack { .. }), "{error}");
}

#[test]
fn a_rollback_is_noticed_while_the_disk_of_the_state_directory_is_full() {
    let (ground, fs) = (Ground::new(), FaultFs::new(StdFs));
    let checkpoint = ground.checkpoint(&Db::new("db", &[("1", b"one")]), "checkpoint");
    let [_, place] = ground.places();
    let writer = run(Repository::init(place.clone(), options())).unwrap();
    run(push(&writer, &checkpoint));
    let repository = run(Repository::open(place, with_state(&fs, &ground.path("state")))).unwrap();
    fill(&fs);
    run(repository.list()).unwrap();
    std::fs::remove_file(objects(&ground.path("repository"), "head").pop().unwrap()).unwrap();
    let error = run(repository.list()).unwrap_err();
    assert!(matches!(error, Error::WentBack { seen: 2, found: 1, .. }), "{error}");
}

#[test]
fn a_push_goes_on_if_it_cannot_note_the_files_that_it_sends() {
    let (ground, fs) = (Ground::new(), FaultFs::new(StdFs));
    let checkpoint = ground.checkpoint(&Db::new("db", &[("1", b"one"), ("2", b"two")]), "checkpoint");
    let [_, place] = ground.places();
    let repository = run(Repository::init(place, with_state(&fs, &ground.path("state")))).unwrap();
    // The first line has the writer, without which a later push could not end this one.
    let notes = |path: &Path| path.to_string_lossy().contains("push-");
    fs.inject(Fault::on(Op::Write).where_path(notes).from_nth(2).before(errno::ENOSPC));
    let pushed = run(push_with(&repository, &checkpoint, &PushOptions::new())).unwrap();
    assert!(!fs.injected().is_empty());
    ground.check_restore(&repository, pushed.backup.id, &checkpoint);
}
