//! Directories without CURRENT: new, lost, foreign.

use std::path::Path;

use lsm_fs::{Fs, FsExt, Op, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs};
use lsm_manifest::{
    DirectoryOptions, Error, ManifestDirectory, ReadOptions, open_current, open_highest, recover,
};

use super::{open, options, run, shared};
use crate::support::put_file;

const DIR: &str = "/db";

/// A directory with these files and folders. The names of folders end with a slash.
fn directory(names: &[&str]) -> MemFs {
    let fs = MemFs::new();
    fs.create_dir(Path::new(DIR)).unwrap();
    for name in names {
        let path = Path::new(DIR).join(name.trim_end_matches('/'));
        if name.ends_with('/') {
            fs.create_dir_all(&path).unwrap();
        } else {
            fs.create_dir_all(path.parent().unwrap()).unwrap();
            put_file(&fs, &path, b"bytes");
        }
    }
    fs
}

fn refusal(names: &[&str]) -> Error {
    open(&directory(names), DIR).map(drop).unwrap_err()
}

#[test]
fn a_directory_with_only_empty_folders_and_ignored_names_is_new() {
    for names in [
        &[][..],
        &["tables/", "blobs/", "wal/", "sst/", "a/b/c/"],
        &["LOCK", "LOG", "lost+found/#1", ".lock", ".nfs0001", ".DS_Store", ".snapshot/x", ".fuse_hidden1"],
        &[".current.tmp-0", "wal/lost+found/#1", "wal/.nfs01", "v2/", "current.d/"],
    ] {
        let fs = directory(names);
        let found = recover(&fs, Path::new(DIR), &ReadOptions::new());
        // Readers do not know the names that the engine declares.
        assert!(matches!(found, Ok(None)) || names.contains(&"LOG"), "{names:?}: {found:?}");
        assert_eq!(run(&fs, DIR, 1).unwrap(), [1], "{names:?}");
        for name in names.iter().filter(|name| !name.starts_with(".current")) {
            assert!(fs.exists(&Path::new(DIR).join(name.trim_end_matches('/'))).unwrap(), "{name} is gone");
        }
    }
}

#[test]
fn a_lost_current_is_reported_with_every_name() {
    for names in [
        &["tables/1"][..],
        &["blobs/1"],
        &["wal/0"],
        &["wal/a/b/0"],
        &["v0"],
        &["edits-3"],
        &["wal"],
        &["notes", "tables/1", "v17", "v18", "wal/0"],
    ] {
        match refusal(names) {
            Error::MissingCurrent { file, beside } => {
                assert_eq!(file, Path::new("/db/current"));
                let expected: Vec<_> = names.iter().map(|name| name.split('/').next().unwrap()).collect();
                assert_eq!(beside.iter().collect::<Vec<_>>(), expected);
            }
            other => panic!("{names:?}: {other:?}"),
        }
    }
    assert_eq!(
        refusal(&["LOCK", "tables/1", "v17"]).to_string(),
        "/db/current: missing, but found tables, v17; restore it, or move these away to start anew"
    );
    // A symbolic link to a volume that is not mounted.
    let fs = directory(&[]);
    fs.make_symlink("/disk/wal", Path::new("/db/wal")).unwrap();
    assert!(super::is_missing_current(&open(&fs, DIR).map(drop)));
}

#[test]
fn a_foreign_directory_is_refused_with_every_name() {
    for names in [
        &["000001.sst", "CURRENT", "MANIFEST-000001"][..],
        &["sst/1", "vlog/1"],
        &["CHECKPOINT"],
        &["v2/1"],
        &["v", "v01", "vault"],
        &["deep/a/b/c"],
    ] {
        match refusal(names) {
            Error::ForeignDirectory { dir, names: found } => {
                assert_eq!(dir, Path::new(DIR));
                let expected: Vec<_> = names.iter().map(|name| name.split('/').next().unwrap()).collect();
                assert_eq!(found.iter().collect::<Vec<_>>(), expected);
            }
            other => panic!("{names:?}: {other:?}"),
        }
    }
    assert_eq!(
        refusal(&["CURRENT", "sst/1", "empty/"]).to_string(),
        "/db: not a new directory: it holds CURRENT, sst; choose another one, or move these away"
    );
    // CURRENT is a dangling symbolic link.
    let fs = directory(&[]);
    fs.make_symlink("/nowhere", Path::new("/db/current")).unwrap();
    assert!(matches!(open(&fs, DIR).map(drop), Err(Error::ForeignDirectory { .. })));
}

