//! Catalogs of both formats, and the description of a checkpoint.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use lsm_checkpoint::{
    CATALOG_FORMAT, Catalog, CatalogDefect, Change, Checkpoint, CheckpointDir, Clock, Error, FileKind,
    Method, Policy, Removal, SourceFile, VerifyOptions, list, remove, restore, run_checkpoint, verify,
};
use lsm_fs::{
    Fs, FsExt, FsOpenOptions, Op, StdFs, SyncMode, errno,
    intercept::{Call, InterceptFs, Interceptor, Outcome},
};
use lsm_fs_mem::{Fault, FaultFs, MemFs, VolumeOptions};

use crate::{
    create::{DIR, TARGET},
    db::{Db, all_files},
    entries::{read_catalog, write_catalog},
    foreign::Foreign,
};

const RESTORED: &str = "/restored";

/// A checkpoint that was written in this format: two trees, every kind of file. Its files are never edited.
fn golden(format: &str) -> MemFs {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format);
    let fs = MemFs::new();
    for path in all_files(&StdFs, &golden, Path::new("")).unwrap() {
        let to = Path::new(TARGET).join(&path);
        fs.create_dir_all(to.parent().unwrap()).unwrap();
        fs.write_new(&to, &StdFs.read_to_vec(&golden.join(&path), 1 << 20).unwrap(), SyncMode::Normal)
            .unwrap();
    }
    fs
}

fn opened(fs: &MemFs) -> CheckpointDir {
    CheckpointDir::open(Arc::new(fs.clone()), TARGET).unwrap()
}

#[test]
fn a_checkpoint_of_format_1_is_verified_restored_and_copied() {
    let fs = golden("format-1");
    let old = Catalog::read(&fs, Path::new(TARGET)).unwrap();
    assert_eq!((old.format, old.identity.as_str(), old.seqno), (1, "a test", Some(42)));
    let report = verify(&fs, Path::new(TARGET), &VerifyOptions::full()).unwrap();
    assert!(report.is_sound() && report.notes.is_empty() && report.checked_files == 16, "{report}");
    let info = restore(&opened(&fs), &fs, Path::new(RESTORED)).unwrap();
    assert_eq!((info.seqno, info.other_files), (Some(42), 10));
    let copy = Path::new("/copy");
    run_checkpoint(&opened(&fs), &fs, copy).unwrap();
    let new = Catalog::read(&fs, copy).unwrap();
    assert_eq!((new.format, new.seqno, &new.trees), (CATALOG_FORMAT, old.seqno, &old.trees));
    let known = |catalog: &Catalog| -> Vec<_> {
        catalog
            .files
            .iter()
            .map(|file| (catalog.path_of(file), file.len, file.checksum, file.linkable))
            .collect()
    };
    assert_eq!(known(&new), known(&old));
    assert_eq!(list(&fs, Path::new("/")).unwrap().len(), 2);
}

/// The clock of the golden checkpoints.
#[derive(Debug)]
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn wait(&self, _: Duration) {}

    fn unix_time(&self) -> Duration {
        Duration::from_millis(1_700_000_000_123)
    }
}

/// The filesystem of the golden checkpoints' source, which had no modes.
#[derive(Debug)]
struct WithoutModes;

impl Interceptor for WithoutModes {
    type File = ();

    fn around<R: Outcome>(
        &self,
        _: Option<&()>,
        _: &Call<'_>,
        run: impl FnOnce() -> lsm_fs::Result<R>,
    ) -> lsm_fs::Result<R> {
        let mut result = run();
        if let Some(metadata) = result.as_mut().ok().and_then(R::metadata) {
            metadata.permissions = None;
        }
        result
    }
}

#[test]
fn a_checkpoint_of_format_2_has_unchanged_bytes() {
    let fs = golden("format-2");
    let report = verify(&fs, Path::new(TARGET), &VerifyOptions::full()).unwrap();
    assert!(report.is_sound() && report.notes.is_empty() && report.checked_files == 16, "{report}");
    restore(&opened(&fs), &fs, Path::new(RESTORED)).unwrap();
    Db::prepare(&fs, Path::new(DIR), &["users", "orders"]);
    let source = Arc::new(InterceptFs::new(fs.clone(), WithoutModes));
    let db = Db::open(source, Path::new(DIR), &["users", "orders"]);
    let again = Path::new("/again");
    Checkpoint::new().clock(&Fixed).create(&db, &fs, again).unwrap();
    let names = all_files(&fs, Path::new(TARGET), Path::new("")).unwrap();
    assert_eq!(all_files(&fs, again, Path::new("")).unwrap(), names);
    for name in names {
        let bytes = |dir: &Path| fs.read_to_vec(&dir.join(&name), 1 << 20).unwrap();
        assert!(bytes(again) == bytes(Path::new(TARGET)), "{}", name.display());
    }
}

