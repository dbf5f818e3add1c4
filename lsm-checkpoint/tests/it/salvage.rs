//! A checkpoint whose catalog is damaged or gone.

use std::{ffi::OsStr, path::Path, sync::Arc};

use lsm_checkpoint::{
    Change, Checkpoint, CheckpointDir, Error, FileKind, Method, Policy, SalvageReport, SnapshotProblem,
    SourceFile, VerifyOptions, list, restore, verify,
};
use lsm_fs::{Fs, FsExt, FsOpenOptions, SyncMode};
use lsm_fs_mem::MemFs;
use lsm_manifest::{ReadOptions, recover};
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    create::TARGET,
    db::{VERSION, all_files, files},
    remove::with_checkpoint,
};

const CATALOG: &str = "/checkpoint/CHECKPOINT";
const RESTORED: &str = "/restored";

fn damage(fs: &MemFs, path: &str) {
    let file = fs.open(Path::new(path), &FsOpenOptions::new().write(true)).unwrap();
    for offset in [0, 900, 2100, 4100, 4600] {
        file.write_at(b"\xff", offset).unwrap();
    }
}

fn salvaged(fs: &MemFs) -> Result<(CheckpointDir, SalvageReport), Error> {
    CheckpointDir::salvage(Arc::new(fs.clone()), TARGET)
}

#[test]
fn a_damaged_catalog_is_no_dead_end() {
    for is_gone in [false, true] {
        let fs = MemFs::new();
        with_checkpoint(&fs, &[""]);
        fs.write_new(Path::new("/checkpoint/blobs/not a file"), b"", SyncMode::Normal).unwrap();
        fs.remove_file(Path::new("/checkpoint/blobs/not a file")).unwrap();
        fs.create_dir(Path::new("/checkpoint/blobs/folder")).unwrap();
        if is_gone {
            fs.remove_file(Path::new(CATALOG)).unwrap();
            assert!(list(&fs, Path::new("/")).unwrap().is_empty());
        } else {
            damage(&fs, CATALOG);
        }
        assert!(CheckpointDir::open(Arc::new(fs.clone()), TARGET).is_err());

        let (checkpoint, report) = salvaged(&fs).unwrap();
        assert_eq!((report.version_id, report.unchecked_files, report.unlisted), (VERSION, 3, 0));
        let left_out: Vec<_> = report.left_out.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(left_out, ["EDITS", "OPTIONS", "blobs/folder", "logs"]);
        assert!(report.healed.is_empty());
        restore(&checkpoint, &fs, Path::new(RESTORED)).unwrap();
        let files = all_files(&fs, Path::new(RESTORED), Path::new("")).unwrap();
        let files: Vec<_> = files.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(files, ["blobs/1", "current", "tables/1", "tables/2", "v7"]);
        for file in files {
            let bytes = |dir: &str| fs.read_to_vec(&Path::new(dir).join(file), 1 << 20).unwrap();
            assert_eq!(bytes(RESTORED), bytes(TARGET), "{file}");
        }
        let recovered = recover(&fs, Path::new(RESTORED), &ReadOptions::new()).unwrap().unwrap();
        assert_eq!(recovered.current.version_id, VERSION);
    }
}

/// `coordinode-lsm-tree` also keeps compression dictionaries, and a log of edits for each version.
#[test]
fn dictionaries_and_the_log_of_edits_come_along() {
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    fs.create_dir(Path::new("/checkpoint/dicts")).unwrap();
    for file in ["edits-6", "edits-7", "dicts/1"] {
        fs.write_new(&Path::new(TARGET).join(file), file.as_bytes(), SyncMode::Normal).unwrap();
    }
    damage(&fs, CATALOG);
    let (checkpoint, report) = salvaged(&fs).unwrap();
    let left_out: Vec<_> = report.left_out.iter().map(|path| path.to_str().unwrap()).collect();
    assert_eq!(left_out, ["EDITS", "OPTIONS", "edits-6", "logs"]);
    assert_eq!(report.unchecked_files, 5);
    restore(&checkpoint, &fs, Path::new(RESTORED)).unwrap();
    for file in ["edits-7", "dicts/1"] {
        assert_eq!(fs.read_to_vec(&Path::new(RESTORED).join(file), 99).unwrap(), file.as_bytes());
    }
}

/// Lists the files of the version as the engine's adapter does.
pub(crate) fn files_of_version(fs: &Arc<dyn Fs>, dir: &Path) -> Vec<SourceFile> {
    let file = |(kind, name, bytes): (FileKind, &str, Vec<u8>)| {
        let path = dir.join(kind.folder()).join(name);
        let file = SourceFile::immutable(kind, Arc::clone(fs), path, bytes.len() as u64);
        file.checksum(xxh3_128(&bytes))
    };
    files().into_iter().map(file).collect()
}

