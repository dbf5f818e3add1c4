//! An interrupted first start is cleared. Everything that does not belong to the engine stays.

use std::path::Path;

use lsm_fs::{Fs, FsExt};
use lsm_fs_mem::{CrashModel, MemFs, MemFsOptions, Notes, Profile, VolumeOptions};
use lsm_manifest::{Error, UNFINISHED_FILE, WriteOptions, recover};

use super::{is_missing_current, open, run};
use crate::{seeded::seeded_sweep, support::put_file};

const DIR: &str = "/db";

/// A first start that created these files and was killed before it published.
fn cut(fs: &MemFs, files: &[&str]) {
    let (directory, live) = open(fs, DIR).unwrap();
    assert!(live.is_none());
    for file in files {
        let path = Path::new(DIR).join(file);
        fs.create_dir_all(path.parent().unwrap()).unwrap();
        put_file(fs, &path, b"of the first attempt");
    }
    directory.next_version(WriteOptions::new()).unwrap().finish().map(drop).unwrap();
}

fn has(fs: &MemFs, name: &str) -> bool {
    fs.exists(&Path::new(DIR).join(name)).unwrap()
}

#[test]
fn clearing_removes_only_the_engines_files() {
    let fs = MemFs::new();
    let own = ["wal/1", "wal/old/2", "tables/1", "blobs/1", "edits-1", "v7"];
    let others = ["LOG", "LOCK", "README", "backup/1"];
    cut(&fs, &own);
    cut(&fs, &others);
    cut(&fs, &own);
    assert!(recover(&fs, Path::new(DIR), &lsm_manifest::ReadOptions::new()).unwrap().is_none());

    let (_directory, live) = open(&fs, DIR).unwrap();
    assert!(live.is_none());
    for name in own.iter().chain(&["v1", "v8"]) {
        assert!(!has(&fs, name), "{name}");
    }
    for name in others.iter().chain(&["wal", "tables", "blobs", UNFINISHED_FILE]) {
        assert!(has(&fs, name), "{name}");
    }
}

#[test]
fn a_folder_of_the_engine_may_be_a_link_or_a_volume() {
    let fs = MemFsOptions::new().volume("/disk", VolumeOptions::new()).build().unwrap();
    fs.create_dir(Path::new("/disk/lost+found")).unwrap();
    fs.create_dir(Path::new(DIR)).unwrap();
    fs.make_symlink("/disk", Path::new("/db/wal")).unwrap();
    cut(&fs, &["wal/1"]);
    assert!(fs.exists(Path::new("/disk/1")).unwrap());
    open(&fs, DIR).map(drop).unwrap();
    assert!(!fs.exists(Path::new("/disk/1")).unwrap());
    assert!(fs.exists(Path::new("/disk/lost+found")).unwrap() && has(&fs, "wal"));
}

/// If a file of the first attempt reappeared after a crash, the second attempt would take it for its own.
#[test]
fn a_file_that_was_cleared_does_not_come_back_beside_a_version() {
    let start = MemFs::new();
    cut(&start, &["wal/1", "tables/2", "edits-1"]);
    start.settle();
    let report = seeded_sweep().start_from(&start).models([CrashModel::new(Profile::Adversarial)]).run(
        |fs: &MemFs| {
            run(fs, DIR, 1)?;
            fs.note("stored");
            Ok::<_, Error>(())
        },
        |image: &MemFs, _: &Notes| {
            let (_directory, live) = open(image, DIR).map_err(|e| e.to_string())?;
            let back = ["wal/1", "tables/2", "edits-1"].iter().find(|name| has(image, name));
            match back {
                Some(name) => Err(format!("{name} is there, live is {:?}", live.map(|live| live.current))),
                None => Ok(()),
            }
        },
    );
    println!("{}", report.unwrap());
}

/// If directories cannot be synced, the order in which names reached the disk is unknown.
#[test]
fn without_directory_syncs_a_mark_beside_data_proves_nothing() {
    let volume = || {
        let root = VolumeOptions::new().directory_sync(false);
        MemFsOptions::new().root(root).build().unwrap()
    };
    let fs = volume();
    cut(&fs, &[]);
    assert_eq!(run(&fs, DIR, 1).unwrap(), [1], "an archive alone is the first one");

    let fs = volume();
    cut(&fs, &["wal/1"]);
    let refused = open(&fs, DIR).map(drop);
    assert!(is_missing_current(&refused), "{refused:?}");
    assert!(has(&fs, "wal/1") && has(&fs, "v1"));
    let fs = volume();
    cut(&fs, &["v9"]);
    assert!(is_missing_current(&open(&fs, DIR).map(drop)), "two archives");
}

#[test]
fn without_directory_syncs_every_result_says_so() {
    let root = VolumeOptions::new().directory_sync(false);
    let fs = MemFsOptions::new().root(root).volume("/db", VolumeOptions::new()).build().unwrap();
    for (dir, expected) in
        [("/new", lsm_fs::DirectorySync::NotSupported), ("/db", lsm_fs::DirectorySync::Durable)]
    {
        let (directory, _) = open(&fs, dir).unwrap();
        let archive = directory.next_version(WriteOptions::new()).unwrap().finish().unwrap();
        assert_eq!(directory.publish(&archive).unwrap(), expected, "{dir}");
        assert_eq!(directory.is_durable(), expected == lsm_fs::DirectorySync::Durable, "{dir}");
    }
}
