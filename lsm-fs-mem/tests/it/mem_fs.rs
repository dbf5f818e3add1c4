//! Features of `MemFs` beyond the contract: volumes, limits, states, crashes of the live filesystem, forks.

use std::{
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    path::Path,
};

use lsm_fs::{DirectorySync, Error, Fs, FsExt, FsFile, FsOpenOptions, Op, SyncMode, errno};
use lsm_fs_mem::{DirtyPages, MemFs, MemFsOptions, Profile, Survives, VolumeOptions, VolumeState};

const NORMAL: SyncMode = SyncMode::Normal;

fn p(path: &str) -> &Path {
    Path::new(path)
}

fn write(fs: &MemFs, path: &str, bytes: &[u8]) -> lsm_fs::Result<Box<dyn FsFile>> {
    let file = fs.open(p(path), &FsOpenOptions::new().read(true).write(true).create(true))?;
    file.write_at(bytes, 0)?;
    Ok(file)
}

fn code<T>(result: lsm_fs::Result<T>) -> Option<i32> {
    result.err().unwrap().raw_os_error()
}

#[test]
fn volumes_are_separate() {
    let fs = MemFsOptions::new().volume("/mnt/b", VolumeOptions::new()).build().unwrap();
    write(&fs, "/f", b"x").unwrap();
    write(&fs, "/mnt/b/g", b"x").unwrap();
    assert_ne!(fs.volume_id(p("/f")).unwrap(), fs.volume_id(p("/mnt/b/g")).unwrap());
    for result in [
        fs.hard_link(p("/f"), p("/mnt/b/f")),
        fs.rename(p("/f"), p("/mnt/b/f")),
        fs.rename_noreplace(p("/mnt/b/g"), p("/g")),
        fs.reflink_file(p("/f"), p("/mnt/b/f")),
    ] {
        assert_eq!(code(result), Some(errno::EXDEV));
    }
    for result in [fs.remove_dir(p("/mnt/b")), fs.rename(p("/mnt/b"), p("/mnt/c"))] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::ResourceBusy);
    }
    assert!(fs.exists(p("/mnt/b/../../f")).unwrap(), "`..` leads out of a volume");
    let names: Vec<_> = fs.read_dir(p("/mnt")).unwrap();
    assert!(names[0].file_type.is_dir());
    assert_eq!(
        MemFsOptions::new()
            .volume("/v", VolumeOptions::new())
            .volume("/v", VolumeOptions::new())
            .build()
            .unwrap_err()
            .kind(),
        ErrorKind::AlreadyExists
    );

    // A sync of one volume does not sync the other.
    fs.sync_volume(p("/mnt/b")).unwrap();
    let rebooted = fs.crash(Survives::Forced);
    assert!(rebooted.exists(p("/mnt/b/g")).unwrap() && !rebooted.exists(p("/f")).unwrap());
}

