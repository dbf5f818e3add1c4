//! Two machines that run step by step, and the orders of their steps.

use std::{collections::BTreeSet, error, fmt, str::FromStr};

use crate::{hash::Seeded, mem_fs::MemFs};

/// One step of a machine. The other machine may act only between two steps.
pub type Step<'a> = Box<dyn FnMut(&MemFs) + 'a>;

/// An order of the steps of two machines, such as `abba`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Schedule(Vec<bool>);

impl Schedule {
    /// Runs the machines' steps in this order. Remaining steps run at the end.
    pub fn run(&self, fs: &MemFs, [first, second]: [Vec<Step<'_>>; 2]) {
        let (mut first, mut second) = (first.into_iter(), second.into_iter());
        for is_second in &self.0 {
            let step = if *is_second { second.next() } else { first.next() };
            if let Some(mut step) = step {
                step(fs);
            }
        }
        for mut step in first.chain(second) {
            step(fs);
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for is_second in &self.0 {
            f.write_str(if *is_second { "b" } else { "a" })?;
        }
        Ok(())
    }
}

/// An error: the text is not a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseScheduleError;

impl fmt::Display for ParseScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a schedule: expected only the letters a and b")
    }
}

impl error::Error for ParseScheduleError {}

impl FromStr for Schedule {
    type Err = ParseScheduleError;

    fn from_str(text: &str) -> Result<Self, ParseScheduleError> {
        let turn = |letter| match letter {
            'a' => Ok(false),
            'b' => Ok(true),
            _ => Err(ParseScheduleError),
        };
        text.chars().map(turn).collect::<Result<_, _>>().map(Self)
    }
}

/// Schedules of two machines: all of them, or a sample.
#[derive(Clone, Debug)]
pub struct Schedules {
    schedules: std::vec::IntoIter<Schedule>,
    of: u128,
}

impl Schedules {
    /// Returns the number of schedules that this iterator has yet to return.
    #[must_use]
    pub fn tried(&self) -> usize {
        self.schedules.len()
    }

    /// Returns the number of possible schedules.
    #[must_use]
    pub const fn of(&self) -> u128 {
        self.of
    }
}

impl Iterator for Schedules {
    type Item = Schedule;

    fn next(&mut self) -> Option<Schedule> {
        self.schedules.next()
    }
}

/// Returns the orders in which machines of `first` and `second` steps can run.
///
/// If there are more than `limit`, the result is a sample of about that size, chosen by `seed`. It includes the two
/// orders in which one machine runs entirely before the other.
#[must_use]
pub fn interleavings(first: usize, second: usize, limit: usize, seed: u64) -> Schedules {
    let of = binomial(first + second, second);
    let schedules = if of <= limit as u128 { all(first, second) } else { sample(first, second, limit, seed) };
    Schedules { schedules: schedules.into_iter(), of }
}

fn binomial(n: usize, k: usize) -> u128 {
    (0..k as u128).fold(1, |result: u128, i| result.saturating_mul(n as u128 - i) / (i + 1))
}

fn all(first: usize, second: usize) -> Vec<Schedule> {
    let mut schedules = Vec::new();
    let mut under_way = vec![(Vec::new(), first, second)];
    while let Some((order, first, second)) = under_way.pop() {
        if first == 0 && second == 0 {
            schedules.push(Schedule(order));
            continue;
        }
        if second > 0 {
            under_way.push((order.iter().copied().chain([true]).collect(), first, second - 1));
        }
        if first > 0 {
            under_way.push((order.iter().copied().chain([false]).collect(), first - 1, second));
        }
    }
    schedules
}

fn sample(first: usize, second: usize, limit: usize, seed: u64) -> Vec<Schedule> {
    let one_after_the_other = |a: bool, count: usize, rest: usize| {
        Schedule(std::iter::repeat_n(a, count).chain(std::iter::repeat_n(!a, rest)).collect())
    };
    let mut schedules = BTreeSet::new();
    schedules.insert(one_after_the_other(false, first, second));
    schedules.insert(one_after_the_other(true, second, first));
    let mut seeded = Seeded::new(seed);
    // There are more than `limit` schedules, so the search normally ends. The bound covers unlucky seeds near the
    // limit.
    for _ in 0..limit.saturating_mul(8) {
        if schedules.len() >= limit {
            break;
        }
        let (mut first, mut second) = (first as u64, second as u64);
        let mut order = Vec::new();
        while first + second > 0 {
            let is_second = seeded.below(first + second) >= first;
            if is_second {
                second -= 1;
            } else {
                first -= 1;
            }
            order.push(is_second);
        }
        schedules.insert(Schedule(order));
    }
    schedules.into_iter().collect()
}

#[cfg(test)]
mod tests;