#[test]
fn readers_refuse_the_same_directories() {
    for names in [&["tables/1"][..], &["v1", "tables/"], &["000001.sst"], &["wal/0"]] {
        let fs = directory(names);
        let (dir, options) = (Path::new(DIR), ReadOptions::new());
        assert!(open_current(&fs, dir, &options).is_err(), "{names:?}");
        assert!(recover(&fs, dir, &options).is_err(), "{names:?}");
        assert!(open_highest(&fs, dir, &options).is_err(), "{names:?}");
    }
    let empty = directory(&["tables/", "v2/", "LOCK"]);
    assert!(open_highest(&empty, Path::new(DIR), &ReadOptions::new()).unwrap().is_none());
}

#[test]
fn declared_names_belong_to_the_engine() {
    let fs = directory(&["OPTIONS", "000007.log"]);
    let open = |options: &DirectoryOptions| {
        ManifestDirectory::open(&shared(fs.clone()), Path::new(DIR), options).map(drop)
    };
    assert!(matches!(open(&options()), Err(Error::ForeignDirectory { .. })));
    assert!(matches!(open(&options().bystander("OPTIONS")), Err(Error::ForeignDirectory { .. })));
    let declared = options().bystander("OPTIONS").file("*.log");
    match open(&declared) {
        Err(Error::MissingCurrent { beside, .. }) => {
            assert_eq!(beside.iter().collect::<Vec<_>>(), ["000007.log"]);
        }
        other => panic!("{other:?}"),
    }
    fs.remove_file(Path::new("/db/000007.log")).unwrap();
    open(&declared).unwrap();
}

#[test]
fn a_message_with_many_names_stays_on_one_line() {
    let names: Vec<_> = (0..1500).map(|at| format!("f{at:04}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).chain(["a\nb"]).collect();
    let Error::ForeignDirectory { names: found, .. } = refusal(&names) else { panic!() };
    assert_eq!((found.total(), found.iter().count()), (1501, 1000));
    let text = found.to_string();
    assert!(text.starts_with("a\\nb, f0000, f0001") && text.ends_with("f0018 and 1481 more"), "{text}");
}

/// Only root can read `lost+found`. Any other folder that cannot be read does not count as empty.
#[test]
fn an_unreadable_folder_is_foreign() {
    for (name, is_new) in [("lost+found/", true), ("private/", false)] {
        let fs = FaultFs::new(directory(&[name]));
        let path = Path::new(DIR).join(name.trim_end_matches('/'));
        fs.inject(Fault::on(Op::ReadDir).at(&path).from_nth(1).before(errno::EACCES));
        let opened = ManifestDirectory::open(&shared(fs), Path::new(DIR), &options()).map(drop);
        assert_eq!(opened.is_ok(), is_new, "{name}: {opened:?}");
        assert!(is_new || matches!(opened, Err(Error::ForeignDirectory { .. })), "{name}: {opened:?}");
    }
}

/// The first version is published after a reader has looked for CURRENT and before it lists the directory.
#[test]
fn a_current_that_is_published_meanwhile_is_not_lost() {
    let fs = MemFs::new();
    run(&fs, DIR, 1).unwrap();
    let racing = FaultFs::new(fs);
    racing.inject(Fault::on(Op::Open).at("/db/current").nth(1).before(errno::ENOENT));
    let (current, _) = open_current(&racing, Path::new(DIR), &ReadOptions::new()).unwrap().unwrap();
    assert_eq!(current.version_id, 1);
    // The loop ends even if CURRENT never appears.
    racing.inject(Fault::on(Op::Open).at("/db/current").from_nth(1).before(errno::ENOENT));
    assert!(matches!(open_current(&racing, Path::new(DIR), &ReadOptions::new()), Err(Error::Fs(_))));
}

/// Directories of engines that do not use the mark.
#[test]
fn directories_without_a_mark_can_be_opened() {
    use lsm_manifest::{ManifestArchiveWriter, WriteOptions, publish_current};

    let fs = directory(&["tables/1", "blobs/2", "strange"]);
    let archive = ManifestArchiveWriter::create(&fs, Path::new("/db/v0"), WriteOptions::new()).unwrap();
    let _ = publish_current(&archive.finish().unwrap()).unwrap();
    let (directory, live) = open(&fs, DIR).unwrap();
    assert_eq!(live.unwrap().current.version_id, 0);
    assert!(directory.is_durable());
    let next = directory.next_version(WriteOptions::new()).unwrap().finish().unwrap();
    assert_eq!(next.version_id(), Some(1));
    let _ = directory.publish(&next).unwrap();
    assert_eq!(directory.remove_stale().unwrap(), [Path::new("/db/v0")]);
}
