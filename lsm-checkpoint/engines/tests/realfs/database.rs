//! Backups of a whole fjall database under load.

use std::{ops::ControlFlow, path::Path, sync::Arc};

use lsm_checkpoint::{Method, Policy, remove};
use lsm_checkpoint_engines::{
    exam::Exam,
    fjall_database::FjallDatabase,
    key_value::KeyValue,
    load::{Load, under_load},
    oracle::{Oracle, Plan},
};
use lsm_fs::{StdFs, SyncMode};

use crate::mounts::places;

const PLAN: Plan = Plan { keys: 5_000, value_size: 128 };

/// The number of operations before each backup.
const APART: u64 = 5_000;

fn on(name: &str, root: &Path, blobs: bool) {
    let dir = tempfile::tempdir_in(root).unwrap();
    let path = |name: &str| dir.path().join(name);
    let database = FjallDatabase::open(&path("db"), blobs).unwrap();
    let oracle = Oracle::default();
    let load = Load::new(&database, PLAN, &oracle);
    let mut exam = Exam::of(PLAN, move |dir| {
        let copy: Arc<dyn KeyValue> = Arc::new(FjallDatabase::open(dir, blobs)?);
        Ok(copy)
    });
    let (mut linked, mut unchecked) = (0, 0);
    under_load(&load, || {
        for policy in [Policy::PreferLink, Policy::Independent].into_iter().cycle().take(4) {
            load.wait_for(oracle.acknowledged() + APART);
            let target = path("backup");
            let taken = database.take(&oracle, (policy, &|_| ControlFlow::Continue(())), &target)?;
            let verdict = exam.examine(&target, &path("restored"), &taken)?;
            linked += taken.info.by_method(Method::HardLink).files;
            unchecked += verdict.unchecked_files;
            remove(&StdFs, &target, SyncMode::Normal)?;
        }
        Ok(())
    })
    .unwrap();
    let last = oracle.acknowledged();
    exam.compare(&database, last, last).unwrap();
    println!("{name}, blobs {blobs}: {last} writes, {linked} files linked");
    assert!(linked > 0, "no backup has linked a file");
    assert_eq!(unchecked, 0, "files without a checksum");
}

#[test]
fn a_whole_database_under_load() {
    for (name, root) in places() {
        for blobs in [false, true] {
            on(&name, &root, blobs);
        }
    }
}
