//! Checkpoints of the reference engine. Every key is compared after a restore, and in a backup that is opened in place.

#[path = "../../../examples/engine/main.rs"]
#[allow(dead_code, unreachable_pub, reason = "the example has a `main` of its own")]
mod example;

use std::{path::Path, sync::Arc};

use example::{Engine, View};
use lsm_checkpoint::{CheckpointDir, restore};
use lsm_checkpoint_store::{ReadOptions, Repository};
use lsm_fs::{Fs, StdFs};

use crate::ground::{Ground, options, push, run};

fn write(engine: &Engine, round: u32) {
    for n in 0..40 {
        let value = format!("value {n} of round {round}. ").repeat(if n % 4 == 0 { 50 } else { 1 });
        engine.put(format!("key {:03}", round * 10 + n).as_bytes(), value.as_bytes()).unwrap();
    }
    engine.delete(format!("key {:03}", round * 10).as_bytes()).unwrap();
    engine.flush().unwrap();
}

#[test]
fn every_key_comes_back_from_each_backup() {
    for place in Ground::new().places() {
        let ground = Ground::new();
        let fs: Arc<dyn Fs> = Arc::new(StdFs);
        let engine = Engine::open(&fs, &ground.path("db"), "a database").unwrap();
        let repository = run(Repository::init(place, options())).unwrap();
        let mut expected = Vec::new();
        for round in 0..3 {
            write(&engine, round);
            let rows = engine.state().view.scan();
            let checkpoint = ground.checkpoint(&engine, &format!("checkpoint {round}"));
            let pushed = run(push(&repository, &checkpoint));
            assert_eq!(pushed.reused_files > 0, round > 0, "tables of earlier rounds are not sent again");
            expected.push((pushed.backup.id, rows));
        }
        engine.compact().unwrap();
        for (backup, rows) in expected {
            let files = run(repository.files(backup, &ReadOptions::new())).unwrap();
            let in_place = View::open(&files, files.dir()).unwrap().unwrap();
            assert_eq!(in_place.scan(), rows, "opened in place");
            let target = ground.path("restored");
            let checkpoint = CheckpointDir::open(Arc::new(files.clone()), files.dir()).unwrap();
            restore(&checkpoint, &StdFs, &target).unwrap();
            let restored = Engine::open(&fs, &target, "").unwrap();
            assert_eq!(restored.state().view.scan(), rows, "restored");
            drop(restored);
            StdFs.remove_dir_all(&target).unwrap();
        }
    }
}

#[test]
fn a_query_in_place_survives_without_the_local_disk() {
    let ground = Ground::new();
    let fs: Arc<dyn Fs> = Arc::new(StdFs);
    let engine = Engine::open(&fs, &ground.path("db"), "a database").unwrap();
    write(&engine, 0);
    let [_, place] = ground.places();
    let repository = run(Repository::init(place, options())).unwrap();
    let backup = run(push(&repository, &ground.checkpoint(&engine, "checkpoint"))).backup.id;
    let cache = ReadOptions::new().disk_cache(ground.path("cache"), 64 << 20);
    let first = run(repository.files(backup, &cache)).unwrap();
    let view = View::open(&first, first.dir()).unwrap().unwrap();
    assert!(view.get(b"key 007").is_some());
    assert!(first.fetched_bytes() > 0);
    let second = run(repository.files(backup, &cache)).unwrap();
    let view = View::open(&second, second.dir()).unwrap().unwrap();
    assert!(view.get(b"key 007").is_some());
    assert_eq!(second.fetched_bytes(), 0, "the cache on disk answers");
    assert!(View::open(&second, Path::new("/")).unwrap_or(None).is_none());
}