/// The engine decides if a file may be linked, the catalog records it, and a restore obeys it. The kind of the file
/// does not matter.
#[test]
fn each_file_records_if_it_may_be_linked() {
    let fs = MemFs::new();
    fs.create_dir(Path::new("/db")).unwrap();
    for name in ["/db/1", "/db/2", "/db/3"] {
        fs.write_new(Path::new(name), b"rows", SyncMode::Normal).unwrap();
    }
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    let filters = FileKind::other("filters");
    let files = vec![
        SourceFile::immutable(FileKind::Table, Arc::clone(&shared), "/db/1", 4),
        SourceFile::prefix(FileKind::Table, Arc::clone(&shared), "/db/2", 4),
        SourceFile::bytes(FileKind::Blob, "1", *b"rows"),
        SourceFile::immutable(filters, Arc::clone(&shared), "/db/3", 4),
    ];
    let engine = Foreign::new(files, |target| Ok(target.write("CURRENT", b"1")?));
    Checkpoint::new().policy(Policy::Independent).create(&engine, &fs, Path::new(TARGET)).unwrap();
    let catalog = Catalog::read(&fs, Path::new(TARGET)).unwrap();
    let linkable: Vec<PathBuf> =
        catalog.files.iter().filter(|file| file.linkable).map(|file| catalog.path_of(file)).collect();
    assert_eq!(linkable, ["tables/1", "filters/3"].map(PathBuf::from));
    let linking = Checkpoint::new().policy(Policy::PreferLink);
    let info = linking.restore(&opened(&fs), &fs, Path::new(RESTORED)).unwrap();
    assert_eq!((info.by_method(Method::HardLink).files, info.by_method(Method::Copy).files), (2, 2));
    let inode = |path: &str| fs.metadata(Path::new(path)).unwrap().file_id.unwrap();
    assert_ne!(inode("/restored/tables/2"), inode("/checkpoint/tables/2"));
    assert_ne!(inode("/restored/blobs/1"), inode("/checkpoint/blobs/1"));
}

/// Retention tools group checkpoints by identity and delete by group.
#[test]
fn a_source_without_an_identity_is_refused_before_anything_is_made() {
    for identity in ["", " ", "two\nlines", "tab\t", &"x".repeat(256)] {
        let fs = MemFs::new();
        let mut engine = Foreign::new(Vec::new(), |target| Ok(target.write("CURRENT", b"1")?));
        engine.identity = identity.to_owned();
        engine.flush = || panic!("it was flushed");
        let refused = run_checkpoint(&engine, &fs, Path::new(TARGET));
        assert!(matches!(refused, Err(Error::InvalidIdentity { .. })), "{identity:?}: {refused:?}");
        assert!(fs.read_dir(Path::new("/")).unwrap().is_empty());
    }
}

/// A checkpoint of format 1 may lack an identity. It can be restored, and copied under a given one.
#[test]
fn a_checkpoint_of_format_1_without_an_identity_can_be_restored_and_copied() {
    let fs = MemFs::new();
    let head =
        [&1_u32.to_le_bytes()[..], &[0; 4], &[0; 8], &[0; 8], &[0; 4], &[7, 0, 0, 0, 0, 0, 0, 0], &[0; 4]];
    fs.create_dir(Path::new(TARGET)).unwrap();
    write_catalog(&fs, Path::new(TARGET), &[("checkpoint", &head.concat()), ("files.0", &[])]);
    assert_eq!(restore(&opened(&fs), &fs, Path::new(RESTORED)).unwrap().seqno, None);
    let nameless = run_checkpoint(&opened(&fs), &fs, Path::new("/copy"));
    assert!(matches!(nameless, Err(Error::InvalidIdentity { .. })), "{nameless:?}");
    run_checkpoint(&opened(&fs).with_identity("found"), &fs, Path::new("/copy")).unwrap();
    assert_eq!(Catalog::read(&fs, Path::new("/copy")).unwrap().identity, "found");
}

#[test]
fn an_empty_tree_differs_from_a_tree_with_write_0() {
    for seqno in [None, Some(0)] {
        let fs = MemFs::new();
        let mut engine = Foreign::new(Vec::new(), |target| Ok(target.write("CURRENT", b"1")?));
        engine.seqno = seqno;
        assert_eq!(run_checkpoint(&engine, &fs, Path::new(TARGET)).unwrap().seqno, seqno);
        assert_eq!(Catalog::read(&fs, Path::new(TARGET)).unwrap().seqno, seqno);
        let listed = list(&fs, Path::new("/")).unwrap();
        assert_eq!(listed[0].contents.as_ref().unwrap().seqno, seqno);
        assert_eq!(restore(&opened(&fs), &fs, Path::new(RESTORED)).unwrap().seqno, seqno);
    }
}

