//! The log of a disk: its writes, its flushes, and the marks of the workload, in the order in which they arrived.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::disk::{Disk, PAGE};

/// A write that has reached the disk, perhaps only its cache.
#[derive(Clone)]
pub(crate) struct Write {
    pub(crate) offset: u64,
    pub(crate) bytes: Arc<[u8]>,
}

#[derive(Clone)]
pub(crate) enum Entry {
    Write(Write),
    /// All earlier writes are durable once this has returned.
    Flush,
    /// The workload has reached this step.
    Mark(usize),
}

/// The log of one run, and the disk before it.
#[derive(Clone, Default)]
pub(crate) struct Log {
    pub(crate) base: Disk,
    pub(crate) entries: Vec<Entry>,
}

#[derive(Default)]
struct Served {
    disk: Disk,
    log: Option<Log>,
    /// The pages that were read since they were last forgotten.
    read: BTreeSet<u64>,
}

/// A disk that is being served. The server and the program that tests it share it.
#[derive(Clone, Default)]
pub(crate) struct Serving(Arc<Mutex<Served>>);

impl Serving {
    fn lock(&self) -> MutexGuard<'_, Served> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read(&self, offset: u64, len: usize) -> Vec<u8> {
        let mut served = self.lock();
        let page = |offset: u64| offset / PAGE as u64;
        served.read.extend(page(offset)..=page(offset + (len as u64).saturating_sub(1)));
        served.disk.read(offset, len)
    }

    /// Writes to the disk. The write is logged only after [`start_log`](Self::start_log).
    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) {
        let mut served = self.lock();
        served.disk.write(offset, bytes);
        if let Some(log) = &mut served.log {
            log.entries.push(Entry::Write(Write { offset, bytes: bytes.into() }));
        }
    }

    /// Logs a flush, if a log was started.
    pub(crate) fn flush(&self) {
        self.push(Entry::Flush);
    }

    /// Logs a mark, if a log was started.
    pub(crate) fn mark(&self, step: usize) {
        self.push(Entry::Mark(step));
    }

    fn push(&self, entry: Entry) {
        if let Some(log) = &mut self.lock().log {
            log.entries.push(entry);
        }
    }

    /// Replaces the whole content. Nothing may be mounted.
    pub(crate) fn insert(&self, disk: Disk) {
        self.lock().disk = disk;
    }

    pub(crate) fn disk(&self) -> Disk {
        self.lock().disk.clone()
    }

    pub(crate) fn forget_reads(&self) {
        self.lock().read.clear();
    }

    /// Returns whether the page at this offset was read since the last [`forget_reads`](Self::forget_reads).
    pub(crate) fn has_read(&self, offset: u64) -> bool {
        self.lock().read.contains(&(offset / PAGE as u64))
    }

    pub(crate) fn start_log(&self) {
        let mut served = self.lock();
        let base = served.disk.clone();
        served.log = Some(Log { base, entries: Vec::new() });
    }

    pub(crate) fn take_log(&self) -> Log {
        self.lock().log.take().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reads_of_the_page_count_until_they_are_forgotten() {
        let serving = Serving::default();
        serving.read(2048, 4096);
        assert!(serving.has_read(1024) && serving.has_read(4096 + 2047));
        assert!(!serving.has_read(8192));
        serving.forget_reads();
        assert!(!serving.has_read(1024));
    }
}
