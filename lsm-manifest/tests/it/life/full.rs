//! A full disk.

use std::{io, path::Path};

use lsm_fs::FsExt;
use lsm_fs_mem::{Fault, FaultFs, MemFs};
use lsm_manifest::{Error, ManifestDirectory, Result, UNFINISHED_FILE, WriteOptions};

use super::{life_cycle, open, options, run, shared, sweep};
use crate::{seeded::seeded_sweep, support::put_file};

const DIR: &str = "/db";

fn store(directory: &ManifestDirectory) -> Result<()> {
    let archive = directory.next_version(WriteOptions::new())?.finish()?;
    directory.publish(&archive).map(drop)
}

fn full(fs: &MemFs) -> FaultFs<MemFs> {
    let full = FaultFs::new(fs.clone());
    full.inject(Fault::on_any().nth(1).full());
    full
}

#[test]
fn a_version_opens_on_a_full_disk_and_stale_files_stay() {
    let fs = MemFs::new();
    run(&fs, DIR, 1).unwrap();
    put_file(&fs, Path::new("/db/v9"), b"stale");
    let full = full(&fs);
    let (directory, live) =
        ManifestDirectory::open(&shared(full.clone()), Path::new(DIR), &options()).unwrap();
    assert_eq!(live.unwrap().archive.read_section("rows").unwrap().payload, [1]);
    assert!(!directory.is_durable());
    assert!(directory.remove_stale().unwrap().is_empty());
    assert!(fs.exists(Path::new("/db/v9")).unwrap());
    let refused = store(&directory).unwrap_err();
    assert!(matches!(&refused, Error::Fs(e) if e.kind() == io::ErrorKind::StorageFull), "{refused}");

    full.heal();
    assert_eq!(directory.remove_stale().unwrap(), [Path::new("/db/v9")]);
    assert!(directory.is_durable());
    store(&directory).unwrap();
}

/// Nothing is stored yet, so waiting for room loses nothing. Continuing would be wrong, because a crash could lose
/// CURRENT.
#[test]
fn a_first_start_on_a_full_disk_is_an_error() {
    let fs = MemFs::new();
    let full_disk = full(&fs);
    assert!(life_cycle::run(&shared(full_disk), Path::new(DIR), 1).is_err());
    assert_eq!(run(&fs, DIR, 1).unwrap(), [1]);

    put_file(&fs, &Path::new(DIR).join(UNFINISHED_FILE), b"");
    let full_disk = full(&fs);
    let refused = ManifestDirectory::open(&shared(full_disk.clone()), Path::new(DIR), &options()).map(drop);
    assert!(matches!(&refused, Err(Error::Fs(e)) if e.kind() == io::ErrorKind::StorageFull), "{refused:?}");
    full_disk.heal();
    assert_eq!(run(&fs, DIR, 2).unwrap(), [1, 2]);
    assert!(!fs.exists(&Path::new(DIR).join(UNFINISHED_FILE)).unwrap());
}

/// On a full disk, a start makes the visible names durable as far as a sync alone can.
#[test]
fn names_of_a_killed_process_are_synced_on_a_full_disk_too() {
    let start = MemFs::new();
    run(&start, DIR, 1).unwrap();
    start.settle();
    let report = seeded_sweep().start_from(&start).models(sweep::models()).run(
        |fs: &MemFs| {
            let dying = FaultFs::new(fs.clone());
            let (directory, _) = ManifestDirectory::open(&shared(dying.clone()), Path::new(DIR), &options())?;
            let archive = directory.next_version(WriteOptions::new())?.finish()?;
            // As if the process was killed after the rename of CURRENT: the next sync of the directory follows it.
            dying.inject(Fault::on(lsm_fs::Op::SyncDirectory).nth(1).gone());
            assert!(directory.publish(&archive).is_err());
            drop(directory);
            let (directory, live) = ManifestDirectory::open(&shared(full(fs)), Path::new(DIR), &options())?;
            assert_eq!((live.map(|live| live.current.version_id), directory.is_durable()), (Some(2), false));
            fs.note("version 2");
            Ok::<_, Error>(())
        },
        |image: &MemFs, notes| {
            let (_, live) = open(image, DIR).map_err(|e| e.to_string())?;
            let version = live.map(|live| live.current.version_id);
            if version == Some(2) || !notes.contains("version 2") {
                Ok(())
            } else {
                Err(format!("{version:?}"))
            }
        },
    );
    println!("{}", report.unwrap());
}