#[test]
fn a_full_volume_writes_a_prefix() {
    let fs = MemFsOptions::new().root(VolumeOptions::new().capacity_bytes(3 * 4096)).build().unwrap();
    let mut file = write(&fs, "/f", &[1; 4096]).unwrap();
    assert_eq!(fs.available_space(p("/")).unwrap(), 2 * 4096);
    assert_eq!(file.write(&[2; 20_000]).unwrap(), 3 * 4096, "the first page is there already");
    assert_eq!(file.write(&[3; 1]).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(
        file.write_at(&[4; 100], 4096).err().map(|e| e.kind()),
        None,
        "what is allocated can be rewritten"
    );
    let long = file.write_at(&[5; 5000], 3 * 4096 - 100);
    assert_eq!(code(long), Some(errno::ENOSPC));
    let mut tail = [0; 100];
    file.read_at(&mut tail, 3 * 4096 - 100).unwrap();
    assert_eq!(tail, [5; 100], "a prefix is written");
    for result in [
        fs.create_dir(p("/d")),
        fs.hard_link(p("/f"), p("/g")),
        fs.rename(p("/f"), p("/h")),
        fs.reflink_file(p("/f"), p("/c")),
    ] {
        assert_eq!(code(result), Some(errno::ENOSPC));
    }
    file.set_len(2 * 4096).unwrap();
    let clone = fs.reflink_file(p("/f"), p("/c"));
    assert_eq!(code(clone), Some(errno::ENOSPC), "a page is left, which is room for a name");
    file.set_len(100).unwrap();
    assert_eq!(fs.available_space(p("/")).unwrap(), 2 * 4096);
    fs.hard_link(p("/f"), p("/g")).unwrap();
    fs.remove_file(p("/f")).unwrap();
    fs.remove_file(p("/g")).unwrap();
    assert_eq!(fs.available_space(p("/")).unwrap(), 2 * 4096, "an open file keeps its space");
    drop(file);
    assert_eq!(fs.available_space(p("/")).unwrap(), 3 * 4096);
}

#[test]
fn the_options_of_a_volume_can_change_in_use() {
    let fs = MemFs::new();
    let file = write(&fs, "/f", b"x").unwrap();
    fs.reconfigure(p("/"), |v| v.link_limit(2)).unwrap();
    fs.hard_link(p("/f"), p("/g")).unwrap();
    assert_eq!(code(fs.hard_link(p("/f"), p("/h"))), Some(errno::EMLINK));

    fs.reconfigure(p("/"), |v| v.hard_link(false).reflink(false).rename_noreplace(false)).unwrap();
    assert_eq!(code(fs.hard_link(p("/f"), p("/h"))), Some(errno::EPERM));
    assert_eq!(code(fs.reflink_file(p("/f"), p("/h"))), Some(errno::EOPNOTSUPP));
    assert_eq!(fs.rename_noreplace(p("/f"), p("/h")).unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(!fs.capabilities(p("/")).unwrap().hard_link);

    fs.reconfigure(p("/"), |v| v.directory_sync(false)).unwrap();
    assert_eq!(fs.sync_directory(p("/"), NORMAL).unwrap(), DirectorySync::NotSupported);
    assert!(!fs.fork().crash(Survives::Forced).exists(p("/f")).unwrap(), "nothing was forced");

    fs.reconfigure(p("/"), |v| v.state(VolumeState::ReadOnly)).unwrap();
    assert_eq!(code(fs.create_dir(p("/d"))), Some(errno::EROFS));
    assert_eq!(code(file.write_at(b"y", 0)), Some(errno::EROFS));
    assert_eq!(code(file.sync_all(NORMAL)), Some(errno::EROFS), "dirty pages have nowhere to go");
    assert_eq!(fs.read_to_vec(p("/f"), 8).unwrap(), b"x");

    fs.reconfigure(p("/"), |v| v.state(VolumeState::ShutDown)).unwrap();
    assert_eq!(code(fs.read_dir(p("/"))), Some(errno::EIO));
    assert_eq!(code(file.read_at(&mut [0], 0)), Some(errno::EIO));
    fs.reconfigure(p("/"), |v| v.state(VolumeState::Working)).unwrap();
    fs.create_dir(p("/d")).unwrap();
}

#[test]
fn a_crash_kills_handles_and_locks() {
    let fs = MemFs::new();
    fs.create_dir(p("/d")).unwrap();
    let mut file = write(&fs, "/d/f", b"x").unwrap();
    assert!(file.try_lock_exclusive().unwrap());
    let lock = fs.try_lock_directory(p("/d")).unwrap().unwrap();
    fs.settle();
    let clone = fs.clone();
    let rebooted = fs.crash(Survives::Everything);

    assert_eq!(code(file.write_at(b"y", 0)), Some(errno::EIO));
    assert_eq!(code(file.read_at(&mut [0], 0)), Some(errno::EIO));
    assert_eq!(code(file.sync_all(NORMAL)), Some(errno::EIO));
    assert!(file.write(b"y").is_err() && file.metadata().is_err() && file.set_len(0).is_err());
    assert_eq!(code(lock.is_at(p("/d"))), Some(errno::EIO));
    assert_eq!(code(clone.create_dir(p("/e"))), Some(errno::EIO), "clones are the same machine");

    assert_ne!(rebooted.backend_id(), fs.backend_id());
    assert_eq!(rebooted.read_to_vec(p("/d/f"), 8).unwrap(), b"x");
    assert!(rebooted.try_lock_directory(p("/d")).unwrap().is_some(), "a lock dies with its owner");
    let file = rebooted.open(p("/d/f"), &FsOpenOptions::new().read(true)).unwrap();
    assert!(file.try_lock_exclusive().unwrap());
}

#[test]
fn an_open_file_without_a_name_is_gone_after_a_crash() {
    let fs = MemFs::new();
    let file = write(&fs, "/f", b"x").unwrap();
    fs.settle();
    fs.remove_file(p("/f")).unwrap();
    file.write_at(b"unseen", 0).unwrap();
    file.sync_all(NORMAL).unwrap();
    assert_eq!(
        fs.fork().crash(Survives::Forced).read_to_vec(p("/f"), 8).unwrap(),
        b"unseen",
        "the name came back"
    );
    let _ = fs.sync_directory(p("/"), NORMAL).unwrap();
    file.write_at(b"nowhere", 0).unwrap();
    assert_eq!(fs.pending(), 0, "no state shows what has no name");
    let rebooted = fs.crash(Survives::Everything);
    assert!(rebooted.read_dir(p("/")).unwrap().is_empty());
    assert_eq!(rebooted.available_space(p("/")).unwrap(), 1 << 60);
}

#[test]
fn a_fork_is_independent() {
    let fs = MemFs::new();
    let file = write(&fs, "/f", &[1; 10_000]).unwrap();
    assert!(file.try_lock_exclusive().unwrap());
    let fork = fs.fork();
    let locked = fork.open(p("/f"), &FsOpenOptions::new().read(true)).unwrap();
    assert!(locked.try_lock_exclusive().unwrap(), "locks stay behind");
    file.write_at(&[2; 10], 5000).unwrap();
    write(&fork, "/f", &[3; 10]).unwrap();
    fork.create_dir(p("/only here")).unwrap();
    assert_eq!(fs.read_to_vec(p("/f"), 1 << 20).unwrap()[4998..5002], [1, 1, 2, 2]);
    assert_eq!(fork.read_to_vec(p("/f"), 1 << 20).unwrap()[8..12], [3, 3, 1, 1]);
    assert!(!fs.exists(p("/only here")).unwrap());
    assert_eq!(fork.crash(Survives::Forced).read_dir(p("/")).unwrap().len(), 0, "what was pending still is");
}

#[test]
fn eviction_shows_the_content_of_the_device() {
    let fs = MemFs::new();
    let file = write(&fs, "/f", b"old bytes").unwrap();
    fs.settle();
    fs.fail_next_sync(p("/f"), errno::EIO, DirtyPages::Dropped);
    file.write_at(b"new bytes and more", 0).unwrap();
    assert_eq!(code(file.sync_all(NORMAL)), Some(errno::EIO));
    assert_eq!(fs.read_to_vec(p("/f"), 64).unwrap(), b"new bytes and more", "the cache lies");
    fs.evict(p("/f")).unwrap();
    assert_eq!(fs.read_to_vec(p("/f"), 64).unwrap(), b"old bytes\0\0\0\0\0\0\0\0\0");

    // A clean file loses nothing, and neither does a file that waits for its sync.
    let waiting = write(&fs, "/g", b"waiting").unwrap();
    fs.evict(p("/g")).unwrap();
    assert_eq!(fs.read_to_vec(p("/g"), 64).unwrap(), b"waiting");
    drop(waiting);
}

#[test]
fn each_open_handle_reports_a_failed_sync_once() {
    let fs = MemFs::new();
    let (first, second) = (write(&fs, "/f", b"x").unwrap(), write(&fs, "/f", b"y").unwrap());
    fs.fail_next_sync(p("/f"), errno::ENOSPC, DirtyPages::Dropped);
    assert_eq!(code(first.sync_data(NORMAL)), Some(errno::ENOSPC));
    let later = write(&fs, "/f", b"z").unwrap();
    assert_eq!(code(second.sync_all(NORMAL)), Some(errno::EIO));
    assert!(second.sync_all(NORMAL).unwrap_err().is_poisoned());
    later.sync_all(NORMAL).unwrap();
    drop((first, second));

    fs.fail_syncs(p("/"), errno::EIO, DirtyPages::Kept);
    for _ in 0..2 {
        assert_eq!(fs.sync_directory(p("/"), NORMAL).unwrap_err().raw_os_error(), Some(errno::EIO));
    }
    fs.heal_syncs(p("/"));
    let _ = fs.sync_directory(p("/"), NORMAL).unwrap();
}

#[test]
fn the_journal_of_a_synced_log_does_not_grow() {
    for profile in Profile::ALL {
        let fs = MemFsOptions::new().crash_model(profile).build().unwrap();
        // The name of the log is never synced, and the journal still does not grow.
        let mut log = fs.open(p("/log"), &FsOpenOptions::new().append(true).create(true)).unwrap();
        for round in 0..300 {
            log.write_all(&[7; 4096]).unwrap();
            log.sync_data(NORMAL).unwrap();
            let temp = write(&fs, "/temp", b"x").unwrap();
            temp.sync_all(NORMAL).unwrap();
            fs.rename(p("/temp"), p("/current")).unwrap();
            if round % 10 == 0 {
                let _ = fs.sync_directory(p("/"), NORMAL).unwrap();
            }
            assert!(fs.pending() <= 40, "{profile}: {} pending in round {round}", fs.pending());
        }
        assert_eq!(fs.crash(Survives::Forced).metadata(p("/log")).unwrap().len, 300 * 4096, "{profile}");
    }
}

#[test]
fn a_split_rename_leaves_two_directories() {
    let fs = MemFs::new();
    fs.create_dir(p("/d")).unwrap();
    write(&fs, "/d/f", b"x").unwrap();
    fs.settle();
    fs.record();
    fs.rename(p("/d"), p("/e")).unwrap();
    let recording = fs.take_recording().unwrap();
    let image = recording.image(&"adversarial+hostile@2=01".parse().unwrap());
    write(&image, "/d/g", b"y").unwrap();
    let names = |dir: &str| image.read_dir(p(dir)).unwrap().len();
    assert_eq!((names("/d"), names("/e")), (2, 1));
    assert_eq!(image.hard_link_count(p("/d/f")).unwrap(), Some(2), "files are shared by both");
    assert!(!recording.image(&"adversarial+hostile@2=10".parse().unwrap()).exists(p("/e")).unwrap());
}

#[test]
fn a_read_at_the_position_fails_as_a_read() {
    let fs = MemFs::new();
    let failed = |result: std::io::Result<usize>| {
        let error = result.unwrap_err().downcast::<Error>().unwrap();
        (error.op(), error.raw_os_error())
    };
    let mut file = fs.open(p("/f"), &FsOpenOptions::new().write(true).create_new(true)).unwrap();
    assert_eq!(failed(file.read(&mut [0])), (Op::Read, Some(errno::EBADF)), "a handle for writing only");
    let mut file = fs.open(p("/f"), &FsOpenOptions::new().read(true)).unwrap();
    file.seek(SeekFrom::Start(i64::MAX as u64)).unwrap();
    assert_eq!(failed(file.read(&mut [0])), (Op::Read, Some(errno::EINVAL)), "an impossible offset");
}