/// Format 2 with a required feature of a later version.
#[test]
fn unknown_required_features_are_named() {
    let fs = MemFs::new();
    fs.create_dir(Path::new(TARGET)).unwrap();
    let head = [&2_u32.to_le_bytes()[..], &[0, 0x10, 0, 0, 0, 0, 0, 0], b"something else"].concat();
    write_catalog(&fs, Path::new(TARGET), &[("checkpoint", &head)]);
    let refused = Catalog::read(&fs, Path::new(TARGET)).unwrap_err();
    assert!(matches!(refused, Error::UnsupportedFeatures { features: 0x1000, .. }), "{refused:?}");
    let said =
        "/checkpoint/CHECKPOINT: the catalog requires features that this version does not know: bit 12";
    assert_eq!(refused.to_string(), said);
    let refused = remove(&fs, Path::new(TARGET), SyncMode::Normal).unwrap_err();
    assert!(matches!(refused, Error::UnsupportedFeatures { .. }), "{refused:?}");
    let removed = Removal::new().force(true).run(&fs, Path::new(TARGET)).unwrap();
    assert!(removed.left.is_empty() && !fs.exists(Path::new(TARGET)).unwrap());
}

/// Creates a checkpoint whose CURRENT has another length, in the catalog and on disk, where it is a hole.
fn with_metadata_of(len: u64) -> MemFs {
    let fs = MemFs::new();
    let engine = Foreign::new(Vec::new(), |target| Ok(target.write("CURRENT", b"1")?));
    run_checkpoint(&engine, &fs, Path::new(TARGET)).unwrap();
    let mut sections = read_catalog(&fs, Path::new(TARGET));
    let (_, files) = sections.iter_mut().find(|(name, _)| name == "files.0").unwrap();
    // After the record's length, flags, tree, kind, method and name.
    let len_at = 4 + 4 + 4 + 2 + 4 + "CURRENT".len();
    assert_eq!(files[len_at..len_at + 8], 1_u64.to_le_bytes());
    files[len_at..len_at + 8].copy_from_slice(&len.to_le_bytes());
    // Remove the checksum, so that only the length is wrong.
    files[4] = 0;
    let cut = files.len() - 16;
    files.truncate(cut);
    files[0] -= 16;
    fs.truncate_file(Path::new("/checkpoint/CURRENT"), len).unwrap();
    fs.remove_file(Path::new("/checkpoint/CHECKPOINT")).unwrap();
    let sections: Vec<_> = sections.iter().map(|(name, payload)| (name.as_str(), &payload[..])).collect();
    write_catalog(&fs, Path::new(TARGET), &sections);
    fs
}

/// A length without data is only a claim. It is neither allocated nor copied endlessly.
#[test]
fn metadata_of_terabytes_is_refused() {
    for len in [16 << 40, (4 << 30) + 1] {
        let fs = with_metadata_of(len);
        let refused = Catalog::read(&fs, Path::new(TARGET)).unwrap_err();
        assert!(matches!(refused, Error::BadCatalog { what: CatalogDefect::TooLong, .. }), "{refused:?}");
    }
    let fs = with_metadata_of(4 << 30);
    fs.reconfigure(Path::new("/"), |options: VolumeOptions| options.capacity_bytes(1 << 20)).unwrap();
    // The metadata file is one hole, and so is its copy.
    restore(&opened(&fs), &fs, Path::new(RESTORED)).unwrap();
    let there = fs.metadata(&Path::new(RESTORED).join("CURRENT")).unwrap();
    assert!(there.len == 4 << 30 && there.allocated_bytes <= Some(64 << 10), "{there:?}");
}

/// Only one piece of a metadata file is in memory at a time.
#[test]
fn long_metadata_is_copied_in_pieces() {
    let fs = with_metadata_of(3 << 20);
    let current = fs.open(Path::new("/checkpoint/CURRENT"), &FsOpenOptions::new().write(true)).unwrap();
    current.write_at(&[7; 3 << 20], 0).unwrap();
    let watched = FaultFs::new(fs.clone());
    let checkpoint = CheckpointDir::open(Arc::new(watched.clone()), TARGET).unwrap();
    let before = watched.counts()[&Op::ReadAt];
    let info = restore(&checkpoint, &fs, Path::new(RESTORED)).unwrap();
    assert_eq!(info.total_bytes, 3 << 20);
    assert_eq!(watched.counts()[&Op::ReadAt] - before, (3 << 20) / (64 << 10));
}

/// The checkpoint is removed during its restore.
#[test]
fn missing_metadata_is_reported_as_a_changed_source() {
    let fs = with_metadata_of(10);
    let faulty = FaultFs::new(fs.clone());
    faulty.inject(Fault::on(Op::Open).at("/checkpoint/CURRENT").before(errno::ENOENT));
    let checkpoint = CheckpointDir::open(Arc::new(faulty), TARGET).unwrap();
    let refused = restore(&checkpoint, &fs, Path::new(RESTORED)).unwrap_err();
    let is_gone =
        matches!(&refused, Error::SourceChanged { what: Change::Gone, path } if path.ends_with("CURRENT"));
    assert!(is_gone, "{refused:?}");
}
