//! Refused requests, and the state that they leave.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{Error, StagedProblem, run_checkpoint};
use lsm_fs::{
    DirectorySync, Fs, FsExt, Op, StdFs, SyncMode, errno,
    intercept::{Call, InterceptFs, Interceptor, Outcome},
};
use lsm_fs_mem::{DirtyPages, MemFs, VolumeOptions, VolumeState};

use super::{DIR, TARGET, mem_db, two_volumes};
use crate::{db::Db, tweak::Tweak};

fn refusal(fs: &dyn Fs, db: &Db, target: &str) -> Error {
    run_checkpoint(db, fs, Path::new(target)).unwrap_err()
}

#[test]
fn an_existing_target_is_refused() {
    let (fs, db) = mem_db(&[""]);
    fs.create_dir(Path::new("/directory")).unwrap();
    fs.write_new(Path::new("/file"), b"mine", SyncMode::Normal).unwrap();
    for target in ["/directory", "/file", "/./file", "/db"] {
        assert!(
            matches!(refusal(&fs, &db, target), Error::TargetExists { .. } | Error::NestedTarget { .. }),
            "{target}"
        );
    }
    run_checkpoint(&db, &fs, Path::new(TARGET)).unwrap();
    assert!(matches!(refusal(&fs, &db, TARGET), Error::TargetExists { .. }));
    assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
    assert_eq!(fs.read_to_vec(Path::new("/file"), 9).unwrap(), b"mine");
}

#[test]
fn a_target_in_the_source_is_refused() {
    let (fs, db) = mem_db(&[""]);
    for target in ["/db/checkpoint", "/db/tables/x", "/db", "/./db//x", "/db/tables/../x", "/backup/../db/x"]
    {
        if target.contains("backup") {
            fs.create_dir(Path::new("/backup")).unwrap();
        }
        assert!(matches!(refusal(&fs, &db, target), Error::NestedTarget { .. }), "{target}");
    }
    run_checkpoint(&db, &fs, Path::new("/dbx")).unwrap();
    let elsewhere = MemFs::new();
    elsewhere.create_dir(Path::new(DIR)).unwrap();
    run_checkpoint(&db, &elsewhere, Path::new("/db/x")).unwrap();
}

#[test]
fn a_path_through_parents_is_accepted() {
    for target in ["/backup/../checkpoint", "/backup/below/../../checkpoint"] {
        let (fs, db) = mem_db(&["users", "orders"]);
        fs.create_dir_all(Path::new("/backup/below")).unwrap();
        run_checkpoint(&db, &fs, Path::new(target)).unwrap();
        assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
        lsm_checkpoint::remove(&fs, Path::new(target), SyncMode::Normal).unwrap();
        assert_eq!(fs.read_dir(Path::new("/")).unwrap().len(), 2);
    }
}

/// A filesystem without file ids that cannot sync folders of tables.
#[derive(Debug)]
struct Limited;

impl Interceptor for Limited {
    type File = ();

    fn around<R: Outcome>(
        &self,
        _: Option<&()>,
        call: &Call<'_>,
        run: impl FnOnce() -> lsm_fs::Result<R>,
    ) -> lsm_fs::Result<R> {
        let mut result = run()?;
        if let Some(metadata) = result.metadata() {
            metadata.file_id = None;
        }
        if let Some(synced) = result.directory_sync().filter(|_| call.path.ends_with("tables")) {
            *synced = DirectorySync::NotSupported;
        }
        Ok(result)
    }
}

#[test]
fn a_target_in_the_source_is_refused_without_file_ids() {
    let (fs, _) = mem_db(&[""]);
    let limited = Arc::new(InterceptFs::new(fs, Limited));
    let db = Db::open(limited.clone(), Path::new(DIR), &[""]);
    for target in ["/db/checkpoint", "/db/tables/x", "/db"] {
        assert!(matches!(refusal(&*limited, &db, target), Error::NestedTarget { .. }), "{target}");
    }
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_into_the_source_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (source, link) = (dir.path().join("db"), dir.path().join("link"));
    Db::prepare(&StdFs, &source, &[""]);
    std::os::unix::fs::symlink(&source, &link).unwrap();
    let db = Db::open(Arc::new(StdFs), &source, &[""]);
    let nested = run_checkpoint(&db, &StdFs, &link.join("checkpoint")).unwrap_err();
    assert!(matches!(nested, Error::NestedTarget { .. }), "{nested}");
    let taken = run_checkpoint(&db, &StdFs, &link).unwrap_err();
    assert!(matches!(taken, Error::TargetExists { .. }), "{taken}");
}

