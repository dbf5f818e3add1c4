//! A refusal by a mount leads to the next method, or ends the checkpoint.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{Change, Checkpoint, Error, Method, Policy, run_checkpoint};
use lsm_fs::{Fs, FsExt, Op, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs, MemFsOptions, VolumeOptions};

use crate::{
    create::{DIR, TARGET, mem_db, prepared, two_volumes},
    db::Db,
};

/// Returns the number of files by method: linked, linked to the base, cloned, copied. The log is always copied.
fn methods(policy: Policy, fs: &dyn Fs, db: &Db) -> [u64; 4] {
    let info = Checkpoint::new().policy(policy).create(db, fs, Path::new(TARGET)).unwrap();
    [Method::HardLink, Method::BaseLink, Method::Reflink, Method::Copy]
        .map(|method| info.by_method(method).files)
}

fn on(volume: VolumeOptions) -> (MemFs, Db) {
    let fs = MemFsOptions::new().root(volume).build().unwrap();
    let db = prepared(&fs, &[""]);
    (fs, db)
}

#[test]
fn each_policy_uses_its_first_method_if_all_work() {
    for (policy, expected) in [
        (Policy::LinkOnly, [3, 0, 0, 1]),
        (Policy::PreferLink, [3, 0, 0, 1]),
        (Policy::PreferReflink, [0, 0, 3, 1]),
        (Policy::Independent, [0, 0, 3, 1]),
    ] {
        let (fs, db) = mem_db(&[""]);
        assert_eq!(methods(policy, &fs, &db), expected, "{policy:?}");
        assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
    }
}

#[test]
fn each_policy_falls_back_without_links_or_clones() {
    for (links, clones, policy, expected) in [
        (false, true, Policy::PreferLink, [0, 0, 3, 1]),
        (false, false, Policy::PreferLink, [0, 0, 0, 4]),
        (true, false, Policy::PreferReflink, [3, 0, 0, 1]),
        (false, false, Policy::PreferReflink, [0, 0, 0, 4]),
        (true, false, Policy::Independent, [0, 0, 0, 4]),
    ] {
        let (fs, db) = on(VolumeOptions::new().hard_link(links).reflink(clones));
        assert_eq!(methods(policy, &fs, &db), expected, "{policy:?}, links: {links}, clones: {clones}");
        assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
    }
    let (fs, db) = on(VolumeOptions::new().hard_link(false));
    let refused = Checkpoint::new().policy(Policy::LinkOnly).create(&db, &fs, Path::new(TARGET));
    let Err(Error::LinkRefused { path, source: Some(source) }) = refused else { panic!("{refused:?}") };
    assert_eq!((path.as_path(), source.raw_os_error()), (Path::new("/db/tables/1"), Some(errno::EPERM)));
    assert!(!fs.exists(Path::new(TARGET)).unwrap());
}

#[test]
fn a_file_with_too_many_names_does_not_affect_the_others() {
    let (fs, db) = on(VolumeOptions::new().link_limit(2));
    fs.hard_link(Path::new("/db/tables/1"), Path::new("/1")).unwrap();
    assert_eq!(methods(Policy::PreferLink, &fs, &db), [2, 0, 1, 1]);
    assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
}

#[test]
fn a_refusal_is_remembered_for_the_pair_of_volumes() {
    let (fs, _) = two_volumes(VolumeOptions::new());
    let faulty = FaultFs::new(fs.clone());
    let db = Db::open(Arc::new(fs.clone()), Path::new(DIR), &[""]);
    run_checkpoint(&db, &faulty, Path::new("/backup/daily")).unwrap();
    assert_eq!((faulty.count(Op::HardLink), faulty.count(Op::ReflinkFile)), (1, 1), "each was tried once");
    assert!(db.check_target(&fs, Path::new("/backup/daily")).unwrap());
}

#[test]
fn a_refusal_leads_to_the_next_method_and_any_other_error_fails() {
    let refusals = [
        errno::EXDEV,
        errno::EMLINK,
        errno::EPERM,
        errno::EACCES,
        errno::EOPNOTSUPP,
        errno::ENOTSUP,
        errno::ENOSYS,
        errno::EINVAL,
        errno::ENOTTY,
    ];
    for code in refusals {
        let (fs, db) = mem_db(&[""]);
        let faulty = FaultFs::new(fs.clone());
        faulty.inject(Fault::on(Op::HardLink).every(1).before(code));
        faulty.inject(Fault::on(Op::ReflinkFile).every(1).before(code));
        assert_eq!(methods(Policy::PreferLink, &faulty, &db), [0, 0, 0, 4], "{code}");
        assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
    }
    // One file cannot be cloned at the moment. The next file is tried all the same.
    let (fs, db) = mem_db(&[""]);
    let faulty = FaultFs::new(fs.clone());
    faulty.inject(Fault::on(Op::ReflinkFile).nth(1).before(errno::EAGAIN));
    assert_eq!(methods(Policy::Independent, &faulty, &db), [0, 0, 2, 2]);
    assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
    for code in [errno::EEXIST, errno::ENOSPC, errno::EDQUOT, errno::EIO, errno::ENOENT] {
        let (fs, db) = mem_db(&[""]);
        let faulty = FaultFs::new(fs.clone());
        faulty.inject(Fault::on(Op::HardLink).nth(2).before(code));
        let error = run_checkpoint(&db, &faulty, Path::new(TARGET)).unwrap_err();
        let error = match (code, error) {
            // The source and the directory exist, so the filesystem refused the name.
            (errno::ENOENT, Error::NameRefused { source, .. }) => source,
            (_, Error::Fs(error)) => error,
            (_, error) => panic!("{error}"),
        };
        assert_eq!((error.op(), error.raw_os_error()), (Op::HardLink, Some(code)));
        assert_eq!(fs.read_dir(Path::new("/")).unwrap().len(), 1, "nothing is left");
    }
}

