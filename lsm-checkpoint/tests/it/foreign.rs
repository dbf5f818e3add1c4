//! Engines with other formats: their files and manifests are restored unchanged, or refused.

use std::{io, path::Path, sync::Arc};

use lsm_checkpoint::{
    BoxError, Capture, Catalog, Checkpoint, CheckpointDir, CheckpointSource, DeletionPause, Error, FileKind,
    ManifestTarget, Method, Policy, Snapshot, SnapshotProblem, SourceFile, SourceRoot, VerifyOptions,
    restore, run_checkpoint, verify,
};
use lsm_fs::{Fs, FsExt, FsOpenOptions, Op, SyncMode, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs};

use crate::{create::TARGET, db::all_files};

const TABLE: &str = "/db/1.sst";
const RESTORED: &str = "/restored";

type Manifest = Box<dyn Fn(&ManifestTarget<'_>) -> Result<(), BoxError>>;

/// An engine with these files and this manifest.
pub(crate) struct Foreign {
    files: Vec<SourceFile>,
    pub(crate) identity: String,
    pub(crate) seqno: Option<u64>,
    pub(crate) flush: fn() -> Result<(), BoxError>,
    manifest: Manifest,
}

impl Foreign {
    pub(crate) fn new(
        files: Vec<SourceFile>,
        manifest: impl Fn(&ManifestTarget<'_>) -> Result<(), BoxError> + 'static,
    ) -> Self {
        let (identity, seqno) = ("a test".to_owned(), Some(1));
        Self { files, identity, seqno, flush: || Ok(()), manifest: Box::new(manifest) }
    }
}

impl CheckpointSource for Foreign {
    fn roots(&self) -> Vec<SourceRoot> {
        Vec::new()
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn visible_seqno(&self) -> Option<u64> {
        self.seqno
    }

    fn flush(&self) -> Result<(), BoxError> {
        (self.flush)()
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        Ok(Capture::one(Version(self)))
    }
}

struct Version<'a>(&'a Foreign);

impl Snapshot for Version<'_> {
    fn version_id(&self) -> u64 {
        1
    }

    fn files(&self) -> Result<Vec<SourceFile>, BoxError> {
        Ok(self.0.files.clone())
    }

    fn write_manifest(&self, target: &ManifestTarget<'_>) -> Result<(), BoxError> {
        (self.0.manifest)(target)
    }
}

fn with_table() -> MemFs {
    let fs = MemFs::new();
    fs.create_dir(Path::new("/db")).unwrap();
    fs.write_new(Path::new(TABLE), b"rows", SyncMode::Normal).unwrap();
    fs
}

fn table(fs: &MemFs, kind: FileKind) -> SourceFile {
    SourceFile::immutable(kind, Arc::new(fs.clone()), TABLE, 4)
}

fn names(fs: &dyn Fs, dir: &str) -> Vec<String> {
    let files = all_files(fs, Path::new(dir), Path::new("")).unwrap();
    files.into_iter().map(|path| path.to_str().unwrap().to_owned()).collect()
}

fn opened(fs: &MemFs) -> CheckpointDir {
    CheckpointDir::open(Arc::new(fs.clone()), TARGET).unwrap()
}

#[test]
fn an_engine_may_write_metadata_of_its_own() {
    let engine = Foreign::new(Vec::new(), |target| {
        target.write("MANIFEST-000001", b"rows")?;
        target.fs().create_dir(&target.dir().join("log"))?;
        target.write("log/000002", b"more")?;
        target.write("CURRENT", b"MANIFEST-000001\n")?;
        Ok(())
    });
    let fs = MemFs::new();
    let info = run_checkpoint(&engine, &fs, Path::new(TARGET)).unwrap();
    assert_eq!((info.sst_files, info.other_files, info.pause), (0, 3, None));
    let fs = fs.crash(lsm_fs_mem::Survives::Forced);
    assert_eq!(names(&fs, TARGET), ["CHECKPOINT", "CURRENT", "MANIFEST-000001", "log/000002"]);
    assert_eq!(fs.read_to_vec(Path::new("/checkpoint/CURRENT"), 99).unwrap(), b"MANIFEST-000001\n");
    assert_eq!(Catalog::read(&fs, Path::new(TARGET)).unwrap().files.len(), 3);
}

/// Neither the spelling of a kind nor the writer of its files matters: the checkpoint can be restored, with its
/// folders.
#[test]
fn every_checkpoint_can_be_restored() {
    let fs = with_table();
    let files = vec![
        table(&fs, FileKind::Other("tables".into())),
        table(&fs, FileKind::other("blobs")),
        table(&fs, FileKind::other("filters")).named("1.f"),
        SourceFile::bytes(FileKind::Table, "frozen", *b"memtable"),
        SourceFile::prefix(FileKind::Metadata, Arc::new(fs.clone()), TABLE, 4).named("LOG"),
    ];
    let engine = Foreign::new(files, |target| {
        target.write("tables/also-frozen", b"memtable")?;
        target.fs().create_dir(&target.dir().join("archive"))?;
        Ok(target.write("CURRENT", b"1")?)
    });
    let info = run_checkpoint(&engine, &fs, Path::new(TARGET)).unwrap();
    assert_eq!((info.sst_files, info.blob_files, info.other_files), (3, 1, 3));
    let catalog = Catalog::read(&fs, Path::new(TARGET)).unwrap();
    assert!(catalog.files.is_sorted_by_key(|file| file.kind == FileKind::Metadata), "metadata comes last");
    assert_eq!(catalog.files.last().unwrap().name, "CURRENT");
    let report = verify(&fs, Path::new(TARGET), &VerifyOptions::full()).unwrap();
    assert!(report.is_sound(), "{report}");
    let restored = restore(&opened(&fs), &fs, Path::new(RESTORED)).unwrap();
    assert_eq!((restored.sst_files, restored.blob_files, restored.other_files), (3, 1, 3));
    let expected = [
        "CURRENT",
        "LOG",
        "blobs/1.sst",
        "filters/1.f",
        "tables/1.sst",
        "tables/also-frozen",
        "tables/frozen",
    ];
    assert_eq!(names(&fs, RESTORED), expected);
    assert!(fs.metadata(Path::new("/restored/archive")).unwrap().is_dir(), "an empty folder, too");
}

#[test]
fn an_entry_that_no_catalog_can_name_is_not_published() {
    let deep = |file: bool| {
        move |target: &ManifestTarget<'_>| {
            let mut dir = target.dir().to_path_buf();
            for name in ["meta", "a", "b", "c", "d"] {
                dir.push(name);
                target.fs().create_dir(&dir)?;
            }
            if file {
                target.write("meta/a/b/c/d/OPTIONS", b"fast")?;
            }
            Ok(())
        }
    };
    let manifests: [(Manifest, SnapshotProblem); 6] = [
        (Box::new(deep(true)), SnapshotProblem::Depth),
        (Box::new(deep(false)), SnapshotProblem::Depth),
        (Box::new(|target| Ok(target.write("OPTIONS\\1", b"fast")?)), SnapshotProblem::Name),
        (Box::new(|target| Ok(target.write("two\nlines", b"fast")?)), SnapshotProblem::Name),
        (Box::new(|target| Ok(target.write(".checkpoint-unpublished", b"")?)), SnapshotProblem::Reserved),
        (Box::new(|target| Ok(target.write("Checkpoint", b"")?)), SnapshotProblem::Reserved),
    ];
    for (manifest, expected) in manifests {
        let fs = MemFs::new();
        let refused = run_checkpoint(&Foreign::new(Vec::new(), manifest), &fs, Path::new(TARGET));
        assert!(
            matches!(refused, Err(Error::InvalidSnapshot { problem, .. }) if problem == expected),
            "{refused:?}"
        );
        assert!(fs.read_dir(Path::new("/")).unwrap().is_empty());
    }
}

