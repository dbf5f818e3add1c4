//! A device that refuses writes. The kernel reports the error once per handle, and the handle never forgets it.

use std::{ops::ControlFlow, path::PathBuf, process::Command};

use lsm_fs::{
    CopyJob, CopyOptions, Error, Fs, FsExt, FsFile, FsOpenOptions, StdFs, SyncMode, copy::copy_batch, errno,
};

use crate::mounts::{BAD_DEVICE, TMPFS, root, scratch};

/// More than the device under the mount can store.
const TOO_MUCH: usize = 100 << 20;

/// Drops the cache, so that reads show the contents of the device.
fn drop_caches() {
    std::fs::write("/proc/sys/vm/drop_caches", "1").unwrap();
}

/// Returns deleted blocks to the store of the device. They are freed by the commit of the journal, which still reports
/// the lost pages. The mount discards them in the background. `fstrim` does so before it returns.
fn give_back_deleted_blocks() {
    let _ = rustix::fs::syncfs(std::fs::File::open(root(BAD_DEVICE)).unwrap());
    assert!(Command::new("fstrim").arg(root(BAD_DEVICE)).status().unwrap().success());
}

#[test]
fn errors_of_a_failing_device_are_reported() {
    // Both tests use one device, so they run one after the other.
    a_handle_stays_poisoned_after_a_failed_sync();
    give_back_deleted_blocks();
    copies_that_the_device_refused_are_never_reported_durable();
}

fn a_handle_stays_poisoned_after_a_failed_sync() {
    let dir = scratch(BAD_DEVICE);
    let path = dir.path().join("f");
    let file = StdFs.open(&path, &FsOpenOptions::new().read(true).write(true).create_new(true)).unwrap();
    for offset in (0..TOO_MUCH).step_by(1 << 20) {
        file.write_at(&[9; 1 << 20], offset as u64).unwrap();
        // The error of write-back that was started early must be reported by the sync.
        file.start_writeback(offset as u64, 1 << 20).unwrap();
    }
    // Four threads sync concurrently. The kernel reports the failure to one of them, but all of them must see it.
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| file.sync_all(SyncMode::Normal))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (again, first): (Vec<_>, Vec<_>) = results
        .into_iter()
        .map(|r| r.expect_err("a sync beside a failed one says Ok"))
        .partition(Error::is_poisoned);
    assert_eq!((first.len(), again.len()), (1, 3));
    let first = &first[0];
    println!("the device said: {first}");
    for again in [file.sync_all(SyncMode::Normal), file.sync_data(SyncMode::Normal), file.write_at(b"x", 0)] {
        let again = again.unwrap_err();
        assert!(again.is_poisoned(), "{again}");
        assert_eq!(again.raw_os_error(), first.raw_os_error());
    }
    assert_eq!(file.read_at(&mut [0; 4], 0).unwrap(), 4);
    // This is why handles are poisoned: the kernel itself reports nothing more.
    assert!(file.host_file().unwrap().sync_all().is_ok());
}

fn copies_that_the_device_refused_are_never_reported_durable() {
    const FILES: usize = 200;
    let (source, target) = (scratch(TMPFS), scratch(BAD_DEVICE));
    let from = source.path().join("from");
    let bytes: Vec<u8> = (0..TOO_MUCH / FILES).map(|i| i.to_le_bytes()[0] | 1).collect();
    StdFs.write_new(&from, &bytes, SyncMode::Normal).unwrap();
    let targets: Vec<PathBuf> = (0..FILES).map(|i| target.path().join(i.to_string())).collect();
    let jobs: Vec<_> =
        targets.iter().map(|to| CopyJob { source: &StdFs, from: &from, to, len: None }).collect();
    let mut durable = Vec::new();
    let mut failed = 0;
    copy_batch(&StdFs, &jobs, &CopyOptions::new(), &mut |index, result| {
        match result {
            Ok(_) => durable.push(index),
            Err(e) => {
                assert!([Some(errno::EIO), Some(errno::ENOSPC)].contains(&e.raw_os_error()), "{e}");
                assert_eq!(e.path(), targets[index], "{e}");
                failed += 1;
            }
        }
        ControlFlow::Continue(())
    });
    println!("{} copies durable, {failed} refused by the device", durable.len());
    assert_eq!(durable.len() + failed, FILES);
    assert!(failed > 0 && !durable.is_empty(), "the device took all, or nothing");
    drop_caches();
    for (index, path) in targets.iter().enumerate() {
        assert_eq!(StdFs.exists(path).unwrap(), durable.contains(&index), "{}", path.display());
        if durable.contains(&index) {
            assert!(
                StdFs.read_to_vec(path, 1 << 24).unwrap() == bytes,
                "{} was reported durable",
                path.display()
            );
        }
    }
}