#[test]
fn a_target_without_a_parent_is_refused() {
    let (fs, db) = mem_db(&[""]);
    let Error::Fs(error) = refusal(&fs, &db, "/nowhere/x") else { panic!() };
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(matches!(refusal(&fs, &db, ""), Error::InvalidTarget { .. }));
}

#[test]
fn a_full_read_only_or_dead_volume_is_an_error() {
    let (fs, db) = two_volumes(VolumeOptions::new().capacity_bytes(2000));
    let full = refusal(&fs, &db, "/backup/x");
    assert!(matches!(full, Error::NoSpace { needed: 2240, available } if available < 2240), "{full}");
    // There is space for the files but not for the manifest.
    let (fs, db) = two_volumes(VolumeOptions::new().capacity_bytes(4 * 4096));
    let Error::Fs(full) = refusal(&fs, &db, "/backup/x") else { panic!() };
    assert_eq!(full.raw_os_error(), Some(errno::ENOSPC));
    assert!(fs.read_dir(Path::new("/backup")).unwrap().is_empty());
    for (state, code) in [(VolumeState::ReadOnly, errno::EROFS), (VolumeState::ShutDown, errno::EIO)] {
        let (fs, db) = two_volumes(VolumeOptions::new().state(state));
        let Error::Fs(error) = refusal(&fs, &db, "/backup/x") else { panic!() };
        assert_eq!(error.raw_os_error(), Some(code));
        db.check_source(&fs).unwrap();
    }
}

#[test]
fn a_failed_sync_of_the_parent_is_reported() {
    let (fs, db) = two_volumes(VolumeOptions::new());
    fs.fail_next_sync(Path::new("/backup"), errno::EIO, DirtyPages::Kept);
    let published = refusal(&fs, &db, "/backup/x");
    let Error::PublishedNotDurable { target, source } = &published else { panic!("{published}") };
    assert_eq!((target.as_path(), source.path()), (Path::new("/backup/x"), Path::new("/backup")));
    assert!(db.check_target(&fs, target).unwrap());
}

#[test]
fn a_platform_without_directory_syncs_is_reported() {
    let (fs, db) = two_volumes(VolumeOptions::new().directory_sync(false));
    let info = run_checkpoint(&db, &fs, Path::new("/backup/x")).unwrap();
    assert_eq!(info.durability, DirectorySync::NotSupported);
}

#[test]
fn one_directory_that_cannot_be_synced_is_reported() {
    let (fs, db) = mem_db(&[""]);
    let info = run_checkpoint(&db, &InterceptFs::new(fs, Limited), Path::new(TARGET)).unwrap();
    assert_eq!(info.durability, DirectorySync::NotSupported);
}

/// Another process works in the staged directory just before its names are checked.
#[test]
fn a_staged_directory_with_other_names_or_types_is_not_published() {
    type Change = fn(&MemFs, &Path);
    const TABLES: &str = "/.checkpoint.checkpoint-staged/tables";
    let cases: [(Change, &str, StagedProblem); 3] = [
        (|fs, path| fs.remove_file(path).unwrap(), "1", StagedProblem::Missing),
        (|fs, path| fs.write_new(path, b"", SyncMode::Normal).unwrap(), "3", StagedProblem::Unexpected),
        (
            |fs, path| {
                fs.remove_file(path).unwrap();
                fs.create_dir(path).unwrap();
            },
            "2",
            StagedProblem::Type,
        ),
    ];
    for (meddle, name, expected) in cases {
        let (fs, db) = mem_db(&[""]);
        let changed = Path::new(TABLES).join(name);
        let beside_others = Tweak::new(fs.clone())
            .before(Op::ReadDir, TABLES, move |fs| meddle(fs, &Path::new(TABLES).join(name)));
        let refused = refusal(&beside_others, &db, TARGET);
        let Error::StagedMismatch { path, problem } = &refused else { panic!("{refused}") };
        assert_eq!((path, *problem), (&changed, expected));
        assert_eq!(fs.read_dir(Path::new("/")).unwrap().len(), 1, "{expected:?}");
        db.check_source(&fs).unwrap();
    }
}
