//! Rules that choose the failing calls, the moment, and the effect.

use std::{
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    path::Path,
};

use lsm_fs::{Fs, FsExt, FsOpenOptions, Op, StdFs, SyncMode, errno, raw_os_error};
use lsm_fs_mem::{Fault, FaultEffect, FaultFs, ShortTransfer};

use crate::backends::{Backend, each};

pub(super) const NEW: FsOpenOptions = FsOpenOptions::new().read(true).write(true).create_new(true);

/// Runs a test on a `FaultFs` over every backend.
pub(super) fn each_faulty(test: impl Fn(&FaultFs<Backend>, &Path)) {
    each(|fresh, root| test(&FaultFs::new(fresh()), root));
}

pub(super) fn make_dirs(fs: &dyn Fs, root: &Path, names: &[&str]) -> Vec<Option<i32>> {
    let made = names.iter().map(|name| fs.create_dir(&root.join(name)));
    made.map(|made| made.err().map(|e| e.raw_os_error().unwrap())).collect()
}

#[test]
fn only_the_nth_matching_call_fails() {
    each_faulty(|fs, root| {
        fs.inject(Fault::on(Op::CreateDir).nth(2).before(errno::EROFS));
        let results = make_dirs(fs, root, &["a", "b", "c", "d"]);
        assert_eq!(results, [None, Some(errno::EROFS), None, None]);
        assert!(!fs.exists(&root.join("b")).unwrap());
        assert_eq!(fs.count(Op::CreateDir), 4);
        assert_eq!(fs.counts()[&Op::Metadata], 1);
        let ids: Vec<_> = fs.injected().iter().map(|f| f.id().to_string()).collect();
        assert_eq!(ids, ["create_dir#2:before-EROFS"]);
    });
}

#[test]
fn from_nth_fails_all_calls_until_heal() {
    each_faulty(|fs, root| {
        fs.inject(Fault::on(Op::CreateDir).from_nth(2));
        let eio = Some(errno::EIO);
        assert_eq!(make_dirs(fs, root, &["a", "b", "c"]), [None, eio, eio]);
        fs.heal();
        assert_eq!(make_dirs(fs, root, &["b"]), [None]);
    });
}

#[test]
fn every_nth_call_fails() {
    each_faulty(|fs, root| {
        fs.inject(Fault::on(Op::CreateDir).every(3));
        let eio = Some(errno::EIO);
        let results = make_dirs(fs, root, &["a", "b", "c", "d", "e", "f", "g"]);
        assert_eq!(results, [None, None, eio, None, None, eio, None]);
    });
}

