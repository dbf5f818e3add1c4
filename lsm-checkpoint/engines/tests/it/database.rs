//! Backups of a whole fjall database, under load, and by a build with other features than the database's own.

use std::{fs, ops::ControlFlow, path::Path, sync::Arc};

use fjall_database::{Database, KeyspaceCreateOptions};
use lsm_checkpoint::{Method, Policy, remove};
use lsm_checkpoint_engines::{
    exam::Exam,
    fjall_database::FjallDatabase,
    key_value::KeyValue,
    load::{Load, under_load},
    oracle::{Oracle, Plan},
};
use lsm_checkpoint_fjall::{backup_closed, restore};
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

/// A journal that a build with `lz4` has written: one put of a value that it compressed.
const LZ4: &[u8] = include_bytes!("../../../fjall/tests/golden/lz4.jnl");

/// This build of fjall has no `lz4`. When it opens a restored database, it cuts the journal off, as it would in the
/// source. The backup stays as it was, so a build with `lz4` finds the key in a database that is restored again.
#[test]
fn a_build_without_lz4_silently_cuts_a_journal_off_and_the_backup_keeps_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let keys = |name: &str| {
        let db = Database::builder(path(name)).open().unwrap();
        db.keyspace("a", KeyspaceCreateOptions::default).unwrap().len().unwrap()
    };
    assert_eq!(keys("db"), 0);
    fs::write(path("db/0.jnl"), LZ4).unwrap();
    let info = backup_closed(path("db"), path("backup")).unwrap();
    assert_eq!(info.journal_bytes, LZ4.len() as u64, "a backup reads journals without decompressing them");
    let _ = restore(path("backup"), path("copy")).unwrap();
    assert_eq!(fs::read(path("copy/0.jnl")).unwrap(), LZ4);
    assert_eq!(keys("copy"), 0);
    assert_eq!(
        fs::read(path("copy/0.jnl")).unwrap(),
        b"",
        "an open of the wrong build has lost the key for good"
    );
    assert_eq!(fs::read(path("backup/0.jnl")).unwrap(), LZ4);
}
