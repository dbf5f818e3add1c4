//! Ready-made snapshots: their files, the lifetime of their pin, and the verification of metadata in an engine's own
//! format.

use std::{
    error::Error as _,
    fmt,
    ops::ControlFlow,
    path::Path,
    sync::{Arc, Mutex},
};

use lsm_checkpoint::{
    BoxError, Capture, Catalog, Checkpoint, CheckpointSource, Defect, DeletionPause, Error, FileKind, Method,
    PinnedSnapshot, Progress, SourceFile, SourceRoot, VerifyOptions, run_checkpoint, verify,
};
use lsm_fs::{Fs, FsExt, SyncMode};
use lsm_fs_mem::MemFs;
use lsm_manifest::{ReadOptions, WriteOptions, recover};

use crate::{
    create::{DIR, TARGET},
    db::{Db, VERSION},
};

/// An engine that creates its snapshot with this function.
struct Engine<F>(MemFs, F);

impl<F: Fn(PinnedSnapshot<()>) -> Result<Capture<'static>, BoxError>> CheckpointSource for Engine<F> {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::new(self.0.clone()), DIR)]
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn identity(&self) -> String {
        "a test".to_owned()
    }

    fn visible_seqno(&self) -> Option<u64> {
        Some(1)
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        (self.1)(PinnedSnapshot::new(VERSION, ()).files(tables(&self.0)).folders([FileKind::other("dicts")]))
    }
}

fn tables(fs: &MemFs) -> Vec<SourceFile> {
    let table = |name: &str| {
        let path = Path::new(DIR).join("tables").join(name);
        SourceFile::immutable(FileKind::Table, Arc::new(fs.clone()), path, None)
    };
    ["1", "2"].map(table).to_vec()
}

fn prepared() -> MemFs {
    let fs = MemFs::new();
    Db::prepare(&fs, Path::new(DIR), &[""]);
    fs
}

