//! A stored repository of version 1. Every later version must read it.

use lsm_checkpoint_store::{BackupId, Location, Options, ReadOptions, Repository, VerifyOptions};
use lsm_fs::FsExt;

use crate::ground::run;

#[test]
fn a_repository_of_version_1_is_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v1");
    let repository = run(Repository::open(Location::local(folder).unwrap(), Options::new())).unwrap();
    assert_eq!(repository.constants().kept_heads.get(), 128);
    let status = run(repository.status()).unwrap();
    let backups = run(repository.list()).unwrap();
    assert_eq!((backups.len(), status.forgotten.len(), status.writers.len()), (1, 1, 1));
    assert_eq!((backups[0].source.as_str(), backups[0].seqno), ("golden", Some(7)));
    let report = run(repository.verify(&VerifyOptions::new())).unwrap();
    assert!(report.is_sound() && report.read_bytes > 0, "{report:?}");
    let forgotten: BackupId = status.forgotten[0].backup.id;
    for backup in [backups[0].id, forgotten] {
        let files = run(repository.files(backup, &ReadOptions::new())).unwrap();
        assert_eq!(files.read_to_vec(&files.dir().join("tables/1"), 100).unwrap(), b"one");
    }
}
