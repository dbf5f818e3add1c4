//! Version numbers only grow, on every volume, and only stale versions are removed.

use std::path::Path;

use lsm_fs::{DirectorySync, Fs, FsExt, Op};
use lsm_fs_mem::{Fault, FaultFs, MemFs, MemFsOptions, VolumeOptions};
use lsm_manifest::{
    Error, ManifestDirectory, WriteOptions, next_version_id, publish_current, read_current, remove_stale,
    versions,
};

use super::{open, options, run, shared};
use crate::support::{DIR, SECTIONS, current_path, mem_fs, put_file, version_path, write};

/// On a volume that cannot sync directories, the archives of unpublished versions stay.
#[test]
fn an_unpublished_version_does_not_block_the_next() {
    for directory_sync in [true, false] {
        let root = VolumeOptions::new().directory_sync(directory_sync);
        let fs = MemFsOptions::new().root(root).build().unwrap();
        run(&fs, DIR, 1).unwrap();
        for kills in 1..=3 {
            let dying = FaultFs::new(fs.clone());
            dying.inject(Fault::on(Op::Rename).at("/db/current").nth(2).gone());
            assert!(super::life_cycle::run(&shared(dying), Path::new(DIR), 2).is_err());
            assert_eq!(versions(&fs, Path::new(DIR)).unwrap().last(), Some(&(1 + kills)), "{directory_sync}");
        }
        assert_eq!(run(&fs, DIR, 2).unwrap(), [1, 2]);
        assert_eq!(read_current(&fs, Path::new(DIR)).unwrap().version_id, 5, "{directory_sync}");
        let left = versions(&fs, Path::new(DIR)).unwrap();
        assert_eq!(left, if directory_sync { vec![5] } else { vec![1, 2, 3, 4, 5] });
    }
}

#[test]
fn the_next_number_is_above_every_name() {
    let fs = mem_fs();
    let next = || next_version_id(&fs, Path::new(DIR)).unwrap();
    assert_eq!(next(), 1);
    put_file(&fs, &version_path(3), b"");
    assert_eq!(next(), 4);
    put_file(&fs, &Path::new(DIR).join("edits-6"), b"");
    assert_eq!(next(), 7);
    fs.create_dir(&version_path(8)).unwrap();
    assert_eq!(next(), 9);
    put_file(&fs, &Path::new(DIR).join("v010"), b"");
    assert_eq!(next(), 9);
    // The archive that CURRENT names is missing.
    let archive = write(&fs, &version_path(20), WriteOptions::new(), &SECTIONS).unwrap();
    let _ = publish_current(&archive).unwrap();
    fs.remove_file(&version_path(20)).unwrap();
    assert_eq!(next(), 21);
    put_file(&fs, &version_path(u64::MAX), b"");
    let refused = next_version_id(&fs, Path::new(DIR)).unwrap_err();
    assert!(
        matches!(&refused, Error::NoNextVersion { file } if *file == version_path(u64::MAX)),
        "{refused}"
    );
}

#[test]
fn concurrent_archives_get_different_numbers() {
    let fs = MemFs::new();
    let (directory, _) = open(&fs, DIR).unwrap();
    let one = directory.next_version(WriteOptions::new()).unwrap();
    let two = directory.next_version(WriteOptions::new()).unwrap().finish().unwrap();
    let one = one.finish().unwrap();
    assert_eq!((one.version_id(), two.version_id()), (Some(1), Some(2)));
    let _ = directory.publish(&two).unwrap();
    let refused = directory.publish(&one).unwrap_err();
    assert_eq!(refused.to_string(), "/db/v1: not published, because CURRENT names version 2");
    assert!(matches!(refused, Error::NotNewer { live: 2, .. }));
    assert_eq!(read_current(&fs, Path::new(DIR)).unwrap().version_id, 2);
    assert_eq!(directory.publish(&two).unwrap(), DirectorySync::Durable, "the same once more");
}