#[test]
fn the_catalog_has_the_last_contents_of_a_file() {
    let files = ["OPTIONS", "DRAFT"].map(|name| SourceFile::bytes(FileKind::Metadata, name, *b"first"));
    let engine = Foreign::new(files.to_vec(), |target| {
        let _ = target.fs().rewrite_atomic(&target.dir().join("OPTIONS"), b"second", SyncMode::Normal)?;
        target.fs().remove_file(&target.dir().join("DRAFT"))?;
        Ok(())
    });
    let fs = MemFs::new();
    run_checkpoint(&engine, &fs, Path::new(TARGET)).unwrap();
    assert_eq!(names(&fs, TARGET), ["CHECKPOINT", "OPTIONS"]);
    assert_eq!(Catalog::read(&fs, Path::new(TARGET)).unwrap().files[0].len, 6);
    assert!(verify(&fs, Path::new(TARGET), &VerifyOptions::full()).unwrap().is_sound());
}

/// A linked table is an inode of the source, so it must not be changed.
#[test]
fn only_files_made_through_the_target_can_be_changed_through_it() {
    type Change = fn(&dyn Fs, &Path) -> lsm_fs::Result<()>;
    let changes: [Change; 9] = [
        |fs, path| fs.open(path, &FsOpenOptions::new().write(true)).map(drop),
        |fs, path| fs.open(path, &FsOpenOptions::new().append(true)).map(drop),
        |fs, path| fs.open(path, &FsOpenOptions::new().write(true).create(true).truncate(true)).map(drop),
        |fs, path| fs.remove_file(path),
        |fs, path| fs.truncate_file(path, 0),
        |fs, path| fs.punch_hole(path, 0, 4),
        |fs, path| fs.rename(path, &path.with_file_name("other")),
        |fs, path| {
            let new = path.with_file_name("new");
            fs.write_new(&new, b"x", SyncMode::Normal)?;
            fs.rename(&new, path)
        },
        |fs, path| fs.abilities().unwrap().attributes().unwrap().try_disable_cow(path).map(drop),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let fs = with_table();
        let engine = Foreign::new(vec![table(&fs, FileKind::Table)], move |target| {
            let path = target.dir().join("tables/1.sst");
            let refused = change(target.fs(), &path).unwrap_err();
            let kinds = [io::ErrorKind::InvalidInput, io::ErrorKind::AlreadyExists];
            assert!(kinds.contains(&refused.kind()), "{at}: {refused}");
            let _ = target.fs().remove_file(&path.with_file_name("new"));
            Ok(())
        });
        let info = run_checkpoint(&engine, &fs, Path::new(TARGET)).unwrap();
        assert_eq!(info.by_method(Method::HardLink).files, 1);
        for path in [TABLE, "/checkpoint/tables/1.sst"] {
            assert_eq!(fs.read_to_vec(Path::new(path), 99).unwrap(), b"rows", "{at}");
        }
    }
}

