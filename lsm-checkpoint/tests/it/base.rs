//! A base: only an identical file is linked from it.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{Checkpoint, Error, FileKind, Method, Policy, SourceFile, run_checkpoint};
use lsm_fs::{Fs, FsExt, FsOpenOptions, Op, StdFs, SyncMode};
use lsm_fs_mem::{FaultFs, VolumeOptions};
use xxhash_rust::xxh3::xxh3_128;

use crate::{create::two_volumes, foreign::Foreign};

const BASE: &str = "/backup/base";
const NEXT: &str = "/backup/next";

/// Creates an engine whose version knows the checksum of its table, and optionally its length.
fn engine(fs: &Arc<dyn Fs>, table: &Path, len: Option<u64>) -> Foreign {
    let file = SourceFile::immutable(FileKind::Table, Arc::clone(fs), table, len);
    Foreign::new(vec![file.checksum(xxh3_128(b"rows"))], |target| Ok(target.write("CURRENT", b"1")?))
}

/// The source file has grown, and the version still holds the checksum of its first bytes. A link to the base would
/// hide this, and the length in the catalog would be wrong.
#[test]
fn a_file_of_another_length_than_the_bases_is_not_linked() {
    let table = Path::new("/1.sst");
    for len in [None, Some(8)] {
        let (mem, _) = two_volumes(VolumeOptions::new());
        let fs: Arc<dyn Fs> = Arc::new(mem.clone());
        mem.write_new(table, b"rows", SyncMode::Normal).unwrap();
        run_checkpoint(&engine(&fs, table, None), &mem, Path::new(BASE)).unwrap();
        mem.open(table, &FsOpenOptions::new().write(true)).unwrap().write_at(b"more", 4).unwrap();
        let refused =
            Checkpoint::new().base(Path::new(BASE)).create(&engine(&fs, table, len), &mem, Path::new(NEXT));
        assert!(matches!(refused, Err(Error::SourceCorrupt { .. })), "{len:?}: {refused:?}");
        assert!(!mem.exists(Path::new(NEXT)).unwrap());
    }
}

/// A directory may have the length of the file by chance.
#[test]
fn a_directory_in_the_base_is_no_file() {
    let (mem, _) = two_volumes(VolumeOptions::new());
    mem.create_dir(Path::new("/backup/probe")).unwrap();
    let len = mem.metadata(Path::new("/backup/probe")).unwrap().len;
    let (fs, table): (Arc<dyn Fs>, _) = (Arc::new(mem.clone()), Path::new("/1.sst"));
    let bytes = vec![7; usize::try_from(len).unwrap()];
    mem.write_new(table, &bytes, SyncMode::Normal).unwrap();
    let file = SourceFile::immutable(FileKind::Table, fs, table, len).checksum(xxh3_128(&bytes));
    let engine = Foreign::new(vec![file], |target| Ok(target.write("CURRENT", b"1")?));
    run_checkpoint(&engine, &mem, Path::new(BASE)).unwrap();
    let held = Path::new("/backup/base/tables/1.sst");
    mem.remove_file(held).unwrap();
    mem.create_dir(held).unwrap();

    let counted = FaultFs::new(mem.clone());
    let info = Checkpoint::new().base(Path::new(BASE)).create(&engine, &counted, Path::new(NEXT)).unwrap();
    assert_eq!(info.by_method(Method::Copy).files, 1);
    assert_eq!(
        counted.count(Op::HardLink),
        1,
        "from the source, and refused; the directory is not asked for"
    );
    assert_eq!(mem.read_to_vec(Path::new("/backup/next/tables/1.sst"), 1 << 20).unwrap(), bytes);
}

/// The link is as long as the file that it points to, and that file has the right bytes.
#[cfg(unix)]
#[test]
fn a_symbolic_link_in_the_base_is_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let (fs, table): (Arc<dyn Fs>, _) = (Arc::new(StdFs), dir.path().join("1.sst"));
    StdFs.write_new(&table, b"rows", SyncMode::Normal).unwrap();
    let (base, next) = (dir.path().join("base"), dir.path().join("next"));
    let independent = Checkpoint::new().policy(Policy::Independent);
    independent.create(&engine(&fs, &table, Some(4)), &StdFs, &base).unwrap();
    let tables = base.join("tables");
    StdFs.rename(&tables.join("1.sst"), &tables.join("link")).unwrap();
    std::os::unix::fs::symlink("link", tables.join("1.sst")).unwrap();

    let info = independent.base(&base).create(&engine(&fs, &table, Some(4)), &StdFs, &next).unwrap();
    assert_eq!(info.by_method(Method::BaseLink).files, 0);
    assert!(StdFs.symlink_metadata(&next.join("tables/1.sst")).unwrap().is_file());
}
