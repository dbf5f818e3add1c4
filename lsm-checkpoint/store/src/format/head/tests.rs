use super::*;
use crate::id::Nonce;

fn backup(n: u8, seqno: Option<u64>) -> Backup {
    let name = ObjectName { writer: WriterId([n; 16]), nonce: Nonce([n + 1; 16]) };
    let refs = RefsPlace { offset: 4096, len: 74, sha256: [3; 32] };
    Backup {
        id: BackupId([n; 16]),
        source: "db".into(),
        seqno,
        created: Duration::from_millis(1_700_000_000_123),
        pushed: Duration::from_millis(1_700_000_000_456),
        files: 3,
        bytes: 1 << 40,
        catalog: CatalogPlace { name, len: 9000, sha256: [2; 32], refs },
    }
}

fn head() -> Head {
    let writer = RegisteredWriter {
        id: WriterId([9; 16]),
        host: "a host".into(),
        process: 7,
        started: Duration::from_secs(5),
        registered_in: 4,
    };
    Head {
        number: 7,
        previous: [1; 32],
        backups: vec![backup(1, Some(41)), backup(2, None)],
        forgotten: vec![
            Forgotten { backup: backup(3, None), seen: None },
            Forgotten { backup: backup(4, Some(0)), seen: Some(Duration::from_secs(9)) },
        ],
        writers: vec![writer],
        ..Head::first(RepositoryId([8; 16]), TransactionId([6; 16]))
    }
}

#[test]
fn a_state_survives_the_round_trip() {
    for head in [head(), Head::first(RepositoryId([0; 16]), TransactionId([0; 16]))] {
        let bytes = head.encode().unwrap();
        assert_eq!(Head::decode(head.number, bytes).unwrap(), head);
    }
}

#[test]
fn a_state_under_another_number_is_refused() {
    let bytes = head().encode().unwrap();
    assert!(matches!(Head::decode(8, bytes), Err(Defect::Number { found: 7 })));
}

#[test]
fn every_flipped_byte_is_detected_or_harmless() {
    let good = head();
    let bytes = good.encode().unwrap();
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 0x10;
        if let Ok(found) = Head::decode(7, bad) {
            assert_eq!(found, good, "byte {at}");
        }
    }
    for len in 0..bytes.len() {
        // The mirror stands in for a footer that was cut off.
        if let Ok(found) = Head::decode(7, bytes[..len].to_vec()) {
            assert_eq!(found, good, "{len} bytes");
        }
    }
}

#[test]
fn a_backup_that_stands_twice_is_refused() {
    let mut twice = head();
    twice.forgotten[0].backup.id = twice.backups[0].id;
    assert!(matches!(Head::decode(7, twice.encode().unwrap()), Err(Defect::Records)));
}
