//! Refusals: a missing permission is a failure, and a refusal between two volumes does not affect other volumes.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{
    Catalog, Change, Checkpoint, Error, FileKind, Method, Policy, SourceFile, remove, run_checkpoint,
};
use lsm_fs::{Fs, FsExt, Op, SyncMode, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs, MemFsOptions, VolumeOptions};

use crate::{
    create::{TARGET, mem_db},
    foreign::Foreign,
    remove::{debris, with_checkpoint},
};

const NOT_PERMITTED: [i32; 2] = [errno::EPERM, errno::EACCES];

/// Checks that a rename without permission fails. It does not show that the filesystem lacks renames, so there is no
/// fallback.
fn assert_failed(result: &Result<(), Error>, op: Op, code: i32) {
    let Err(Error::Fs(error)) = result else { panic!("{op}, {code}: {result:?}") };
    assert_eq!((error.op(), error.raw_os_error()), (op, Some(code)));
}

#[test]
fn a_publication_that_is_not_permitted_fails() {
    for code in NOT_PERMITTED {
        let (fs, db) = mem_db(&[""]);
        let faulty = FaultFs::new(fs.clone());
        faulty.inject(Fault::on(Op::RenameNoreplace).every(1).before(code));
        assert_failed(&run_checkpoint(&db, &faulty, Path::new(TARGET)).map(drop), Op::RenameNoreplace, code);
        assert!(!fs.exists(Path::new(TARGET)).unwrap() && debris(&fs).is_empty(), "{code}");
    }
}

/// A rename over the empty directory that claims the name fails as well, if it is not permitted.
#[test]
fn a_publication_in_place_that_is_not_permitted_fails() {
    for code in NOT_PERMITTED {
        let (fs, db) = mem_db(&[""]);
        let faulty = FaultFs::new(fs.clone());
        faulty.inject(Fault::on(Op::RenameNoreplace).every(1).before(errno::EINVAL));
        faulty.inject(Fault::on(Op::Rename).at(TARGET).every(1).before(code));
        assert_failed(&run_checkpoint(&db, &faulty, Path::new(TARGET)).map(drop), Op::Rename, code);
        assert!(!fs.exists(Path::new(TARGET)).unwrap() && debris(&fs).is_empty(), "{code}");
    }
}

#[test]
fn a_removal_that_is_not_permitted_fails() {
    for code in NOT_PERMITTED {
        let fs = MemFs::new();
        let db = with_checkpoint(&fs, &[""]);
        let faulty = FaultFs::new(fs.clone());
        faulty.inject(Fault::on(Op::RenameNoreplace).every(1).before(code));
        assert_failed(
            &remove(&faulty, Path::new(TARGET), SyncMode::Normal).map(drop),
            Op::RenameNoreplace,
            code,
        );
        assert!(db.check_target(&fs, Path::new(TARGET)).unwrap() && debris(&fs).is_empty(), "{code}");
    }
}

/// The files lie on two volumes, and the target on one of them. The first file cannot be shared.
#[test]
fn a_method_refused_between_two_volumes_is_tried_for_others() {
    for (policy, shared) in [(Policy::PreferLink, Method::HardLink), (Policy::Independent, Method::Reflink)] {
        let fs = MemFsOptions::new().volume("/far", VolumeOptions::new()).build().unwrap();
        let file = |path: &str| {
            fs.write_new(Path::new(path), b"rows", SyncMode::Normal).unwrap();
            SourceFile::immutable(FileKind::Table, Arc::new(fs.clone()), path, 4)
        };
        let files = vec![file("/far/1.sst"), file("/2.sst"), file("/far/3.sst")];
        let engine = Foreign::new(files, |target| Ok(target.write("CURRENT", b"1")?));
        let info = Checkpoint::new().policy(policy).create(&engine, &fs, Path::new(TARGET)).unwrap();
        let catalog = Catalog::read(&fs, Path::new(TARGET)).unwrap();
        let methods: Vec<_> =
            catalog.files.iter().map(|file| (file.name.as_str(), file.method)).take(3).collect();
        assert_eq!(methods, [("1.sst", Method::Copy), ("2.sst", shared), ("3.sst", Method::Copy)]);
        assert_eq!(info.by_method(shared).files, 1, "{policy:?}");
    }
}

/// A batch names files by their last component, and this path has none. The neighbouring file must not be linked
/// instead.
#[test]
fn a_source_path_without_a_name_is_refused() {
    for policy in [Policy::LinkOnly, Policy::PreferLink, Policy::Independent] {
        let fs = MemFs::new();
        fs.create_dir(Path::new("/db")).unwrap();
        fs.write_new(Path::new("/db/2"), b"rows", SyncMode::Normal).unwrap();
        let file = |path: &str| SourceFile::immutable(FileKind::Table, Arc::new(fs.clone()), path, 4);
        let engine = Foreign::new(vec![file("/db/..").named("1"), file("/db/2")], |target| {
            Ok(target.write("CURRENT", b"1")?)
        });
        let refused = Checkpoint::new().policy(policy).create(&engine, &fs, Path::new(TARGET)).unwrap_err();
        let Error::SourceChanged { path, what: Change::Type } = refused else {
            panic!("{policy:?}: {refused}")
        };
        assert_eq!(path, Path::new("/db/.."));
    }
}
