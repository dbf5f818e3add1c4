//! The report of a fault sweep.

use std::{collections::BTreeMap, fmt};

use lsm_fs::{Op, errno};

use super::{FaultEffect, FaultId};

/// The number of faults that a sweep tried, by kind of call and effect. `Display` prints a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultReport {
    calls: BTreeMap<Op, u64>,
    tried: BTreeMap<Op, [u64; COLUMNS.len()]>,
}

/// Groups of effects, in the order of the table.
const COLUMNS: [&str; 8] = ["before", "after", "no-space", "refused", "short", "EINTR", "full", "gone"];

fn column(effect: FaultEffect) -> usize {
    match effect {
        FaultEffect::Before(errno::EIO) => 0,
        FaultEffect::After(_) => 1,
        FaultEffect::Before(errno::ENOSPC) => 2,
        FaultEffect::Before(_) => 3,
        FaultEffect::Short(_) => 4,
        FaultEffect::Interrupted => 5,
        FaultEffect::Full => 6,
        FaultEffect::Gone => 7,
    }
}

impl FaultReport {
    pub(super) fn new(calls: BTreeMap<Op, u64>) -> Self {
        Self { calls, tried: BTreeMap::new() }
    }

    pub(super) fn count(&mut self, id: FaultId) {
        if let Some(count) = self.tried.entry(id.op).or_default().get_mut(column(id.effect)) {
            *count += 1;
        }
    }

    /// Returns the number of faults tried.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.tried.values().flatten().sum()
    }

    /// Returns the number of faults that struck calls of this kind.
    #[must_use]
    pub fn faults_on(&self, op: Op) -> u64 {
        self.tried.get(&op).map_or(0, |row| row.iter().sum())
    }

    /// Returns the number of calls of this kind in the run without faults.
    #[must_use]
    pub fn calls(&self, op: Op) -> u64 {
        self.calls.get(&op).copied().unwrap_or(0)
    }
}

impl fmt::Display for FaultReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<17}{:>6}", "call", "calls")?;
        for name in COLUMNS {
            write!(f, "{name:>9}")?;
        }
        writeln!(f)?;
        for (op, calls) in &self.calls {
            write!(f, "{:<17}{calls:>6}", op.name())?;
            // An operation that was called but never struck has zeros.
            for tried in self.tried.get(op).copied().unwrap_or([0; COLUMNS.len()]) {
                write!(f, "{tried:>9}")?;
            }
            writeln!(f)?;
        }
        write!(f, "{} faults tried", self.faults())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_adds_up() {
        let mut report = FaultReport::new(BTreeMap::from([(Op::Open, 2), (Op::Write, 1)]));
        for id in ["open#1:before-EIO", "open#2:before-EIO", "write#1:short-byte", "write#1:full"] {
            report.count(id.parse().unwrap());
        }
        assert_eq!((report.faults(), report.faults_on(Op::Open), report.calls(Op::Write)), (4, 2, 1));
        let expected = "\
call              calls   before    after no-space  refused    short    EINTR     full     gone
open                  2        2        0        0        0        0        0        0        0
write                 1        0        0        0        0        1        0        1        0
4 faults tried";
        assert_eq!(report.to_string(), expected);
    }
}
