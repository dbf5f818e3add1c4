//! The choice of a method, in cases that a single line of the transfer decides.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{Change, Checkpoint, Error, FileKind, Method, SourceFile, run_checkpoint};
use lsm_fs::{Fs, FsExt, FsOpenOptions, Op, SyncMode, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs};
use xxhash_rust::xxh3::xxh3_128;

use crate::{create::TARGET, foreign::Foreign};

const BASE: &str = "/base";
const TABLE: &str = "/db/1.sst";

fn with_table(bytes: &[u8]) -> MemFs {
    let fs = MemFs::new();
    fs.create_dir(Path::new("/db")).unwrap();
    fs.write_new(Path::new(TABLE), bytes, SyncMode::Normal).unwrap();
    fs
}

fn table(fs: &MemFs, path: &str, len: impl Into<Option<u64>>) -> SourceFile {
    SourceFile::immutable(FileKind::Table, Arc::new(fs.clone()), path, len)
}

fn engine(files: Vec<SourceFile>) -> Foreign {
    Foreign::new(files, |target| Ok(target.write("CURRENT", b"1")?))
}

fn carried(fs: &dyn Fs, name: &str) -> Vec<u8> {
    fs.read_to_vec(&Path::new(TARGET).join("tables").join(name), 1 << 20).unwrap()
}

/// The directories of the two files have the same name, and only the first is on the backend of the target.
#[test]
fn files_of_two_backends_are_two_groups() {
    let (here, there) = (with_table(b"here"), MemFs::new());
    there.create_dir(Path::new("/db")).unwrap();
    there.write_new(Path::new("/db/2.sst"), b"there", SyncMode::Normal).unwrap();
    let engine = engine(vec![table(&here, TABLE, 4), table(&there, "/db/2.sst", 5)]);
    let info = run_checkpoint(&engine, &here, Path::new(TARGET)).unwrap();
    assert_eq!((info.by_method(Method::HardLink).files, info.by_method(Method::Copy).files), (1, 1));
    assert_eq!((carried(&here, "1.sst"), carried(&here, "2.sst")), (b"here".to_vec(), b"there".to_vec()));
}

#[test]
fn a_failed_volume_lookup_fails_the_checkpoint() {
    let fs = with_table(b"rows");
    let faulty = FaultFs::new(fs.clone());
    faulty.inject(Fault::on(Op::VolumeId).nth(1).before(errno::EIO));
    let file = SourceFile::immutable(FileKind::Table, Arc::new(faulty), TABLE, 4);
    let failed = run_checkpoint(&engine(vec![file]), &fs, Path::new(TARGET));
    assert!(matches!(&failed, Err(Error::Fs(e)) if e.op() == Op::VolumeId), "{failed:?}");
}

/// The engine has a new file with the old name and length.
#[test]
fn a_file_of_the_base_with_another_checksum_is_not_linked() {
    let (source, fs) = (with_table(b"old!"), MemFs::new());
    let file = |bytes: &[u8]| table(&source, TABLE, 4).checksum(xxh3_128(bytes));
    run_checkpoint(&engine(vec![file(b"old!")]), &fs, Path::new(BASE)).unwrap();
    source.remove_file(Path::new(TABLE)).unwrap();
    source.write_new(Path::new(TABLE), b"new!", SyncMode::Normal).unwrap();
    let options = Checkpoint::new().base(Path::new(BASE));
    let info = options.create(&engine(vec![file(b"new!")]), &fs, Path::new(TARGET)).unwrap();
    assert_eq!(info.by_method(Method::BaseLink).files, 0);
    assert_eq!(carried(&fs, "1.sst"), b"new!");
}

/// Two backends number their inodes from the same start.
#[test]
fn equal_inode_numbers_of_two_backends_are_not_one_inode() {
    let (source, fs) = (MemFs::new(), MemFs::new());
    let id = |fs: &MemFs, path: &str| fs.metadata(Path::new(path)).unwrap().file_id;
    run_checkpoint(
        &engine(vec![SourceFile::bytes(FileKind::Table, "1.sst", *b"old!")]),
        &fs,
        Path::new(BASE),
    )
    .unwrap();
    source.create_dir(Path::new("/db")).unwrap();
    for n in 0.. {
        source.write_new(Path::new(TABLE), b"new!", SyncMode::Normal).unwrap();
        if id(&source, TABLE) == id(&fs, "/base/tables/1.sst") {
            break;
        }
        source.rename(Path::new(TABLE), Path::new(&format!("/db/other-{n}"))).unwrap();
    }
    let options = Checkpoint::new().base(Path::new(BASE));
    options.create(&engine(vec![table(&source, TABLE, 4)]), &fs, Path::new(TARGET)).unwrap();
    assert_eq!(carried(&fs, "1.sst"), b"new!");
}

/// Only a refusal is a reason to fall back to another method.
#[test]
fn a_failed_link_to_the_base_fails_the_checkpoint() {
    let (source, fs) = (with_table(b"rows"), MemFs::new());
    let engine = engine(vec![table(&source, TABLE, 4).checksum(xxh3_128(b"rows"))]);
    run_checkpoint(&engine, &fs, Path::new(BASE)).unwrap();
    let faulty = FaultFs::new(fs.clone());
    faulty.inject(Fault::on(Op::HardLink).nth(1).before(errno::EIO));
    let failed = Checkpoint::new().base(Path::new(BASE)).create(&engine, &faulty, Path::new(TARGET));
    assert!(matches!(&failed, Err(Error::Fs(e)) if e.op() == Op::HardLink), "{failed:?}");
}

#[test]
fn a_table_longer_than_in_the_snapshot_is_not_copied() {
    let source = with_table(b"rows and more");
    let failed = run_checkpoint(&engine(vec![table(&source, TABLE, 4)]), &MemFs::new(), Path::new(TARGET));
    let longer = Change::Length { expected: 4, found: 13 };
    assert!(matches!(&failed, Err(Error::SourceChanged { what, .. }) if *what == longer), "{failed:?}");
}

#[test]
fn a_hole_counts_in_the_checksum_of_a_copy() {
    let source = with_table(b"");
    let mut bytes = vec![0; 200_000];
    bytes[..4].copy_from_slice(b"head");
    bytes[199_996..].copy_from_slice(b"tail");
    let file = source.open(Path::new(TABLE), &FsOpenOptions::new().write(true)).unwrap();
    file.write_at(b"head", 0).unwrap();
    file.write_at(b"tail", 199_996).unwrap();
    let file = table(&source, TABLE, 200_000).checksum(xxh3_128(&bytes));
    let target = MemFs::new();
    run_checkpoint(&engine(vec![file]), &target, Path::new(TARGET)).unwrap();
    assert_eq!(carried(&target, "1.sst"), bytes);
}
