//! [`Clock`]: stamps the begin and the end of every operation, and checks restored databases against these stamps and
//! against the sequence numbers of fjall.

use std::{
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    super::world::Contents,
    lane::{Kind, Lane},
};

/// The stamps of all operations.
pub(super) struct Clock {
    now: AtomicU64,
    /// For each lane, its operations.
    stamps: Vec<Mutex<Vec<Stamp>>>,
}

/// The begin and the end of an operation. The end is `u64::MAX` until the operation ends.
struct Stamp {
    begin: u64,
    end: u64,
    /// The next sequence number of fjall at the begin and at the end. The numbers of the operation lie between.
    numbers: Range<u64>,
}

/// The moment of a backup.
pub(super) struct Moment {
    /// The stamp of the call.
    pub(super) began: u64,
    /// The number below which the backup holds everything.
    pub(super) cut: u64,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { now: AtomicU64::new(1), stamps: Kind::ALL.iter().map(|_| Mutex::default()).collect() }
    }

    /// Returns a new stamp.
    pub(super) fn tick(&self) -> u64 {
        self.now.fetch_add(1, Ordering::SeqCst)
    }

    /// Runs and stamps the next operation of a lane. `number` returns the next sequence number.
    pub(super) fn stamp(&self, lane: usize, number: impl Fn() -> u64, act: impl FnOnce()) {
        let numbers = number()..u64::MAX;
        self.stamps[lane].lock().unwrap().push(Stamp { begin: self.tick(), end: u64::MAX, numbers });
        act();
        let (end, next) = (self.tick(), number());
        let mut stamps = self.stamps[lane].lock().unwrap();
        let last = stamps.last_mut().unwrap();
        (last.end, last.numbers.end) = (end, next);
    }

    /// Returns the number of operations of a lane, from the first, for which the condition holds.
    fn count(&self, lane: usize, holds: impl Fn(&Stamp) -> bool) -> u64 {
        self.stamps[lane].lock().unwrap().partition_point(holds) as u64
    }

    /// Returns the number of operations of a lane that ended before a stamp.
    fn ended_before(&self, lane: usize, stamp: u64) -> u64 {
        self.count(lane, |operation| operation.end < stamp)
    }

    /// Checks a database that was restored from a backup.
    pub(super) fn check(&self, lanes: &mut [Lane], copy: &Contents, moment: &Moment) -> Result<(), String> {
        let mut counts = Vec::new();
        for (at, lane) in lanes.iter_mut().enumerate() {
            let least = self.ended_before(at, moment.began);
            let count = lane.count(copy, least)?;
            if count < least {
                return Err(format!(
                    "{:?}: {count} operations, {least} had ended before the call",
                    lane.kind
                ));
            }
            let most = self.count(at, |operation| operation.numbers.start < moment.cut);
            let below = self.count(at, |operation| operation.numbers.end <= moment.cut);
            if count > most || (count < below && lane.kind != Kind::Clear) {
                let (kind, cut) = (lane.kind, moment.cut);
                return Err(format!("{kind:?}: {count} operations, {below} to {most} are below {cut}"));
            }
            counts.push(count);
        }
        // Find the begin of the last operation that the restored database holds, of any lane.
        let begins =
            counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(at, count)| {
                self.stamps[at].lock().unwrap()[usize::try_from(*count).unwrap() - 1].begin
            });
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