/// Creates a checkpoint with these metadata files.
fn with_metadata(files: &[(&'static str, &[u8])]) -> MemFs {
    let fs = prepared();
    let add = |snapshot: PinnedSnapshot<()>| {
        let add =
            |snapshot: PinnedSnapshot<()>, (name, bytes): &(&str, &[u8])| snapshot.metadata(*name, *bytes);
        Ok(Capture::one(files.iter().fold(snapshot, add)))
    };
    run_checkpoint(&Engine(fs.clone(), add), &fs, Path::new(TARGET)).unwrap();
    fs
}

fn with_archive() -> MemFs {
    let fs = prepared();
    let add = |snapshot: PinnedSnapshot<()>| {
        let sections = [("tables", b"1 2".to_vec()), ("runs", Vec::new())];
        Ok(Capture::one(snapshot.archive(WriteOptions::new(), sections).metadata("OPTIONS", *b"fast")))
    };
    run_checkpoint(&Engine(fs.clone(), add), &fs, Path::new(TARGET)).unwrap();
    fs
}

fn problems(fs: &dyn Fs) -> Vec<(String, Defect)> {
    let report = verify(fs, Path::new(TARGET), &VerifyOptions::quick()).unwrap();
    report.problems.into_iter().map(|problem| (problem.path.display().to_string(), problem.what)).collect()
}

fn replaced(fs: &MemFs, name: &str, bytes: &[u8]) -> MemFs {
    let (image, path) = (fs.fork(), Path::new(TARGET).join(name));
    image.remove_file(&path).unwrap();
    image.write_new(&path, bytes, SyncMode::Normal).unwrap();
    image
}

#[test]
fn parts_are_written_in_their_order() {
    let fs = with_archive();
    assert!(problems(&fs).is_empty());
    let catalog = Catalog::read(&fs, Path::new(TARGET)).unwrap();
    let names: Vec<_> = catalog.files.iter().map(|file| (file.name.as_str(), file.method)).collect();
    let linked = ["1", "2"].map(|name| (name, Method::HardLink));
    let written = ["v7", "current", "OPTIONS"].map(|name| (name, Method::Written));
    assert_eq!(names, [&linked[..], &written].concat());
    assert_eq!(catalog.trees[0].folders, ["tables", "dicts"]);
    let recovered = recover(&fs, Path::new(TARGET), &ReadOptions::new()).unwrap().unwrap();
    assert_eq!(recovered.current.version_id, VERSION);
    assert_eq!(recovered.archive.read_section("tables").unwrap().payload.to_vec(), b"1 2");
}

#[test]
fn the_pin_is_held_until_the_files_have_arrived() {
    let fs = prepared();
    let pins = Mutex::new(Vec::new());
    let capture = |_: PinnedSnapshot<()>| {
        let pin = Arc::new(());
        pins.lock().unwrap().push(Arc::downgrade(&pin));
        Ok(Capture::one(PinnedSnapshot::new(VERSION, pin).files(tables(&fs)).metadata("MANIFEST", *b"1 2")))
    };
    let is_held = || pins.lock().unwrap().iter().any(|pin| pin.upgrade().is_some());
    let heard = |_: &Progress| {
        assert!(is_held(), "let go while files are linked");
        ControlFlow::Continue(())
    };
    Checkpoint::new().progress(&heard).create(&Engine(fs.clone(), capture), &fs, Path::new(TARGET)).unwrap();
    assert!(!is_held() && pins.into_inner().unwrap().len() == 1);
    assert!(problems(&fs).is_empty());
}

/// A `current` of 25 bytes that ends in 0 could be one of this project. Only the archive shows the difference.
const FOREIGN: [&[(&str, &[u8])]; 4] = [
    &[("v7", b"SFA!another archive"), ("current", b"\x07\0\0\0\0\0\0\0sixteen bytes of\0")],
    &[("v7", b"a manifest of some other format"), ("current", b"v7\n")],
    &[("v7", b""), ("current", b"")],
    &[("current", &[0; 25]), ("v7", &[0; 9000])],
];

#[test]
fn metadata_of_another_format_is_compared_with_its_checksum() {
    for files in FOREIGN {
        let fs = with_metadata(files);
        let found = problems(&fs);
        assert!(found.is_empty(), "{files:?}: {found:?}");
        for (name, bytes) in files {
            for at in 0..bytes.len().min(100) {
                let mut damaged = bytes.to_vec();
                damaged[at] ^= 1;
                let found = problems(&replaced(&fs, name, &damaged));
                let is_named =
                    |(path, what): &(String, Defect)| path == name && matches!(what, Defect::Checksum { .. });
                assert!(found.iter().any(is_named), "{name}, byte {at}: {found:?}");
            }
        }
    }
}

#[test]
fn an_archive_that_was_overwritten_from_its_first_byte_is_found() {
    let fs = with_archive();
    for name in ["v7", "current"] {
        let bytes = fs.read_to_vec(&Path::new(TARGET).join(name), 1 << 20).unwrap();
        let len = bytes.len();
        for damaged in [vec![0xa5; len], vec![0; len], b"SFA!".repeat(len)[..len].to_vec()] {
            let found = problems(&replaced(&fs, name, &damaged));
            assert!(matches!(&found[..], [(path, Defect::Checksum { .. })] if path == name), "{found:?}");
        }
        let found = problems(&replaced(&fs, name, &[0xa5; 9]));
        assert!(matches!(&found[..], [(path, Defect::Length { found: 9, .. })] if path == name), "{found:?}");
    }
}

#[derive(Debug)]
struct Outer(std::io::Error);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the memtable cannot be written")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn the_error_of_an_engine_is_shown_once() {
    let fs = prepared();
    let failing =
        |_: PinnedSnapshot<()>| Err(BoxError::from(Outer(std::io::Error::other("the disk is on fire"))));
    let error = run_checkpoint(&Engine(fs.clone(), failing), &fs, Path::new(TARGET)).unwrap_err();
    let (mut chain, mut at) = (error.to_string(), error.source());
    while let Some(cause) = at {
        chain = format!("{chain}: {cause}");
        at = cause.source();
    }
    assert_eq!(chain, "the memtable cannot be written: the disk is on fire");
    assert!(matches!(error, Error::Source(inner) if inner.is::<Outer>()));
    assert!(!fs.exists(Path::new(TARGET)).unwrap());
}
