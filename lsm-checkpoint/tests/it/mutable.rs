//! Files that may change after a checkpoint: copied and compared, and never linked.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{
    Catalog, Change, Checkpoint, CheckpointDir, Error, FileKind, Method, Policy, SourceFile, VerifyOptions,
    run_checkpoint, verify,
};
use lsm_fs::{Fs, FsExt, FsOpenOptions, SyncMode};
use lsm_fs_mem::MemFs;
use xxhash_rust::xxh3::xxh3_128;

use crate::{create::TARGET, foreign::Foreign};

const TABLE: &str = "/db/1.sst";
const IN_TARGET: &str = "/checkpoint/tables/1.sst";

fn with_table() -> MemFs {
    let fs = MemFs::new();
    fs.create_dir(Path::new("/db")).unwrap();
    fs.write_new(Path::new(TABLE), b"rows", SyncMode::Normal).unwrap();
    fs
}

/// An engine with one table that may change.
fn engine(fs: &MemFs, len: impl Into<Option<u64>>) -> Foreign {
    let sum = xxh3_128(b"rows");
    let table = SourceFile::mutable(FileKind::Table, Arc::new(fs.clone()), TABLE, len, sum);
    Foreign::new(vec![table], |target| Ok(target.write("CURRENT", b"1")?))
}

/// Overwrites a file in place, so that every name of its inode shows the new bytes.
fn overwrite(fs: &MemFs, path: &str, bytes: &[u8]) {
    let file = fs.open(Path::new(path), &FsOpenOptions::new().write(true)).unwrap();
    file.write_at(bytes, 0).unwrap();
}

fn table_of(fs: &MemFs, dir: &str) -> lsm_checkpoint::CatalogFile {
    let catalog = Catalog::read(fs, Path::new(dir)).unwrap();
    catalog.files.into_iter().find(|file| file.kind == FileKind::Table).unwrap()
}

#[test]
fn a_mutable_file_is_copied_under_every_policy() {
    for policy in [Policy::LinkOnly, Policy::PreferLink, Policy::PreferReflink, Policy::Independent] {
        for len in [None, Some(4)] {
            let fs = with_table();
            Checkpoint::new().policy(policy).create(&engine(&fs, len), &fs, Path::new(TARGET)).unwrap();
            let entry = table_of(&fs, TARGET);
            assert_eq!((entry.method, entry.linkable, entry.len), (Method::Copy, false, 4), "{policy:?}");
            let checkpoint = CheckpointDir::open(Arc::new(fs.clone()), TARGET).unwrap();
            let restored = Path::new("/restored");
            Checkpoint::new().policy(policy).restore(&checkpoint, &fs, restored).unwrap();

            overwrite(&fs, TABLE, b"\0\0ws");
            overwrite(&fs, "/restored/tables/1.sst", b"live");
            assert_eq!(fs.read_to_vec(Path::new(IN_TARGET), 9).unwrap(), b"rows", "{policy:?}");
            let report = verify(&fs, Path::new(TARGET), &VerifyOptions::full()).unwrap();
            assert!(report.is_sound() && report.unchecked_files == 0, "{policy:?}: {report}");
        }
    }
}

#[test]
fn an_increment_does_not_link_a_mutable_file() {
    let fs = with_table();
    run_checkpoint(&engine(&fs, None), &fs, Path::new(TARGET)).unwrap();
    let second = Path::new("/second");
    Checkpoint::new().base(Path::new(TARGET)).create(&engine(&fs, None), &fs, second).unwrap();
    assert_eq!(table_of(&fs, "/second").method, Method::Copy);
}

#[test]
fn a_change_before_the_copy_fails_the_checkpoint() {
    let fs = with_table();
    overwrite(&fs, TABLE, b"\0\0ws");
    let error = run_checkpoint(&engine(&fs, None), &fs, Path::new(TARGET)).unwrap_err();
    assert!(matches!(&error, Error::SourceCorrupt { path, .. } if path == Path::new(TABLE)), "{error:?}");

    let fs = with_table();
    let error = run_checkpoint(&engine(&fs, 5), &fs, Path::new(TARGET)).unwrap_err();
    let changed = Change::Length { expected: 5, found: 4 };
    assert!(matches!(&error, Error::SourceChanged { what, .. } if *what == changed), "{error:?}");
    assert!(!fs.exists(Path::new(TARGET)).unwrap());
}
