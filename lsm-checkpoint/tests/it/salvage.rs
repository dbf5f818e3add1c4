//! A checkpoint whose catalog is damaged or gone.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{Checkpoint, CheckpointDir, Error, list, restore};
use lsm_fs::{Fs, FsExt, FsOpenOptions, SyncMode};
use lsm_fs_mem::MemFs;
use lsm_manifest::{ReadOptions, recover};

use crate::{
    create::TARGET,
    db::{VERSION, all_files},
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

fn salvaged(fs: &MemFs) -> Result<(CheckpointDir, lsm_checkpoint::SalvageReport), Error> {
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

/// Engines of this family also keep compression dictionaries, and a log of edits for each version.
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
    assert!(salvaged(&fs).is_err());
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    let file = fs.open(Path::new("/checkpoint/current"), &FsOpenOptions::new().write(true)).unwrap();
    file.write_at(b"\xff", 10).unwrap();
    assert!(matches!(salvaged(&fs), Err(Error::Manifest(_))));
    let fs = MemFs::new();
    fs.create_dir(Path::new(TARGET)).unwrap();
    assert!(matches!(salvaged(&fs), Err(Error::NotACheckpoint { .. })));
}