#[test]
fn a_fault_after_the_effect_reports_an_error() {
    each_faulty(|fs, root| {
        let (a, b) = (root.join("a"), root.join("b"));
        fs.write_new(&a, b"x", SyncMode::Normal).unwrap();
        fs.inject(Fault::on(Op::Rename).after(errno::EIO));
        let error = fs.rename(&a, &b).unwrap_err();
        assert_eq!((error.path(), error.other_path()), (a.as_path(), Some(b.as_path())));
        assert_eq!(error.raw_os_error(), Some(errno::EIO));
        assert!(!fs.exists(&a).unwrap() && fs.exists(&b).unwrap());

        // A call that fails by itself reports its own error.
        fs.inject(Fault::on(Op::RemoveFile).after(errno::EIO));
        assert_eq!(fs.remove_file(&a).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn either_path_of_a_call_matches() {
    each_faulty(|fs, root| {
        let (a, b, c) = (root.join("a"), root.join("b"), root.join("sub/c"));
        fs.create_dir(&root.join("sub")).unwrap();
        fs.write_new(&a, b"x", SyncMode::Normal).unwrap();
        for fault in [
            Fault::on(Op::HardLink).at(&a),
            Fault::on(Op::HardLink).at(&c),
            Fault::on(Op::HardLink).below(root.join("sub")),
            Fault::on(Op::HardLink).where_path(|path| path.ends_with("sub/c")),
            Fault::on_any().at(&c),
        ] {
            fs.heal();
            fs.inject(fault);
            assert!(fs.hard_link(&a, &c).is_err(), "{fs:?}");
        }
        for fault in [
            Fault::on(Op::Rename).at(&a),
            Fault::on(Op::HardLink).at(&c),
            Fault::on(Op::HardLink).below(root.join("su")),
            Fault::on(Op::HardLink).where_path(|_| false),
        ] {
            fs.heal();
            fs.inject(fault);
            fs.hard_link(&a, &b).unwrap();
            fs.remove_file(&b).unwrap();
        }
    });
}

#[test]
fn each_fault_has_its_own_count_and_the_first_strikes() {
    each_faulty(|fs, root| {
        make_dirs(fs, root, &["before"]);
        fs.inject(Fault::on(Op::CreateDir).nth(2).before(errno::EROFS));
        fs.inject(Fault::on(Op::CreateDir).from_nth(3).before(errno::ENOSPC));
        let results = make_dirs(fs, root, &["a", "b", "c"]);
        assert_eq!(results, [None, Some(errno::EROFS), Some(errno::ENOSPC)]);
    });
}

#[test]
fn write_all_completes_a_short_write() {
    each_faulty(|fs, root| {
        let mut file = fs.open(&root.join("f"), &NEW).unwrap();
        let bytes: Vec<u8> = (0..2000u32).map(|i| i.to_le_bytes()[0]).collect();
        for (short, len) in
            [(ShortTransfer::Byte, 1), (ShortTransfer::Sector, 512), (ShortTransfer::AllButByte, 1999)]
        {
            fs.inject(Fault::on(Op::Write).short(short));
            file.seek(SeekFrom::Start(0)).unwrap();
            file.set_len(0).unwrap();
            assert_eq!(file.write(&bytes).unwrap(), len);
            assert_eq!(file.metadata().unwrap().len, len as u64);
            file.write_all(&bytes[len..]).unwrap();
            let mut back = vec![0; 3000];
            assert_eq!(file.read_at(&mut back, 0).unwrap(), 2000);
            assert_eq!(back[..2000], bytes);
        }
        assert_eq!(fs.injected().len(), 3);
    });
}

#[test]
fn a_short_write_at_writes_a_prefix_and_fails_for_space() {
    each_faulty(|fs, root| {
        let file = fs.open(&root.join("f"), &NEW).unwrap();
        // The write is too small to be shortened, so it is not counted.
        fs.inject(Fault::on(Op::WriteAt).short(ShortTransfer::Sector));
        file.write_at(&[1; 512], 0).unwrap();
        let error = file.write_at(&[2; 1024], 0).unwrap_err();
        assert_eq!((error.op(), error.raw_os_error()), (Op::WriteAt, Some(errno::ENOSPC)));
        let mut back = [9; 1024];
        assert_eq!(file.read_at(&mut back, 0).unwrap(), 512);
        assert_eq!(back[..512], [2; 512]);
        file.write_at(&[3; 1024], 0).unwrap();
    });
}

#[test]
fn read_can_be_short_but_read_at_cannot() {
    each_faulty(|fs, root| {
        let mut file = fs.open(&root.join("f"), &NEW).unwrap();
        file.write_at(b"12345", 0).unwrap();
        fs.inject(Fault::on_any().short(ShortTransfer::Byte));
        let mut back = [0; 5];
        assert_eq!(file.read_at(&mut back, 0).unwrap(), 5);
        assert_eq!(file.read(&mut back).unwrap(), 1);
        let mut rest = String::new();
        file.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "2345");
    });
}

#[test]
fn std_retries_an_interrupted_call() {
    each_faulty(|fs, root| {
        let mut file = fs.open(&root.join("f"), &NEW).unwrap();
        fs.inject(Fault::on_any().interrupted());
        file.write_at(b"never interrupted", 0).unwrap();
        file.set_len(0).unwrap();
        let error = file.write(b"abc").unwrap_err();
        assert_eq!((error.kind(), raw_os_error(&error)), (ErrorKind::Interrupted, Some(errno::EINTR)));
        assert_eq!(file.metadata().unwrap().len, 0);

        fs.inject(Fault::on(Op::Write).interrupted());
        file.write_all(b"abc").unwrap();
        assert_eq!(fs.injected().len(), 2);
        assert_eq!(fs.read_to_vec(&root.join("f"), 10).unwrap(), b"abc");
    });
}

#[test]
fn a_full_volume_still_reads_removes_and_syncs_directories() {
    each_faulty(|fs, root| {
        let (a, b) = (root.join("a"), root.join("b"));
        fs.write_new(&a, b"x", SyncMode::Normal).unwrap();
        let file = fs.open(&a, &FsOpenOptions::new().write(true)).unwrap();
        fs.inject(Fault::on(Op::WriteAt).full());
        let full = Some(errno::ENOSPC);
        assert_eq!(file.write_at(b"y", 0).unwrap_err().raw_os_error(), full);
        assert_eq!(fs.open(&b, &NEW).unwrap_err().raw_os_error(), full);
        assert_eq!(fs.create_dir(&b).unwrap_err().raw_os_error(), full);
        assert_eq!(fs.hard_link(&a, &b).unwrap_err().raw_os_error(), full);
        assert_eq!(fs.rename(&a, &b).unwrap_err().raw_os_error(), full);
        assert_eq!(file.sync_all(SyncMode::Normal).unwrap_err().raw_os_error(), full);
        assert_eq!(fs.read_to_vec(&a, 10).unwrap(), b"x");
        let _ = fs.sync_directory(root, SyncMode::Normal).unwrap();
        fs.remove_file(&a).unwrap();
    });
}

#[test]
fn every_call_fails_on_a_device_that_is_gone() {
    each_faulty(|fs, root| {
        fs.inject(Fault::on(Op::CreateDir).nth(2).gone());
        assert_eq!(make_dirs(fs, root, &["a", "b"]), [None, Some(errno::EIO)]);
        assert_eq!(fs.read_dir(root).unwrap_err().raw_os_error(), Some(errno::EIO));
        assert_eq!(fs.remove_dir(&root.join("a")).unwrap_err().raw_os_error(), Some(errno::EIO));
        assert!(fs.injected().iter().all(|f| f.effect() == FaultEffect::Gone));
        assert_eq!(fs.injected().len(), 3);
        fs.heal();
        fs.remove_dir(&root.join("a")).unwrap();
    });
}

#[test]
fn a_failed_sync_poisons_only_its_handle() {
    each_faulty(|fs, root| {
        let path = root.join("f");
        let mut file = fs.open(&path, &NEW).unwrap();
        let other = fs.open(&path, &FsOpenOptions::new().write(true)).unwrap();
        file.write_all(b"abc").unwrap();
        fs.inject(Fault::on(Op::SyncData).after(errno::EIO));
        let first = file.sync_data(SyncMode::Normal).unwrap_err();
        assert!(!first.is_poisoned());
        let calls = fs.counts();
        for again in [
            file.sync_all(SyncMode::Normal),
            file.sync_data(SyncMode::Normal),
            file.write_at(b"d", 0),
            file.set_len(0),
        ] {
            let error = again.unwrap_err();
            assert!(error.is_poisoned(), "{error}");
            assert_eq!(error.raw_os_error(), Some(errno::EIO));
            assert!(error.to_string().contains("sync_data"), "{error}");
        }
        let error = file.write(b"d").unwrap_err();
        assert_eq!(raw_os_error(&error), Some(errno::EIO));
        // None of the calls reached the plan or the file.
        assert_eq!(fs.counts(), calls);
        let mut back = [0; 9];
        assert_eq!(file.read_at(&mut back, 0).unwrap(), 3);
        other.write_at(b"x", 0).unwrap();
        other.sync_all(SyncMode::Normal).unwrap();
    });
}

#[test]
fn an_interrupted_sync_can_be_retried() {
    each_faulty(|fs, root| {
        let mut file = fs.open(&root.join("f"), &NEW).unwrap();
        fs.inject(Fault::on(Op::SyncAll).before(errno::EINTR));
        assert_eq!(file.sync_all(SyncMode::Normal).unwrap_err().kind(), ErrorKind::Interrupted);
        file.write_all(b"x").unwrap();
        file.sync_all(SyncMode::Normal).unwrap();
    });
}

#[test]
fn clones_share_the_plan() {
    let fs = FaultFs::new(StdFs);
    fs.clone().inject(Fault::on(Op::Metadata));
    assert_eq!(fs.metadata(Path::new("/")).unwrap_err().raw_os_error(), Some(errno::EIO));
    assert_eq!(fs.clone().count(Op::Metadata), 1);
}
