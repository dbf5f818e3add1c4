//! Round trips of every kind of database, keyspace and journal.

use fjall::{
    CompressionType, Database, KeyspaceCreateOptions, KvSeparationOptions, OptimisticTxDatabase, PersistMode,
    SingleWriterTxDatabase, config::CompressionPolicy,
};
use lsm_checkpoint::Policy;
use lsm_checkpoint_fjall::{Backup, backup, backup_closed, restore};

use crate::world::{contents, filled, open, restored};

#[test]
fn a_backup_holds_tables_journals_and_separated_values_under_every_policy() {
    let folder = tempfile::tempdir().unwrap();
    let db = filled(&folder.path().join("db"));
    let expected = contents(&db);
    assert_eq!(expected["blobs"].len(), 150);
    for policy in [Policy::LinkOnly, Policy::PreferLink, Policy::PreferReflink, Policy::Independent] {
        let target = folder.path().join(format!("{policy:?}"));
        let info = Backup::new().policy(policy).create(&db, &target).unwrap();
        assert!(
            (100_000..1 << 20).contains(&info.journal_bytes),
            "the preallocated end is left out: {info:?}"
        );
        assert_eq!(restored(&target), expected, "{policy:?}");
    }
}

#[test]
fn a_closed_database_is_backed_up_from_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let db = filled(&folder.path().join("db"));
    let expected = contents(&db);
    drop(db);
    let target = folder.path().join("backup");
    let info = backup_closed(folder.path().join("db"), &target).unwrap();
    assert_eq!((info.cut, info.checkpoint.seqno), (None, None));
    assert_eq!(restored(&target), expected);
    assert_eq!(contents(&open(&folder.path().join("db"))), expected);
}

#[cfg(unix)]
#[test]
fn symbolic_links_to_a_database_and_in_it_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let expected = contents(&filled(&path("db")));
    std::fs::create_dir(path("backups")).unwrap();
    std::fs::rename(path("db/keyspaces/1"), path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(path("elsewhere"), path("db/keyspaces/1")).unwrap();
    std::os::unix::fs::symlink(path("db"), path("link")).unwrap();
    let db = open(&path("link"));
    assert_eq!(contents(&db), expected);
    let _ = backup(&db, path("backups/open")).unwrap();
    drop(db);
    let _ = backup_closed(path("link"), path("backups/closed")).unwrap();
    for backup in ["open", "closed"] {
        assert_eq!(restored(&path("backups").join(backup)), expected, "{backup}");
    }
}

#[test]
fn transactions_are_in_a_backup_once_they_are_committed() {
    let folder = tempfile::tempdir().unwrap();
    let single = SingleWriterTxDatabase::builder(folder.path().join("single")).open().unwrap();
    let keyspace = single.keyspace("a", KeyspaceCreateOptions::default).unwrap();
    let mut tx = single.write_tx();
    tx.insert(&keyspace, "committed", "1");
    tx.commit().unwrap();
    let mut open_tx = single.write_tx();
    open_tx.insert(&keyspace, "open", "1");
    let _ = backup(&single, folder.path().join("b1")).unwrap();
    open_tx.commit().unwrap();

    let optimistic = OptimisticTxDatabase::builder(folder.path().join("optimistic")).open().unwrap();
    let keyspace = optimistic.keyspace("a", KeyspaceCreateOptions::default).unwrap();
    let mut tx = optimistic.write_tx().unwrap();
    tx.insert(&keyspace, "committed", "1");
    tx.commit().unwrap().unwrap();
    let mut open_tx = optimistic.write_tx().unwrap();
    open_tx.insert(&keyspace, "open", "1");
    let _ = backup(&optimistic, folder.path().join("b2")).unwrap();
    open_tx.commit().unwrap().unwrap();

    for name in ["b1", "b2"] {
        let found = restored(&folder.path().join(name));
        assert_eq!(found["a"].keys().collect::<Vec<_>>(), [b"committed"], "{name}");
    }
}

