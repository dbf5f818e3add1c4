//! [`Clock`]: stamps the begin and the end of every operation, and checks copies against these stamps.

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

use super::{
    super::world::Contents,
    lane::{Kind, Lane},
};

/// The stamps of all operations.
pub(super) struct Clock {
    now: AtomicU64,
    /// For each lane, the begin and the end of each operation. The end is `u64::MAX` until the operation ends.
    stamps: Vec<Mutex<Vec<(u64, u64)>>>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { now: AtomicU64::new(1), stamps: Kind::ALL.iter().map(|_| Mutex::default()).collect() }
    }

    /// Returns a new stamp.
    pub(super) fn tick(&self) -> u64 {
        self.now.fetch_add(1, Ordering::SeqCst)
    }

    /// Runs and stamps the next operation of a lane.
    pub(super) fn stamp(&self, lane: usize, act: impl FnOnce()) {
        self.stamps[lane].lock().unwrap().push((self.tick(), u64::MAX));
        act();
        let end = self.tick();
        self.stamps[lane].lock().unwrap().last_mut().unwrap().1 = end;
    }

    /// Returns the number of operations of a lane that ended before a stamp.
    fn ended_before(&self, lane: usize, stamp: u64) -> u64 {
        self.stamps[lane].lock().unwrap().partition_point(|(_, end)| *end < stamp) as u64
    }

    /// Checks the copy of a backup that began at this stamp.
    pub(super) fn check(&self, lanes: &mut [Lane], copy: &Contents, began: u64) -> Result<(), String> {
        let mut counts = Vec::new();
        for (at, lane) in lanes.iter_mut().enumerate() {
            let least = self.ended_before(at, began);
            let count = lane.count(copy, least)?;
            if count < least {
                return Err(format!(
                    "{:?}: {count} operations, {least} had ended before the call",
                    lane.kind
                ));
            }
            counts.push(count);
        }
        // For each lane, find the begin of the last operation that the copy holds.
        let begins = counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(at, count)| self.stamps[at].lock().unwrap()[usize::try_from(*count).unwrap() - 1].0);
        let last = begins.max().unwrap_or(0);
        for (at, lane) in lanes.iter().enumerate().filter(|(_, lane)| lane.kind != Kind::Clear) {
            let ended = self.ended_before(at, last);
            if counts[at] < ended {
                let (kind, count) = (lane.kind, counts[at]);
                return Err(format!(
                    "{kind:?}: {count} operations, {ended} ended before the last that is held"
                ));
            }
        }
        Ok(())
    }
}
