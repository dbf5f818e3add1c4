//! A journal of a build with `lz4`. The tests in `interop` open it with a build without `lz4`.

use std::fs;

use fjall::KeyspaceCreateOptions;
use lsm_checkpoint_fjall::backup_closed;

use crate::world::{contents, open, restored};

const JOURNAL: &[u8] = include_bytes!("../golden/lz4.jnl");

/// `LSM_CHECKPOINT_WRITE=1` writes the journal anew.
#[test]
fn the_journal_is_as_this_build_writes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let db = open(&path("db"));
    // fjall compresses values from this length on.
    db.keyspace("a", KeyspaceCreateOptions::default).unwrap().insert("key", vec![b'v'; 4096]).unwrap();
    drop(db);
    // The next open cuts off the preallocated end of the journal.
    drop(open(&path("db")));
    let written = fs::read(path("db/0.jnl")).unwrap();
    if std::env::var_os("LSM_CHECKPOINT_WRITE").is_some() {
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/lz4.jnl");
        fs::write(golden, &written).unwrap();
    } else {
        assert_eq!(written, JOURNAL);
    }
}

#[test]
fn a_build_with_lz4_reads_the_journal_in_a_restored_copy() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let db = open(&path("db"));
    let _ = db.keyspace("a", KeyspaceCreateOptions::default).unwrap();
    drop(db);
    fs::write(path("db/0.jnl"), JOURNAL).unwrap();
    let _ = backup_closed(path("db"), path("backup")).unwrap();
    let expected = contents(&open(&path("db")));
    assert_eq!(expected["a"][&b"key"[..]], vec![b'v'; 4096]);
    assert_eq!(restored(&path("backup")), expected);
}
