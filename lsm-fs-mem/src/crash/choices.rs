//! Which of the legal states are tried: all while they are few; where they are many, the ones that known bugs need, and
//! samples.

use std::collections::BTreeSet;

use super::axes::{Axes, Choice};
use crate::hash::Seeded;

/// How many states a sweep may try. The environment variable `CRASH_STATES` (`quick`, `ci` or `full`) decides where a
/// test does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Budget {
    /// All states of up to 8 atoms; 16 samples where there are more.
    Quick,
    /// All states of up to 12 atoms; 128 samples where there are more.
    #[default]
    Ci,
    /// All states of up to 14 atoms; 2,048 samples where there are more.
    Full,
}

impl Budget {
    /// What `CRASH_STATES` asks for; `Ci` if it is not set, or set to something else.
    #[must_use]
    pub fn from_env() -> Self {
        match std::env::var("CRASH_STATES").as_deref() {
            Ok("quick") => Self::Quick,
            Ok("full") => Self::Full,
            _ => Self::Ci,
        }
    }

    const fn atoms(self) -> u32 {
        match self {
            Self::Quick => 8,
            Self::Ci => 12,
            Self::Full => 14,
        }
    }

    /// Random states at a point that is not exhausted.
    const fn samples(self) -> usize {
        match self {
            Self::Quick => 16,
            Self::Ci => 128,
            Self::Full => 2048,
        }
    }

    /// How many pairs of a later thing without an earlier one are tried at a point that is not exhausted, about: of so
    /// many things that there are more pairs, each is tried without those that came last before it.
    const fn pairs(self) -> usize {
        match self {
            Self::Quick => 2_000,
            Self::Ci => 20_000,
            Self::Full => 200_000,
        }
    }

    /// States that a recovery is crashed in.
    pub(crate) const fn recoveries(self) -> usize {
        match self {
            Self::Quick => 16,
            Self::Ci => 100,
            Self::Full => 2000,
        }
    }

    /// Moments at which a process is killed.
    pub(crate) const fn kills(self) -> usize {
        match self {
            Self::Quick => 16,
            Self::Ci => 200,
            Self::Full => 4000,
        }
    }

    /// Interleavings of two machines; 2 × 6 steps have 924.
    pub(crate) const fn schedules(self) -> usize {
        match self {
            Self::Quick => 100,
            Self::Ci => 924,
            Self::Full => 4000,
        }
    }
}

/// The choices to try at one crash point.
pub(crate) struct Choices {
    axes: Vec<Bounds>,
    kind: Kind,
}

#[derive(Clone, Copy)]
struct Bounds {
    lowest: u32,
    full: u32,
    values: u32,
}

enum Kind {
    /// All of them, as an odometer; `None` at the end.
    All(Option<Choice>),
    Some(std::collections::btree_set::IntoIter<Choice>),
}

impl Choices {
    pub(crate) fn new(axes: &Axes, budget: Budget, seed: u64) -> Self {
        let exhaustive = axes.atoms() <= budget.atoms();
        let bounds: Vec<Bounds> = axes
            .axes
            .iter()
            .zip(&axes.lowest)
            .map(|(axis, lowest)| Bounds { lowest: *lowest, full: axis.full(), values: axis.values() })
            .collect();
        let kind = if exhaustive {
            Kind::All(Some(bounds.iter().map(|axis| axis.lowest).collect()))
        } else {
            let pairs = budget.pairs().div_ceil(bounds.len().max(1)).max(8);
            Kind::Some(Systematic::new(&bounds, pairs).with_samples(budget.samples(), seed).into_iter())
        };
        Self { axes: bounds, kind }
    }

    pub(crate) const fn are_all(&self) -> bool {
        matches!(self.kind, Kind::All(_))
    }
}

impl Iterator for Choices {
    type Item = Choice;

    fn next(&mut self) -> Option<Choice> {
        match &mut self.kind {
            Kind::Some(some) => some.next(),
            Kind::All(next) => {
                let current = next.take()?;
                let mut following = current.clone();
                for (value, axis) in following.iter_mut().zip(&self.axes).rev() {
                    *value += 1;
                    if *value < axis.values {
                        *next = Some(following);
                        break;
                    }
                    *value = axis.lowest;
                }
                Some(current)
            }
        }
    }
}

/// Nearly every known bug is "this persisted without that", so pairs come first, in every surrounding that is cheap.
struct Systematic<'a> {
    axes: &'a [Bounds],
    choices: BTreeSet<Choice>,
}

impl<'a> Systematic<'a> {
    /// `pairs`: how many earlier things each is tried without.
    fn new(axes: &'a [Bounds], pairs: usize) -> Self {
        let mut systematic = Self { axes, choices: BTreeSet::new() };
        systematic.add(|_, _| None);
        systematic.add(|_, axis| Some(axis.full));
        for (i, bounds) in axes.iter().enumerate() {
            // The prefix that ends before i.
            systematic.add(|at, axis| (at < i).then_some(axis.full));
            for value in bounds.lowest..bounds.values {
                // This one partly or not at all, beside all others; alone; and as the last.
                systematic.add(|at, axis| Some(if at == i { value } else { axis.full }));
                systematic.add(|at, _| (at == i).then_some(value));
                systematic.add(|at, axis| if at == i { Some(value) } else { (at < i).then_some(axis.full) });
            }
            for lost in i.saturating_sub(pairs)..i {
                // i without an earlier one, as soon as it could be.
                systematic.add(|at, axis| (at <= i && at != lost).then_some(axis.full));
            }
        }
        systematic
    }

    /// Adds the state in which `value` says how much of each axis persists; `None` is as little as there is.
    fn add(&mut self, value: impl Fn(usize, &Bounds) -> Option<u32>) {
        let of = |(at, axis): (usize, &Bounds)| value(at, axis).unwrap_or(axis.lowest).max(axis.lowest);
        self.choices.insert(self.axes.iter().enumerate().map(of).collect());
    }

    fn with_samples(mut self, samples: usize, seed: u64) -> BTreeSet<Choice> {
        let mut seeded = Seeded::new(seed);
        for _ in 0..samples {
            let mut sample = |axis: &Bounds| axis.lowest + seeded.below_u32(axis.values - axis.lowest);
            self.choices.insert(self.axes.iter().map(&mut sample).collect());
        }
        self.choices
    }
}

#[cfg(test)]
mod tests;
