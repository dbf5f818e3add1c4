//! A base: only an identical file is linked from it.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{Checkpoint, Error, FileKind, Method, Policy, SourceFile, run_checkpoint};
use lsm_fs::{Fs, FsExt, FsOpenOptions, Op, StdFs, SyncMode, errno};
use lsm_fs_mem::{Fault, FaultFs, VolumeOptions};
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    create::{mem_db, two_volumes},
    foreign::Foreign,
};

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
fn a_base_file_of_another_length_is_not_linked() {
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
fn a_directory_in_the_base_is_not_linked() {
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
fn a_symbolic_link_in_the_base_is_not_linked() {
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

#[test]
fn a_missing_base_is_an_error_unless_it_is_optional() {
    let (mem, db) = two_volumes(VolumeOptions::new());
    mem.create_dir(Path::new("/backup/other")).unwrap();
    mem.create_dir(Path::new("/backup/damaged")).unwrap();
    mem.write_new(Path::new("/backup/damaged/CHECKPOINT"), b"no catalog", SyncMode::Normal).unwrap();
    let next = Path::new(NEXT);
    for base in ["/backup/none", "/backup/other", "/backup/damaged", "/backup/damaged/CHECKPOINT"] {
        let refused = Checkpoint::new().base(Path::new(base)).create(&db, &mem, next);
        let Err(Error::BaseUnusable { base: named, source }) = &refused else { panic!("{refused:?}") };
        assert_eq!(named, Path::new(base));
        assert!(!matches!(**source, Error::BaseUnusable { .. }));
        let text = refused.unwrap_err().to_string();
        assert!(text.contains(base) && text.contains("base;"), "{text}");
        assert!(!mem.exists(next).unwrap());

        let info = Checkpoint::new().optional_base(Path::new(base)).create(&db, &mem, next).unwrap();
        assert!(info.base.unusable.as_ref().unwrap().contains(base), "{:?}", info.base);
        assert!(db.check_target(&mem, next).unwrap());
        mem.remove_dir_all(next).unwrap();
    }
}

#[test]
fn an_existing_optional_base_is_used() {
    let (mem, db) = two_volumes(VolumeOptions::new());
    run_checkpoint(&db, &mem, Path::new(BASE)).unwrap();
    let info = Checkpoint::new().optional_base(Path::new(BASE)).create(&db, &mem, Path::new(NEXT)).unwrap();
    assert_eq!(
        (info.by_method(Method::BaseLink).files, info.base),
        (3, lsm_checkpoint::BaseReport::default())
    );
}

/// Four bytes of a table in the base are overwritten. The source still has them.
#[test]
fn a_damaged_base_is_found_by_reading_it() {
    let (mem, db) = two_volumes(VolumeOptions::new());
    run_checkpoint(&db, &mem, Path::new(BASE)).unwrap();
    let table = mem.open(Path::new("/backup/base/tables/1"), &FsOpenOptions::new().write(true)).unwrap();
    table.write_at(b"dead", 100).unwrap();
    let based = Checkpoint::new().base(Path::new(BASE));

    let info = based.create(&db, &mem, Path::new("/backup/trusting")).unwrap();
    assert_eq!((info.by_method(Method::BaseLink).files, info.base.damaged.len()), (3, 0));
    assert!(db.check_target(&mem, Path::new("/backup/trusting")).is_err(), "it is linked as it is");

    let info = based.verify_base(true).create(&db, &mem, Path::new(NEXT)).unwrap();
    assert_eq!(info.by_method(Method::BaseLink).files, 2);
    assert_eq!((info.base.verified_files, info.base.damaged), (2, vec![Path::new("tables/1").to_path_buf()]));
    assert!(db.check_target(&mem, Path::new(NEXT)).unwrap());
    let ids = [BASE, NEXT].map(|dir| mem.metadata(&Path::new(dir).join("tables/1")).unwrap().file_id);
    assert_ne!(ids[0], ids[1]);
}

/// The base's file is read. The link to it then fails, because its inode has too many names.
#[test]
fn a_file_that_is_read_and_not_linked_is_not_counted() {
    let (mem, db) = two_volumes(VolumeOptions::new());
    run_checkpoint(&db, &mem, Path::new(BASE)).unwrap();
    let faulty = FaultFs::new(mem.clone());
    faulty.inject(Fault::on(Op::HardLink).at("/backup/base/tables/1").before(errno::EMLINK));
    let based = Checkpoint::new().base(Path::new(BASE)).verify_base(true);
    let info = based.create(&db, &faulty, Path::new(NEXT)).unwrap();
    assert_eq!((info.by_method(Method::BaseLink).files, info.by_method(Method::Copy).files), (2, 2));
    assert_eq!((info.base.verified_files, info.base.damaged.len()), (2, 0));
    assert!(db.check_target(&mem, Path::new(NEXT)).unwrap());
}

/// The version knows no checksums, so a file of the base is known by its inode. Its bytes are the source's.
#[test]
fn an_inode_of_the_source_is_not_read() {
    let (mem, mut db) = mem_db(&[""]);
    run_checkpoint(&db, &mem, Path::new("/base")).unwrap();
    db.checksums = false;
    let faulty = FaultFs::new(mem.clone());
    for file in ["tables/1", "tables/2", "blobs/1"] {
        faulty.inject(Fault::on(Op::HardLink).at(Path::new("/db").join(file)).before(errno::EMLINK));
    }
    let based = Checkpoint::new().base(Path::new("/base")).verify_base(true);
    let info = based.create(&db, &faulty, Path::new("/next")).unwrap();
    assert_eq!(info.by_method(Method::BaseLink).files, 3);
    assert_eq!(info.base, lsm_checkpoint::BaseReport::default());
}

#[test]
fn reading_a_base_can_be_cancelled_and_damage_to_both_files_is_an_error() {
    let (mem, db) = two_volumes(VolumeOptions::new());
    run_checkpoint(&db, &mem, Path::new(BASE)).unwrap();
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let stop = |_: &lsm_checkpoint::Progress| match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        0 => std::ops::ControlFlow::Continue(()),
        _ => std::ops::ControlFlow::Break(()),
    };
    let based = Checkpoint::new().base(Path::new(BASE)).verify_base(true);
    let cancelled = based.progress(&stop).create(&db, &mem, Path::new(NEXT));
    assert!(matches!(cancelled, Err(Error::Cancelled)), "{cancelled:?}");
    for path in ["/backup/base/blobs/1", "/db/blobs/1"] {
        mem.open(Path::new(path), &FsOpenOptions::new().write(true)).unwrap().write_at(b"dead", 100).unwrap();
    }
    let refused = based.create(&db, &mem, Path::new(NEXT));
    assert!(matches!(refused, Err(Error::SourceCorrupt { .. })), "{refused:?}");
    assert!(!mem.exists(Path::new(NEXT)).unwrap());
}
