//! The blocking facade and the filesystem, inside both kinds of runtimes and without one.

use std::{path::Path, sync::Arc};

use lsm_checkpoint_store::{Location, PushOptions, ReadOptions, blocking::Repository};
use lsm_fs::{Fs, FsExt, StdFs};
use tokio::runtime::{Builder, Runtime};

use crate::ground::{Db, Ground, noise, options};

fn life(place: Location, checkpoint: &Path) {
    let repository = Repository::init(place, options()).unwrap();
    let pushed = repository.push(Arc::new(StdFs), checkpoint, &PushOptions::new()).unwrap();
    assert_eq!(repository.list().unwrap(), std::slice::from_ref(&pushed.backup));
    let files = repository.files(pushed.backup.id, &ReadOptions::new()).unwrap();
    let path = files.dir().join("tables/long");
    assert_eq!(files.read_to_vec(&path, 1 << 30).unwrap(), noise(1, 3 << 20));
    assert_eq!(files.read_dir(files.dir()).unwrap().len(), 3);
    assert!(repository.check().unwrap().is_sound());
    repository.forget(&[pushed.backup.id]).unwrap();
    repository.undo(&[pushed.backup.id]).unwrap();
    repository.collect(&lsm_checkpoint_store::CollectOptions::new()).unwrap();
    assert_eq!(repository.status().unwrap().sources.len(), 1);
}

fn inside(runtime: &Runtime) {
    let ground = Ground::new();
    let checkpoint = ground.checkpoint(&Db::new("db", &[("long", &noise(1, 3 << 20))]), "checkpoint");
    for place in ground.places() {
        runtime.block_on(async { life(place, &checkpoint) });
    }
}

#[test]
fn inside_a_current_thread_runtime() {
    inside(&Builder::new_current_thread().enable_all().build().unwrap());
}

#[test]
fn inside_a_multi_thread_runtime() {
    inside(&Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());
}

#[test]
fn without_a_runtime() {
    let ground = Ground::new();
    let checkpoint = ground.checkpoint(&Db::new("db", &[("long", &noise(1, 3 << 20))]), "checkpoint");
    ground.places().into_iter().for_each(|place| life(place, &checkpoint));
}
