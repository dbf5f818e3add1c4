//! Batches, multiple reads, and locks: no call bypasses the faults.

use std::ops::ControlFlow;

use lsm_fs::{
    CopyJob, CopyOptions, DirPair, Fs, FsExt, FsFile, FsOpenOptions, NamePair, Op, ReadRequest, SyncMode,
    batch::{hard_link_batch, reflink_batch, sync_batch},
    copy::copy_batch,
    errno,
};
use lsm_fs_mem::Fault;

use super::plan::{NEW, each_faulty, make_dirs};

#[test]
fn single_calls_of_a_batch_fail() {
    each_faulty(|fs, root| {
        let (from, to) = (root.join("from"), root.join("to"));
        make_dirs(fs, root, &["from", "to"]);
        for name in ["a", "b", "c"] {
            fs.write_new(&from.join(name), b"bytes", SyncMode::Normal).unwrap();
        }
        let names = ["a", "b", "c"].map(NamePair::same);
        let mut failed = Vec::new();
        fs.inject(Fault::on(Op::HardLink).at(to.join("b")));
        hard_link_batch(fs, DirPair { from: &from, to: &to }, &names, &mut |index, linked| {
            failed.extend(linked.err().map(|_| index));
            ControlFlow::Continue(())
        });
        assert_eq!((failed, fs.count(Op::HardLink)), (vec![1], 3));

        let files =
            ["a", "b", "c"].map(|n| fs.open(&from.join(n), &FsOpenOptions::new().write(true)).unwrap());
        let files = files.each_ref().map(|file| &**file);
        let mut failed = Vec::new();
        let syncs = fs.count(Op::SyncAll);
        fs.inject(Fault::on(Op::SyncAll).at(from.join("c")));
        sync_batch(fs, &files, SyncMode::Normal, &mut |index, synced| {
            failed.extend(synced.err().map(|_| index));
        });
        assert_eq!((failed, fs.count(Op::SyncAll) - syncs), (vec![2], 3));

        let (source, copy) = (from.join("a"), to.join("copy"));
        let job = CopyJob { source: fs, from: &source, to: &copy, len: None };
        fs.inject(Fault::on(Op::SyncAll).at(&copy).before(errno::EDQUOT));
        let mut error = None;
        copy_batch(fs, &[job], &CopyOptions::new(), &mut |_, copied| {
            error = copied.err();
            ControlFlow::Continue(())
        });
        assert_eq!(error.unwrap().raw_os_error(), Some(errno::EDQUOT));
        assert!(!fs.exists(&copy).unwrap());

        fs.inject(Fault::on(Op::ReflinkFile).at(to.join("d")).before(errno::EINVAL));
        let mut error = None;
        reflink_batch(
            fs,
            DirPair { from: &from, to: &to },
            &[NamePair::new("a", "d")],
            SyncMode::Normal,
            &mut |_, cloned| {
                error = cloned.err();
                ControlFlow::Continue(())
            },
        );
        assert_eq!(error.unwrap().raw_os_error(), Some(errno::EINVAL));
    });
}

#[test]
fn read_many_is_one_read_for_each_request() {
    each_faulty(|fs, root| {
        let file = fs.open(&root.join("f"), &NEW).unwrap();
        file.write_at(b"abcdef", 0).unwrap();
        let (mut one, mut two) = ([0; 2], [0; 2]);
        fs.inject(Fault::on(Op::ReadAt).nth(2));
        let mut requests = [ReadRequest::new(4, &mut one), ReadRequest::new(0, &mut two)];
        assert!(file.read_many(&mut requests).is_err());
        file.read_many(&mut requests).unwrap();
        assert_eq!((one, two), (*b"ef", *b"ab"));
    });
}

#[test]
fn locks_fail_too() {
    each_faulty(|fs, root| {
        let lock = fs.try_lock_directory(root).unwrap().unwrap();
        fs.inject(Fault::on(Op::IsAt));
        assert!(lock.is_at(root).is_err());
        assert!(lock.is_at(root).unwrap());
        fs.inject(Fault::on(Op::TryLockDirectory));
        assert!(fs.try_lock_directory(root).is_err());
        // A lock that was taken but reported as failed is released.
        drop(lock);
        fs.inject(Fault::on(Op::TryLockDirectory).after(errno::EIO));
        assert!(fs.try_lock_directory(root).is_err());
        assert!(fs.try_lock_directory(root).unwrap().is_some());
    });
}
