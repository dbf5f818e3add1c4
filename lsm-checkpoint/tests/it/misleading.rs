//! Errors and reports that name the real cause and nothing else.

use std::path::Path;

use lsm_checkpoint::{CheckpointDir, Error, Method, Occupant, remove, restore, run_checkpoint, sweep};
use lsm_fs::{Fs, FsExt, Op, SyncMode, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFsOptions, VolumeOptions};

use crate::{
    create::{TARGET, mem_db, prepared},
    remove::{debris, with_checkpoint},
    tweak::Tweak,
};

const NORMAL: SyncMode = SyncMode::Normal;
const STAGED: &str = "/.checkpoint.checkpoint-staged";

/// A parent that may be entered but not opened cannot be synced. The call fails before it creates or removes anything.
#[test]
fn an_unreadable_parent_is_reported_before_anything_is_made() {
    for is_removal in [false, true] {
        let fs = lsm_fs_mem::MemFs::new();
        let db = if is_removal { with_checkpoint(&fs, &[""]) } else { prepared(&fs, &[""]) };
        let closed = FaultFs::new(fs.clone());
        for op in [Op::ReadDir, Op::SyncDirectory] {
            closed.inject(Fault::on(op).at("/").every(1).before(errno::EACCES));
        }
        let refused = match is_removal {
            true => remove(&closed, Path::new(TARGET), NORMAL).map(drop),
            false => run_checkpoint(&db, &closed, Path::new(TARGET)).map(drop),
        };
        let Err(Error::Fs(refused)) = refused else { panic!("{refused:?}") };
        assert_eq!((refused.path(), refused.raw_os_error()), (Path::new("/"), Some(errno::EACCES)));
        assert_eq!(fs.exists(Path::new(TARGET)).unwrap(), is_removal);
        assert_eq!(closed.count(Op::CreateDir) + closed.count(Op::RenameNoreplace), 0);
    }
}

#[test]
fn an_empty_directory_in_place_of_the_target_is_reported() {
    let (fs, db) = mem_db(&[""]);
    fs.create_dir(Path::new(TARGET)).unwrap();
    for expected in [Occupant::EmptyDirectory, Occupant::Other] {
        let refused = run_checkpoint(&db, &fs, Path::new(TARGET)).unwrap_err();
        let Error::TargetExists { occupant, .. } = refused else { panic!("{refused}") };
        assert_eq!(occupant, expected);
        let _ = fs.create_dir(Path::new("/checkpoint/mine"));
    }
}

/// A data directory that is a mount point, next to a killed restore.
#[test]
fn a_leftover_beside_a_mount_point_is_removed_and_the_mount_stays() {
    let fs = MemFsOptions::new().volume("/data", VolumeOptions::new()).build().unwrap();
    with_checkpoint(&fs, &[""]);
    let staged = Path::new("/.data.checkpoint-staged");
    fs.create_dir(staged).unwrap();
    let checkpoint = CheckpointDir::open(std::sync::Arc::new(fs.clone()), TARGET).unwrap();
    let refused = restore(&checkpoint, &fs, Path::new("/data")).unwrap_err();
    assert!(matches!(refused, Error::TargetExists { occupant: Occupant::MountPoint, .. }), "{refused}");
    assert!(debris(&fs).is_empty());
    fs.create_dir(staged).unwrap();
    let report = sweep(&fs, Path::new("/"), NORMAL).unwrap();
    assert!(report.failed.is_empty() && report.cleared.is_empty(), "{report:?}");
    assert_eq!(report.leftovers, [staged]);
    assert!(fs.exists(Path::new("/data")).unwrap());
}

/// Some kernels detect a mount only when its directory is removed.
#[test]
fn a_busy_target_beside_a_leftover_stays() {
    let (fs, _) = mem_db(&[""]);
    for path in [TARGET, STAGED] {
        fs.create_dir(Path::new(path)).unwrap();
    }
    let busy = FaultFs::new(fs.clone());
    const EBUSY: i32 = 16;
    busy.inject(Fault::on(Op::RemoveDir).at(TARGET).every(1).before(EBUSY));
    let report = sweep(&busy, Path::new("/"), NORMAL).unwrap();
    assert_eq!(report.leftovers, [Path::new(STAGED)], "{report:?}");
    assert!(fs.exists(Path::new(TARGET)).unwrap() && debris(&fs).is_empty());
}

#[test]
fn a_sweep_does_not_report_a_whole_checkpoint_as_cleared() {
    let fs = lsm_fs_mem::MemFs::new();
    let db = with_checkpoint(&fs, &[""]);
    fs.create_dir(Path::new(STAGED)).unwrap();
    let report = sweep(&fs, Path::new("/"), NORMAL).unwrap();
    assert!(report.cleared.is_empty() && report.unfinished.is_empty(), "{report:?}");
    assert_eq!(report.leftovers, [Path::new(STAGED)]);
    assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
}

#[test]
fn the_totals_of_each_method_are_printed_by_its_name() {
    let (fs, db) = mem_db(&[""]);
    let info = run_checkpoint(&db, &fs, Path::new(TARGET)).unwrap();
    let text = format!("{info:?}");
    for method in Method::ALL {
        let totals = info.by_method(method);
        let expected = format!("{:?}: {totals:?}", method.name());
        assert!(text.contains(&expected), "{expected}: {text}");
    }
}

/// If another process removes the directory, the error blames neither the name nor the filesystem.
#[test]
fn a_name_in_a_directory_that_is_gone_is_not_refused() {
    let (fs, db) = mem_db(&[""]);
    let meddled = Tweak::new(fs.clone()).before(Op::HardLink, "/db/tables/1", |fs| {
        fs.remove_dir(Path::new("/.checkpoint.checkpoint-staged/tables")).unwrap();
    });
    let error = run_checkpoint(&db, &meddled, Path::new(TARGET)).unwrap_err();
    assert!(matches!(&error, Error::Fs(e) if e.kind() == std::io::ErrorKind::NotFound), "{error}");
}

/// Another process fills the empty target. The last rename then returns the same error as on a filesystem that cannot
/// replace a directory.
#[test]
fn a_target_that_another_process_fills_is_left_alone() {
    let fs = MemFsOptions::new().root(VolumeOptions::new().rename_noreplace(false)).build().unwrap();
    let db = prepared(&fs, &[""]);
    let meddled = Tweak::new(fs.clone()).before(Op::Rename, STAGED, |fs| {
        fs.create_dir(Path::new("/checkpoint/mine")).unwrap();
    });
    run_checkpoint(&db, &meddled, Path::new(TARGET)).unwrap_err();
    let left = fs.read_dir(Path::new(TARGET)).unwrap();
    assert!(left.len() == 1 && left[0].name == "mine" && debris(&fs).is_empty(), "{left:?}");
}

/// Another process's file in the staged directory does not count as a link from an earlier attempt.
#[test]
fn a_file_of_another_process_does_not_count_as_a_link() {
    let (fs, db) = mem_db(&[""]);
    let meddled = Tweak::new(fs.clone()).before(Op::HardLink, "/db/tables/1", |fs| {
        let path = Path::new("/.checkpoint.checkpoint-staged/tables/1");
        fs.write_new(path, b"somebody else's", NORMAL).unwrap();
    });
    let error = run_checkpoint(&db, &meddled, Path::new(TARGET)).unwrap_err();
    assert!(matches!(&error, Error::Fs(e) if e.raw_os_error() == Some(errno::EEXIST)), "{error}");
    assert!(!fs.exists(Path::new(TARGET)).unwrap());
}