/// A deferred sync fails while another file is opened. An engine that can do without that file must not hide the
/// failure.
#[test]
fn an_engine_cannot_hide_a_failed_sync() {
    let fs = FaultFs::new(MemFs::new());
    fs.inject(Fault::on(Op::SyncAll).nth(1).before(errno::EIO));
    let engine = Foreign::new(Vec::new(), |target| {
        for n in 0..300 {
            let _ = target.write(&format!("{n}"), b"x");
        }
        Ok(())
    });
    let failed = run_checkpoint(&engine, &fs, Path::new(TARGET)).unwrap_err();
    assert!(matches!(&failed, Error::Fs(e) if e.op() == Op::SyncAll), "{failed:?}");
    assert!(fs.read_dir(Path::new("/")).unwrap().is_empty());
}

/// An error of the live manifest is reported from `flush`. The same error from `write_manifest` concerns the
/// checkpoint, and is reported as a failed call.
#[test]
fn an_error_of_the_live_manifest_is_the_engines_error() {
    fn not_durable() -> BoxError {
        let io = io::Error::from_raw_os_error(errno::EIO);
        let source = lsm_fs::Error::new(Op::SyncDirectory, Path::new("/db"), io);
        lsm_manifest::Error::PublishedNotDurable { file: "/db/current".into(), source }.into()
    }
    let mut engine = Foreign::new(Vec::new(), |_| Err(not_durable()));
    let failed = run_checkpoint(&engine, &MemFs::new(), Path::new(TARGET)).unwrap_err();
    assert!(matches!(failed, Error::Fs(_)), "{failed:?}");
    engine.flush = || Err(not_durable());
    let failed = run_checkpoint(&engine, &MemFs::new(), Path::new(TARGET)).unwrap_err();
    let is_own = matches!(failed, Error::Manifest(lsm_manifest::Error::PublishedNotDurable { .. }));
    assert!(is_own, "{failed:?}");
}