#[test]
fn a_journal_in_memory_is_written_out_with_manual_persist() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::builder(folder.path().join("db")).manual_journal_persist(true).open().unwrap();
    let options = || KeyspaceCreateOptions::default().manual_journal_persist(true);
    let keyspace = db.keyspace("a", options).unwrap();
    keyspace.insert("in", "the buffer").unwrap();
    let _ = backup(&db, folder.path().join("backup")).unwrap();
    assert_eq!(restored(&folder.path().join("backup")), contents(&db));
}

#[test]
fn options_of_keyspaces_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::builder(folder.path().join("db")).open().unwrap();
    let options = || {
        KeyspaceCreateOptions::default()
            .max_memtable_size(3 << 20)
            .expect_point_read_hits(true)
            .data_block_compression_policy(CompressionPolicy::disabled())
            .with_kv_separation(Some(KvSeparationOptions::default().separation_threshold(77)))
    };
    let _ = db.keyspace("special", options).unwrap();
    let _ = backup(&db, folder.path().join("backup")).unwrap();
    let _ = restore(folder.path().join("backup"), folder.path().join("copy")).unwrap();
    let copy = open(&folder.path().join("copy"));
    let keyspace = copy.keyspace("special", || panic!("it exists")).unwrap();
    assert!(keyspace.is_kv_separated());
    let original = db.keyspace("special", || panic!("it exists")).unwrap();
    assert_eq!(shown(&keyspace), shown(&original));
    assert!(keyspace.config.expect_point_read_hits);
}

/// Returns options of a keyspace as text. fjall stores all options except the factory of compaction filters.
fn shown(keyspace: &fjall::Keyspace) -> Vec<String> {
    let config = &keyspace.config;
    vec![
        format!("{}", config.expect_point_read_hits),
        format!("{:?}", config.data_block_hash_ratio_policy),
        format!("{:?}", config.data_block_size_policy),
        format!("{:?}", config.data_block_restart_interval_policy),
        format!("{:?}", config.index_block_pinning_policy),
        format!("{:?}", config.filter_block_pinning_policy),
        format!("{:?}", config.index_block_partitioning_policy),
        format!("{:?}", config.filter_block_partitioning_policy),
        format!("{:?}", config.filter_policy),
        format!("{:?}", config.data_block_compression_policy),
        format!("{:?}", config.index_block_compression_policy),
        format!("{:?}", config.kv_separation_opts),
    ]
}

#[test]
fn compressed_and_plain_journals_are_read() {
    for compression in [CompressionType::None, CompressionType::Lz4] {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::builder(folder.path().join("db")).journal_compression(compression).open().unwrap();
        let keyspace = db.keyspace("a", KeyspaceCreateOptions::default).unwrap();
        for n in 0..10_u8 {
            keyspace.insert([n], vec![n; 100_000]).unwrap();
        }
        db.persist(PersistMode::Buffer).unwrap();
        let info = backup(&db, folder.path().join("backup")).unwrap();
        assert_eq!(info.journal_bytes < 500_000, compression == CompressionType::Lz4, "{info:?}");
        assert_eq!(restored(&folder.path().join("backup")), contents(&db));
    }
}

#[test]
fn a_copy_of_a_copy_after_restarts_equals_the_first_database() {
    let folder = tempfile::tempdir().unwrap();
    let mut dir = folder.path().join("0");
    let mut expected = contents(&filled(&dir));
    for round in 1..4_u8 {
        let db = open(&dir);
        let doomed = db.keyspace("doomed", KeyspaceCreateOptions::default).unwrap();
        doomed.insert("high", "number").unwrap();
        db.delete_keyspace(doomed).unwrap();
        let plain = db.keyspace("plain", KeyspaceCreateOptions::default).unwrap();
        plain.insert([round], "round").unwrap();
        expected.get_mut("plain").unwrap().insert(vec![round], b"round".to_vec());
        let target = folder.path().join(format!("backup {round}"));
        let _ = backup(&db, &target).unwrap();
        dir = folder.path().join(round.to_string());
        let _ = restore(&target, &dir).unwrap();
    }
    assert_eq!(contents(&open(&dir)), expected);
}
