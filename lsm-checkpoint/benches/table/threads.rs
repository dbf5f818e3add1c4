//! Copies in raw system calls from as many threads as ours takes for 400 files and more: what the arrangement gives
//! with nothing around the calls. Small writes go through the page cache and are written back at once, which costs as
//! much as the direct ones that ours makes.

use std::{
    fs::File,
    os::{fd::OwnedFd, unix::fs::FileExt},
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
};

use lsm_fs::copy::Workers;
use rustix::fs::{Advice, Mode, fadvise, openat};

use crate::floor::NEW;

/// Some threads read, write and start write-back, more sync what they are handed.
pub(crate) fn copy_all(from: &Path, names: &[String], len: usize, to: &OwnedFd) {
    let workers = Workers::default();
    let next = AtomicUsize::new(0);
    let (give, take) = mpsc::sync_channel::<File>(workers.syncers);
    let take = Mutex::new(take);
    std::thread::scope(|scope| {
        for _ in 0..workers.syncers {
            scope.spawn(|| {
                loop {
                    let Ok(file) = take.lock().unwrap().recv() else { return };
                    file.sync_all().unwrap();
                }
            });
        }
        for give in (0..workers.writers).map(|_| give.clone()) {
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