#[test]
fn only_an_equal_file_of_the_base_is_linked() {
    let (fs, db) = two_volumes(VolumeOptions::new());
    let (base, next) = (Path::new("/backup/base"), Path::new("/backup/next"));
    run_checkpoint(&db, &fs, base).unwrap();
    let info = Checkpoint::new().base(base).create(&db, &fs, next).unwrap();
    assert_eq!((info.by_method(Method::BaseLink).files, info.by_method(Method::Copy).files), (3, 1));
    assert!(db.check_target(&fs, next).unwrap());
    let links = |path| fs.hard_link_count(Path::new(path)).unwrap();
    assert_eq!((links("/backup/next/tables/1"), links("/db/tables/1")), (Some(2), Some(1)));
}

#[test]
fn an_equal_name_and_length_do_not_suffice_to_link_the_base() {
    let (fs, mut db) = two_volumes(VolumeOptions::new());
    let (base, next) = (Path::new("/backup/base"), Path::new("/backup/next"));
    run_checkpoint(&db, &fs, base).unwrap();
    db.checksums = false;
    let info = Checkpoint::new().base(base).create(&db, &fs, next).unwrap();
    assert_eq!(info.by_method(Method::BaseLink).files, 0);
    // A file of the base that lost its bytes is not linked either.
    db.checksums = true;
    fs.truncate_file(Path::new("/backup/base/tables/2"), 1).unwrap();
    fs.remove_file(Path::new("/backup/base/blobs/1")).unwrap();
    let info = Checkpoint::new().base(base).create(&db, &fs, Path::new("/backup/third")).unwrap();
    assert_eq!(info.by_method(Method::BaseLink).files, 1);
    assert!(db.check_target(&fs, Path::new("/backup/third")).unwrap());
}

#[test]
fn a_base_that_shares_the_inode_is_linked_without_a_checksum() {
    let (fs, mut db) = mem_db(&[""]);
    db.checksums = false;
    let base = Path::new("/base");
    run_checkpoint(&db, &fs, base).unwrap();
    let faulty = FaultFs::new(fs.clone());
    // The link from the source is refused with an error that concerns all three files.
    faulty.inject(Fault::on(Op::HardLink).nth(1).before(errno::EXDEV));
    let info = Checkpoint::new().base(base).create(&db, &faulty, Path::new(TARGET)).unwrap();
    assert_eq!(info.by_method(Method::BaseLink).files, 3);
    // An independent checkpoint does not link to a base that shares its files with the source.
    let policy = Checkpoint::new().policy(Policy::Independent).base(base);
    let info = policy.create(&db, &fs, Path::new("/independent")).unwrap();
    assert_eq!((info.by_method(Method::BaseLink).files, info.by_method(Method::Reflink).files), (0, 3));
}

#[test]
fn a_source_that_differs_from_its_snapshot_is_refused() {
    let target = Path::new("/backup/daily");
    let (fs, db) = two_volumes(VolumeOptions::new());
    fs.truncate_file(Path::new("/db/log"), 5).unwrap();
    let short = run_checkpoint(&db, &fs, target).unwrap_err();
    assert!(matches!(short, Error::SourceChanged { what: Change::Short { expected: 600 }, .. }), "{short}");

    let (fs, db) = two_volumes(VolumeOptions::new());
    fs.truncate_file(Path::new("/db/tables/1"), 5).unwrap();
    let short = run_checkpoint(&db, &fs, target).unwrap_err();
    let expected = Change::Length { expected: 700, found: 5 };
    assert!(matches!(short, Error::SourceChanged { what, .. } if what == expected), "{short}");

    let (fs, db) = two_volumes(VolumeOptions::new());
    fs.open(Path::new("/db/tables/1"), &lsm_fs::FsOpenOptions::new().write(true))
        .unwrap()
        .write_at(b"x", 9)
        .unwrap();
    let corrupt = run_checkpoint(&db, &fs, target).unwrap_err();
    assert!(
        matches!(&corrupt, Error::SourceCorrupt { path, .. } if path == Path::new("/db/tables/1")),
        "{corrupt}"
    );

    for volume in ["/", "/backup"] {
        let (fs, db) = two_volumes(VolumeOptions::new());
        fs.remove_file(Path::new("/db/tables/2")).unwrap();
        let gone = run_checkpoint(&db, &fs, &Path::new(volume).join("daily")).unwrap_err();
        let Error::SourceChanged { path, what: Change::Gone } = &gone else { panic!("{gone}") };
        assert_eq!(path, Path::new("/db/tables/2"));
        assert!(!fs.exists(&Path::new(volume).join("daily")).unwrap());
    }
}

/// Each of two files is refused for a reason of its own.
#[test]
fn a_refused_link_is_named_with_its_own_cause() {
    let (fs, db) = mem_db(&[""]);
    let faulty = FaultFs::new(fs.clone());
    faulty.inject(Fault::on(Op::HardLink).nth(1).before(errno::EMLINK));
    faulty.inject(Fault::on(Op::HardLink).nth(2).before(errno::EACCES));
    let refused = Checkpoint::new().policy(Policy::LinkOnly).create(&db, &faulty, Path::new(TARGET));
    let Err(Error::LinkRefused { path, source: Some(source) }) = refused else { panic!("{refused:?}") };
    assert_eq!((path.as_path(), source.path()), (Path::new("/db/tables/1"), Path::new("/db/tables/1")));
    assert_eq!(source.raw_os_error(), Some(errno::EMLINK));
}