fn listing(fs: &MemFs, list: Vec<SourceFile>) -> Result<(CheckpointDir, SalvageReport), Error> {
    CheckpointDir::salvage_listed(Arc::new(fs.clone()), TARGET, &ReadOptions::new(), |recovered| {
        assert_eq!(recovered.archive.read_section("tables")?.payload, b"1 2");
        Ok(list)
    })
}

fn listed(fs: &MemFs) -> Result<(CheckpointDir, SalvageReport), Error> {
    let source: Arc<dyn Fs> = Arc::new(fs.clone());
    let mut all = files_of_version(&source, Path::new(TARGET));
    let log = Path::new(TARGET).join("logs/log");
    all.push(SourceFile::prefix(FileKind::other("logs"), source, log, 600));
    all.push(SourceFile::bytes(FileKind::Metadata, "OPTIONS", *b"fast = true"));
    listing(fs, all)
}

fn with_damaged_catalog() -> MemFs {
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    damage(&fs, CATALOG);
    fs
}

#[test]
fn an_adapter_lists_its_own_files() {
    let fs = with_damaged_catalog();
    fs.write_new(Path::new("/checkpoint/tables/9"), b"of no version", SyncMode::Normal).unwrap();
    let (checkpoint, report) = listed(&fs).unwrap();
    let left_out: Vec<_> = report.left_out.iter().map(|path| path.to_str().unwrap()).collect();
    assert_eq!(left_out, ["EDITS", "tables/9"]);
    assert_eq!((report.version_id, report.unchecked_files), (VERSION, 1), "only the log has no checksum");
    restore(&checkpoint, &fs, Path::new(RESTORED)).unwrap();
    let files = all_files(&fs, Path::new(RESTORED), Path::new("")).unwrap();
    let files: Vec<_> = files.iter().map(|path| path.to_str().unwrap()).collect();
    assert_eq!(files, ["OPTIONS", "blobs/1", "current", "logs/log", "tables/1", "tables/2", "v7"]);
    for file in files {
        let bytes = |dir: &str| fs.read_to_vec(&Path::new(dir).join(file), 1 << 20).unwrap();
        assert_eq!(bytes(RESTORED), bytes(TARGET), "{file}");
    }
}

#[test]
fn a_listed_file_must_be_as_it_is_listed() {
    let table = Path::new("/checkpoint/tables/1");
    let change = |fs: &MemFs| match listed(fs) {
        Err(Error::SourceChanged { path, what }) if path == table => what,
        other => panic!("{other:?}"),
    };
    let fs = with_damaged_catalog();
    let file = fs.open(table, &FsOpenOptions::new().write(true)).unwrap();
    file.write_at(b"dead", 100).unwrap();
    let (checkpoint, _) = listed(&fs).unwrap();
    let corrupt = restore(&checkpoint, &fs, Path::new(RESTORED));
    assert!(matches!(corrupt, Err(Error::SourceCorrupt { .. })), "{corrupt:?}");
    file.set_len(1).unwrap();
    assert!(matches!(change(&fs), Change::Length { expected: 700, found: 1 }));
    fs.remove_file(table).unwrap();
    assert!(matches!(change(&fs), Change::Gone));
    fs.create_dir(table).unwrap();
    assert!(matches!(change(&fs), Change::Type));
}

/// A restore copies a file that can change, and compares it.
#[test]
fn a_listed_file_that_can_change_is_copied() {
    let fs = with_damaged_catalog();
    let source: Arc<dyn Fs> = Arc::new(fs.clone());
    let table = |name: &str| Path::new(TARGET).join("tables").join(name);
    let bytes = fs.read_to_vec(&table("1"), 700).unwrap();
    let mutable = |sum| SourceFile::mutable(FileKind::Table, Arc::clone(&source), table("1"), None, sum);
    let immutable = SourceFile::immutable(FileKind::Table, Arc::clone(&source), table("2"), None);
    let log = Path::new(TARGET).join("logs/log");
    let log = SourceFile::prefix(FileKind::other("logs"), Arc::clone(&source), log, 600);
    let (checkpoint, report) = listing(&fs, vec![mutable(xxh3_128(&bytes)), immutable, log]).unwrap();
    assert_eq!(report.unchecked_files, 2);
    let info =
        Checkpoint::new().policy(Policy::PreferLink).restore(&checkpoint, &fs, Path::new(RESTORED)).unwrap();
    assert_eq!((info.by_method(Method::Copy).files, info.by_method(Method::HardLink).files), (2, 1));
    let (checkpoint, _) = listing(&fs, vec![mutable(7)]).unwrap();
    let corrupt = restore(&checkpoint, &fs, Path::new("/again"));
    assert!(matches!(corrupt, Err(Error::SourceCorrupt { expected: 7, .. })), "{corrupt:?}");
}

#[test]
fn a_list_that_fails_is_refused() {
    let fs = with_damaged_catalog();
    let failed =
        CheckpointDir::salvage_listed(Arc::new(fs), TARGET, &ReadOptions::new(), |_| Err("no list".into()));
    assert!(matches!(failed, Err(Error::Source(_))), "{failed:?}");
}