#[test]
fn another_archive_of_the_live_version_is_not_published() {
    let fs = mem_fs();
    let live = write(&fs, &version_path(1), WriteOptions::new(), &SECTIONS).unwrap();
    let _ = publish_current(&live).unwrap();
    fs.remove_file(&version_path(1)).unwrap();
    let other = write(&fs, &version_path(1), WriteOptions::new(), &SECTIONS[..1]).unwrap();
    assert!(matches!(publish_current(&other), Err(Error::NotNewer { live: 1, .. })));
    put_file(&fs, &current_path(), b"");
    assert!(
        matches!(publish_current(&other), Err(Error::CurrentEmpty { .. })),
        "nothing tells what is newer"
    );
}

#[test]
fn an_archive_of_another_directory_is_not_published() {
    let fs = MemFs::new();
    fs.create_dir(Path::new("/other")).unwrap();
    let (directory, _) = open(&fs, DIR).unwrap();
    let elsewhere = write(&fs, Path::new("/other/v1"), WriteOptions::new(), &SECTIONS).unwrap();
    assert!(matches!(directory.publish(&elsewhere), Err(Error::NotAVersion { .. })));
    assert!(!fs.exists(Path::new("/other/current")).unwrap());
}

#[test]
fn nothing_is_removed_without_the_live_version() {
    let fs = mem_fs();
    let remove = |live| remove_stale(&fs, Path::new(DIR), live);
    for version in [1, 2] {
        put_file(&fs, &version_path(version), b"");
    }
    // Without CURRENT, the highest version is the one that an engine without CURRENT opens.
    for live in [0, 1, 9] {
        assert!(matches!(remove(live), Err(Error::Live { file }) if file == version_path(2)), "{live}");
    }
    fs.remove_file(&version_path(2)).unwrap();
    fs.remove_file(&version_path(1)).unwrap();
    put_file(&fs, &Path::new(DIR).join("edits-1"), b"");
    assert!(matches!(remove(9), Err(Error::MissingArchive { .. })));
    // CURRENT names a missing archive.
    let archive = write(&fs, &version_path(5), WriteOptions::new(), &SECTIONS).unwrap();
    let _ = publish_current(&archive).unwrap();
    fs.remove_file(&version_path(5)).unwrap();
    put_file(&fs, &version_path(4), b"");
    assert!(matches!(remove(5), Err(Error::MissingArchive { file }) if file == version_path(5)));
    assert_eq!(versions(&fs, Path::new(DIR)).unwrap(), [4]);
    assert!(fs.exists(&Path::new(DIR).join("edits-1")).unwrap());
}

/// The durability of CURRENT is unknown, so the replaced files stay until it is published again.
#[test]
fn after_an_uncertain_publication_nothing_is_removed_before_another_sync() {
    let fs = MemFs::new();
    run(&fs, DIR, 1).unwrap();
    let failing = FaultFs::new(fs.clone());
    let (directory, _) =
        ManifestDirectory::open(&shared(failing.clone()), Path::new(DIR), &options()).unwrap();
    let archive = directory.next_version(WriteOptions::new()).unwrap().finish().unwrap();
    failing.inject(Fault::on(Op::SyncDirectory).nth(1));
    assert!(matches!(directory.publish(&archive), Err(Error::PublishedNotDurable { .. })));
    assert!(!directory.is_durable());
    failing.inject(Fault::on(Op::SyncDirectory).nth(1));
    assert!(directory.remove_stale().is_err());
    assert_eq!(versions(&fs, Path::new(DIR)).unwrap(), [1, 2]);
    assert_eq!(directory.remove_stale().unwrap(), [version_path(1)]);
}

#[test]
fn before_the_first_version_nothing_is_removed() {
    let fs = MemFs::new();
    let (directory, _) = open(&fs, DIR).unwrap();
    put_file(&fs, &version_path(4), b"");
    assert!(directory.remove_stale().unwrap().is_empty());
    assert!(!directory.is_durable() && fs.exists(&version_path(4)).unwrap());
}
