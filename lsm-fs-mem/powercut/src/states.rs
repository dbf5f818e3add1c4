//! Disks that a power cut can leave.
//!
//! An instant is a position in the log. Everything before the last flush is on the disk. Any subset of the later writes
//! may be on the disk too, and a write that is longer than a sector may be torn between sectors.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use crate::{
    disk::Disk,
    kind::Kind,
    log::{Entry, Log, Write},
    seeded::Seeded,
};

const SECTOR: usize = 512;

/// The amount to try.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    /// If there are at most this many writes between two flushes, all subsets are tried.
    pub(crate) writes: u32,
    /// The approximate number of instants to try between two flushes. The instants of the marks are tried as well.
    pub(crate) instants: usize,
    /// The number of random subsets at each instant.
    pub(crate) mixtures: usize,
}

/// A disk after a power cut.
pub(crate) struct CrashState {
    /// The position in the log and the surviving writes. The same log and seed give the state with this name again.
    pub(crate) name: String,
    pub(crate) disk: Disk,
    /// The same state without tearing, if a torn write touches a superblock.
    pub(crate) untorn: Option<Disk>,
    /// The steps that the workload may have reached.
    pub(crate) steps: BTreeSet<usize>,
}

/// Returns the states of a log after its first mark, each once.
pub(crate) fn crash_states(kind: Kind, log: &Log, amount: Amount, seed: u64) -> Vec<CrashState> {
    let mut walk = Walk {
        kind,
        amount,
        seeded: Seeded::new(seed),
        durable: log.base.clone(),
        epoch: Epoch::default(),
        step: None,
        at: 0,
        states: Vec::new(),
        known: BTreeMap::new(),
    };
    for entry in &log.entries {
        walk.at += 1;
        match entry {
            Entry::Write(write) => walk.epoch.writes.push((walk.step, walk.at, write.clone())),
            Entry::Mark(step) => {
                walk.epoch.marked.push(walk.epoch.writes.len());
                walk.step = Some(*step);
            }
            Entry::Flush => walk.flush(),
        }
    }
    walk.flush();
    walk.states
}

/// The time between two flushes.
#[derive(Default)]
struct Epoch {
    /// The writes, each with the step before it and its place in the log.
    writes: Vec<(Option<usize>, usize, Write)>,
    /// The number of writes before each mark.
    marked: Vec<usize>,
    /// The step at the start.
    start: Option<usize>,
}

struct Walk {
    kind: Kind,
    amount: Amount,
    seeded: Seeded,
    durable: Disk,
    epoch: Epoch,
    step: Option<usize>,
    /// The number of entries so far.
    at: usize,
    states: Vec<CrashState>,
    /// The positions in `states` of the disks found so far, by fingerprint.
    known: BTreeMap<u64, usize>,
}

/// Writes that survive, by their numbers. One may be torn.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct SurvivingWrites {
    kept: Vec<usize>,
    torn: Option<(usize, u64)>,
}

impl Walk {
    /// Adds the states since the last flush, and makes the writes durable.
    fn flush(&mut self) {
        if let Some(last) = self.step {
            for (name, part) in self.parts() {
                self.add(&name, &part, last);
            }
        }
        for (_, _, write) in std::mem::take(&mut self.epoch.writes) {
            self.durable.write(write.offset, &write.bytes);
        }
        self.epoch = Epoch { start: self.step, ..Epoch::default() };
    }

    /// Returns the parts of the writes to try, each with a name.
    fn parts(&mut self) -> Vec<(String, SurvivingWrites)> {
        let count = self.epoch.writes.len();
        let untorn = |kept: Vec<usize>| SurvivingWrites { kept, torn: None };
        let mut parts = vec![("none".to_owned(), untorn(Vec::new()))];
        if count <= self.amount.writes as usize {
            for set in 1_u64..1 << count {
                let kept = (0..count).filter(|at| set >> at & 1 == 1).collect();
                parts.push((format!("x{set:x}"), untorn(kept)));
            }
        }
        let every = (count / self.amount.instants.max(1)).max(1);
        let mut instants: BTreeSet<usize> = (1..=count).step_by(every).chain([count]).collect();
        instants.extend(&self.epoch.marked);
        for instant in instants.into_iter().filter(|instant| *instant > 0) {
            parts.push((format!("{instant}-all"), untorn((0..instant).collect())));
            for mixture in 0..self.amount.mixtures {
                let (kept, torn) = self.mixture(instant);
                let letter = if torn.is_some() { "t" } else { "s" };
                parts.push((format!("{instant}-{letter}{mixture}"), SurvivingWrites { kept, torn }));
            }
        }
        parts
    }

    /// Returns a random subset of the first `instant` writes. The probability of a write is drawn first, so that some
    /// subsets contain nearly all writes and some nearly none.
    fn mixture(&mut self, instant: usize) -> (Vec<usize>, Option<(usize, u64)>) {
        let chance = 1 + self.seeded.below(7);
        let kept: Vec<usize> = (0..instant).filter(|_| self.seeded.below(8) < chance).collect();
        let long: Vec<usize> =
            kept.iter().copied().filter(|at| self.epoch.writes[*at].2.bytes.len() > SECTOR).collect();
        let is_torn = self.seeded.below(4) == 0 && !long.is_empty();
        let torn = is_torn.then(|| (long[self.seeded.below(long.len() as u64) as usize], self.seeded.next()));
        (kept, torn)
    }

    fn add(&mut self, name: &str, part: &SurvivingWrites, last: usize) {
        let newest = part.kept.last().map(|at| &self.epoch.writes[*at]);
        let first = newest.map_or(self.epoch.start, |(step, _, _)| *step).unwrap_or(0);
        let disk = self.disk(part, true);
        let steps: RangeInclusive<usize> = first..=last;
        if let Some(known) = self.known.get(&disk.fingerprint()) {
            self.states[*known].steps.extend(steps);
            return;
        }
        let torn = part.torn.map(|(at, _)| &self.epoch.writes[at].2);
        let tears = torn.is_some_and(|write| self.kind.is_superblock(write.offset, write.bytes.len()));
        let untorn = tears.then(|| self.disk(part, false));
        self.known.insert(disk.fingerprint(), self.states.len());
        let name = format!("{}-{name}", self.at);
        self.states.push(CrashState { name, disk, untorn, steps: steps.collect() });
    }

    fn disk(&self, part: &SurvivingWrites, tearing: bool) -> Disk {
        let mut disk = self.durable.clone();
        for at in &part.kept {
            let (_, _, write) = &self.epoch.writes[*at];
            match part.torn.filter(|(torn, _)| tearing && torn == at) {
                None => disk.write(write.offset, &write.bytes),
                Some((_, seed)) => tear(&mut disk, write, seed),
            }
        }
        disk
    }
}

/// Writes some of the sectors of a write, and leaves out at least one.
fn tear(disk: &mut Disk, write: &Write, seed: u64) {
    let mut seeded = Seeded::new(seed);
    let sectors = write.bytes.len().div_ceil(SECTOR) as u64;
    let lost = seeded.below(sectors);
    for (at, bytes) in write.bytes.chunks(SECTOR).enumerate() {
        if at as u64 != lost && seeded.below(2) == 0 {
            disk.write(write.offset + (at * SECTOR) as u64, bytes);
        }
    }
}

#[cfg(test)]
mod tests;