/// A base may share inodes with the source: if the source is the base itself, or was restored from it.
#[test]
fn an_independent_checkpoint_shares_no_inode_with_its_source() {
    let fs = with_table();
    let sum = xxhash_rust::xxh3::xxh3_128(b"rows");
    for checksum in [Some(sum), None] {
        let fs = fs.fork();
        let files = vec![table(&fs, FileKind::Table).checksum(checksum)];
        let engine = Foreign::new(files, |target| Ok(target.write("CURRENT", b"1")?));
        let independent = Checkpoint::new().policy(Policy::Independent);
        independent.create(&engine, &fs, Path::new(TARGET)).unwrap();
        let inode = |path: &str| fs.metadata(Path::new(path)).unwrap().file_id.unwrap();

        let own = independent.base(Path::new(TARGET));
        own.restore(&opened(&fs), &fs, Path::new(RESTORED)).unwrap();
        assert_ne!(inode("/restored/tables/1.sst"), inode("/checkpoint/tables/1.sst"));

        // A live directory that shares the inodes of the base.
        let linking = Checkpoint::new().policy(Policy::PreferLink);
        linking.restore(&opened(&fs), &fs, Path::new("/live")).unwrap();
        assert_eq!(inode("/live/tables/1.sst"), inode("/checkpoint/tables/1.sst"));
        let live = SourceFile::immutable(FileKind::Table, Arc::new(fs.clone()), "/live/tables/1.sst", 4);
        let engine = Foreign::new(vec![live.checksum(checksum)], |target| Ok(target.write("CURRENT", b"2")?));
        own.create(&engine, &fs, Path::new("/nightly")).unwrap();
        assert_ne!(inode("/nightly/tables/1.sst"), inode("/live/tables/1.sst"));

        // An inode of the base that the source does not share is as good as a copy.
        let engine = Foreign::new(vec![table(&fs, FileKind::Table).checksum(checksum)], |target| {
            Ok(target.write("CURRENT", b"3")?)
        });
        let info = own.create(&engine, &fs, Path::new("/tuesday")).unwrap();
        assert_eq!(info.by_method(Method::BaseLink).files, u64::from(checksum.is_some()));
        assert_ne!(inode("/tuesday/tables/1.sst"), inode(TABLE));
    }
}

/// The source has renamed the inode that the base links to, and has other, equal bytes under the old name.
#[test]
fn a_linked_base_shares_its_inodes_with_the_source_under_any_name() {
    let fs = with_table();
    let files = vec![table(&fs, FileKind::Table).checksum(xxhash_rust::xxh3::xxh3_128(b"rows"))];
    let engine = Foreign::new(files, |target| Ok(target.write("CURRENT", b"1")?));
    run_checkpoint(&engine, &fs, Path::new(TARGET)).unwrap();
    fs.rename(Path::new(TABLE), Path::new("/db/2.sst")).unwrap();
    fs.write_new(Path::new(TABLE), b"rows", SyncMode::Normal).unwrap();
    let independent = Checkpoint::new().policy(Policy::Independent).base(Path::new(TARGET));
    let info = independent.create(&engine, &fs, Path::new("/nightly")).unwrap();
    assert_eq!(info.by_method(Method::BaseLink).files, 0);
}
