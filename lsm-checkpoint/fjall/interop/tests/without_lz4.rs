//! A fjall without its feature `lz4` opens a backup of a database that was written with it.

use std::fs;

use fjall::{Database, KeyspaceCreateOptions};
use lsm_checkpoint_fjall::{backup_closed, restore};

/// A journal that a build with `lz4` has written: one put of a value that it compressed.
const LZ4: &[u8] = include_bytes!("../../tests/golden/lz4.jnl");

/// When this build opens a restored database, it cuts the journal off, as it would in the source. The backup stays as
/// it was, so a build with `lz4` finds the key in a database that is restored again.
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
