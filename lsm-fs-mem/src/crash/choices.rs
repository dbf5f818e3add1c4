//! Selects the legal states to try: all of them if they are few, otherwise the states that known bugs need, and
//! samples.

use std::collections::BTreeSet;

use super::axes::{Axes, Axis, Choice};
use crate::hash::Seeded;

/// The number of states that a sweep may try.
///
/// If a test does not set a budget, the environment variable `CRASH_STATES` (`quick`, `ci`, or `full`) decides. An
/// *atom* is one binary choice, such as whether a name persists. The budget also limits the first crashes of a recovery
/// (16, 100, or 2,000), the kills (16, 200, or 4,000), and the interleavings of two machines (100, 924, or 4,000).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Budget {
    /// All states at crash points with up to 8 atoms, and 16 random samples beside the systematic states at others.
    Quick,
    /// All states at crash points with up to 12 atoms, and 128 random samples beside the systematic states at others.
    #[default]
    Ci,
    /// All states at crash points with up to 14 atoms, and 2,048 random samples beside the systematic states at others.
    Full,
}

impl Budget {
    /// Returns the budget that `CRASH_STATES` names, or `Ci` if the variable is unset or has another value.
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

    /// Returns the number of random states at a crash point that is not tried exhaustively.
    const fn samples(self) -> usize {
        match self {
            Self::Quick => 16,
            Self::Ci => 128,
            Self::Full => 2048,
        }
    }

    /// Returns the approximate number of pairs (a later change kept, an earlier one lost) to try at a crash point that
    /// is not tried exhaustively. If there are more pairs, each change is tried only without each of its nearest
    /// predecessors.
    const fn pairs(self) -> usize {
        match self {
            Self::Quick => 2_000,
            Self::Ci => 20_000,
            Self::Full => 200_000,
        }
    }

    /// Returns the number of states from which recovery is run and crashed.
    pub(crate) const fn recoveries(self) -> usize {
        match self {
            Self::Quick => 16,
            Self::Ci => 100,
            Self::Full => 2000,
        }
    }

    /// Returns the number of moments at which a process is killed.
    pub(crate) const fn kills(self) -> usize {
        match self {
            Self::Quick => 16,
            Self::Ci => 200,
            Self::Full => 4000,
        }
    }

    /// Returns the number of interleavings of two machines. Two machines of 6 steps each have 924.
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
    has_all_contents: bool,
}

#[derive(Clone, Copy)]
struct Bounds {
    lowest: u32,
    full: u32,
    /// The number of values to try one by one.
    values: u32,
    /// The number of values of which random samples are taken.
    of: u32,
}

enum Kind {
    /// All choices, enumerated as by an odometer. `None` marks the end.
    All(Option<Choice>),
    Some(std::collections::btree_set::IntoIter<Choice>),
}

impl Choices {
    pub(crate) fn new(axes: &Axes, budget: Budget, seed: u64) -> Self {
        let is_classed = axes.atoms(Axis::values) > budget.atoms();
        let values = |axis: &Axis| if is_classed { axis.classes() } else { axis.values() };
        let exhaustive = axes.atoms(values) <= budget.atoms()
            && !axes.axes.iter().any(|axis| axis.is_sampled() && matches!(axis, Axis::Names(_)));
        let bounds = |(axis, lowest): (&Axis, &u32)| Bounds {
            lowest: *lowest,
            full: axis.full(),
            values: values(axis).max(lowest + 1),
            of: axis.values(),
        };
        let bounds: Vec<Bounds> = axes.axes.iter().zip(&axes.lowest).map(bounds).collect();
        let has_all_contents =
            axes.axes.iter().all(|axis| !axis.is_sampled() && values(axis) == axis.values());
        let kind = if exhaustive {
            Kind::All(Some(bounds.iter().map(|axis| axis.lowest).collect()))
        } else {
            let pairs = budget.pairs().div_ceil(bounds.len().max(1)).max(8);
            Kind::Some(Systematic::new(&bounds, pairs).with_samples(budget.samples(), seed).into_iter())
        };
        Self { axes: bounds, kind, has_all_contents }
    }

    /// Returns whether no axis is sampled: every content of every file is among the choices, and every set of names.
    pub(crate) const fn have_all_contents(&self) -> bool {
        self.has_all_contents
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

/// A set of choices built around pairs, because nearly every known bug is of the kind "this change persisted without
/// that one".
struct Systematic<'a> {
    axes: &'a [Bounds],
    choices: BTreeSet<Choice>,
}

impl<'a> Systematic<'a> {
    /// Builds the systematic states. Each change is tried without each of its nearest `pairs` predecessors.
    fn new(axes: &'a [Bounds], pairs: usize) -> Self {
        let mut systematic = Self { axes, choices: BTreeSet::new() };
        systematic.add(|_, _| None);
        systematic.add(|_, axis| Some(axis.full));
        for (i, bounds) in axes.iter().enumerate() {
            // The prefix that ends before i.
            systematic.add(|at, axis| (at < i).then_some(axis.full));
            for value in bounds.lowest..bounds.values {
                // This value with everything else kept, with nothing else kept, and with only the earlier axes kept.
                systematic.add(|at, axis| Some(if at == i { value } else { axis.full }));
                systematic.add(|at, _| (at == i).then_some(value));
                systematic.add(|at, axis| if at == i { Some(value) } else { (at < i).then_some(axis.full) });
            }
            for lost in i.saturating_sub(pairs)..i {
                // i without an earlier one, at the earliest moment at which that is possible.
                systematic.add(|at, axis| (at <= i && at != lost).then_some(axis.full));
            }
        }
        systematic
    }

    /// Adds the state in which `value` returns how much of each axis persists. `None` stands for the minimum.
    fn add(&mut self, value: impl Fn(usize, &Bounds) -> Option<u32>) {
        let of = |(at, axis): (usize, &Bounds)| value(at, axis).unwrap_or(axis.lowest).max(axis.lowest);
        self.choices.insert(self.axes.iter().enumerate().map(of).collect());
    }

    fn with_samples(mut self, samples: usize, seed: u64) -> BTreeSet<Choice> {
        let mut seeded = Seeded::new(seed);
        for _ in 0..samples {
            let mut sample = |axis: &Bounds| axis.lowest + seeded.below_u32(axis.of - axis.lowest);
            self.choices.insert(self.axes.iter().map(&mut sample).collect());
        }
        self.choices
    }
}

#[cfg(test)]
mod tests;
