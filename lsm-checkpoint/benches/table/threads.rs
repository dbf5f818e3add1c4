//! Copies and clones by raw system calls from as many threads as ours, to measure the arrangement without other
//! overhead. Copies use the number of threads that ours uses for 400 files and more. They go through the page cache
//! with immediate writeback, which costs as much as the direct writes of ours.

use std::{
    fs::File,
    os::{fd::OwnedFd, unix::fs::FileExt},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread::Scope,
};

use rustix::fs::{Advice, Mode, OFlags, fadvise, ioctl_ficlone, open, openat};

use crate::floor::{DIRECTORY, NEW};

/// The threads that ours uses for a batch of 400 copies or more.
const WRITERS: usize = 16;
const SYNCERS: usize = 64;

/// Some threads read, write and start writeback, and more threads sync the files that they receive.
pub(crate) fn copy_all(from: &Path, names: &[String], len: usize, to: &OwnedFd) {
    let next = AtomicUsize::new(0);
    let (give, take) = mpsc::sync_channel(SYNCERS);
    std::thread::scope(|scope| {
        sync_all(scope, SYNCERS, take);
        for give in (0..WRITERS).map(|_| give.clone()) {
            let next = &next;
            scope.spawn(move || {
                let mut bytes = vec![0; len];
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    File::open(from.join(name)).unwrap().read_exact_at(&mut bytes, 0).unwrap();
                    let copy =
                        File::from(openat(to, name.as_str(), NEW, Mode::from_raw_mode(0o666)).unwrap());
                    copy.write_all_at(&bytes, 0).unwrap();
                    fadvise(&copy, 0, None, Advice::DontNeed).unwrap();
                    give.send(copy).unwrap();
                }
            });
        }
        drop(give);
    });
}

/// Spawns threads that sync the files that they receive.
fn sync_all<'scope>(scope: &'scope Scope<'scope, '_>, threads: usize, take: mpsc::Receiver<File>) {
    let take = Arc::new(Mutex::new(take));
    for take in (0..threads).map(|_| Arc::clone(&take)) {
        scope.spawn(move || {
            loop {
                let Ok(file) = take.lock().unwrap().recv() else { return };
                file.sync_all().unwrap();
            }
        });
    }
}

/// One thread clones and sixteen threads sync.
pub(crate) fn clone_all(from: &Path, names: &[String], to: &OwnedFd) {
    let from = open(from, DIRECTORY, Mode::empty()).unwrap();
    let (give, take) = mpsc::sync_channel(256);
    std::thread::scope(|scope| {
        sync_all(scope, 16, take);
        for name in names {
            let source = openat(&from, name.as_str(), OFlags::RDONLY, Mode::empty()).unwrap();
            let clone = openat(to, name.as_str(), NEW, Mode::from_raw_mode(0o666)).unwrap();
            ioctl_ficlone(&clone, &source).unwrap();
            give.send(File::from(clone)).unwrap();
        }
        drop(give);
    });
}