/// A list with an impossible name is refused, and nothing outside is looked up for it.
#[test]
fn a_list_with_impossible_names_is_refused() {
    use SnapshotProblem::{Depth, Name, Reserved, Taken};
    let fs = with_damaged_catalog();
    fs.create_dir_all(Path::new("/checkpoint/a/b/c/d/e")).unwrap();
    for path in ["/secret", "/checkpoint/a/b/c/d/e/1", "/checkpoint/\u{fffd}"] {
        fs.write_new(Path::new(path), b"", SyncMode::Normal).unwrap();
    }
    let source: Arc<dyn Fs> = Arc::new(fs.clone());
    let file = |kind: FileKind, name: &OsStr| {
        SourceFile::immutable(kind, Arc::clone(&source), "/", None).named(name.to_os_string())
    };
    let (table, folder) = (|name: &str| file(FileKind::Table, name.as_ref()), FileKind::other);
    let text = OsStr::new;
    let refusals = [
        (vec![table("1"), table("1")], "tables/1", Taken),
        (vec![table("1"), file(folder("tables"), text("1"))], "tables/1", Taken),
        (vec![table("../../secret")], "tables/../../secret", Name),
        (vec![table("/secret")], "/secret", Name),
        (vec![table("..")], "tables/..", Name),
        (vec![table("")], "tables/", Name),
        (vec![file(folder(".."), text("secret"))], "../secret", Name),
        (vec![file(folder("tables/../.."), text("secret"))], "tables/../../secret", Name),
        (vec![file(folder("/"), text("secret"))], "/secret", Name),
        (vec![file(folder("a/b/c/d/e"), text("1"))], "a/b/c/d/e", Depth),
        (vec![file(FileKind::Metadata, text("CHECKPOINT"))], "CHECKPOINT", Reserved),
        #[cfg(unix)]
        (vec![file(FileKind::Metadata, std::os::unix::ffi::OsStrExt::from_bytes(b"\xff"))], "\u{fffd}", Name),
    ];
    for (list, path, problem) in refusals {
        match listing(&fs, list) {
            Err(Error::InvalidSnapshot { path: found, problem: what }) => {
                assert_eq!((&*found.to_string_lossy(), what), (path, problem));
            }
            other => panic!("{path}: {other:?}"),
        }
    }
}

/// The catalog is rebuilt in another checkpoint, with the checksums that the adapter knows.
#[test]
fn the_catalog_can_be_rebuilt() {
    let (fs, again) = (with_damaged_catalog(), Path::new("/again"));
    let rebuild = || {
        let (checkpoint, _) = listed(&fs).unwrap();
        Checkpoint::new().policy(Policy::LinkOnly).create(&checkpoint.with_identity("a test"), &fs, again)
    };
    let info = rebuild().unwrap();
    assert_eq!(info.by_method(Method::HardLink).files, 0, "a link is not compared");
    assert!(verify(&fs, again, &VerifyOptions::full()).unwrap().is_sound());
    fs.remove_dir_all(again).unwrap();
    let file = fs.open(Path::new("/checkpoint/tables/1"), &FsOpenOptions::new().write(true)).unwrap();
    file.write_at(b"dead", 100).unwrap();
    let corrupt = rebuild();
    assert!(matches!(corrupt, Err(Error::SourceCorrupt { .. })), "{corrupt:?}");
}

#[test]
fn it_can_be_made_a_checkpoint_again() {
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    damage(&fs, CATALOG);
    let (checkpoint, _) = salvaged(&fs).unwrap();
    let target = Path::new("/again");
    let refused = Checkpoint::new().create(&checkpoint, &fs, target);
    assert!(matches!(refused, Err(Error::InvalidIdentity { .. })), "{refused:?}");
    let named = checkpoint.with_identity("a test");
    Checkpoint::new().create(&named, &fs, target).unwrap();
    assert!(CheckpointDir::open(Arc::new(fs), target).is_ok());
}

#[test]
fn a_damaged_manifest_is_refused() {
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    damage(&fs, CATALOG);
    fs.remove_file(Path::new("/checkpoint/current")).unwrap();
    assert!(matches!(salvaged(&fs), Err(Error::NotACheckpoint { .. })));
    let fs = MemFs::new();
    with_checkpoint(&fs, &["orders", "users"]);
    assert!(matches!(salvaged(&fs), Err(Error::NotACheckpoint { .. })), "the trees are in folders");
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    let file = fs.open(Path::new("/checkpoint/current"), &FsOpenOptions::new().write(true)).unwrap();
    file.write_at(b"\xff", 10).unwrap();
    assert!(matches!(salvaged(&fs), Err(Error::Manifest(_))));
    let fs = MemFs::new();
    fs.create_dir(Path::new(TARGET)).unwrap();
    assert!(matches!(salvaged(&fs), Err(Error::NotACheckpoint { .. })));
}
