//! The name changes that may survive a crash. They are listed as scenarios: in each [`Scenario`], some changes survive
//! in any case, any subset of some others survives, and the rest is lost.

use std::collections::BTreeSet;

use crate::{
    crash::Disk,
    micro::{Journal, Micro, Seq},
    profile::{Coupling, CrashRules, NameOrder},
};

/// Changes of names, or of a directory's permissions, that persist in relation to each other: a single change, or the
/// two of a rename.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    pub(crate) first: Seq,
    pub(crate) second: Option<Seq>,
    /// Set if the second change may persist without the first. The file then has both its old and its new name.
    pub(crate) halves: bool,
}

impl Group {
    pub(crate) fn seqs(&self) -> impl Iterator<Item = Seq> {
        std::iter::once(self.first).chain(self.second)
    }

    pub(crate) fn contains(&self, seq: Seq) -> bool {
        self.first == seq || self.second == Some(seq)
    }

    pub(crate) const fn values(&self) -> u32 {
        if self.halves { 3 } else { 2 }
    }

    /// Returns the changes that persist: none (0), the new name alone (1, if there are halves), or all.
    pub(crate) fn kept(&self, value: u32) -> impl Iterator<Item = Seq> {
        let first = (value > u32::from(self.halves)).then_some(self.first);
        let second = self.second.filter(|_| value > 0);
        first.into_iter().chain(second)
    }
}

/// Groups the halves of renames. A half whose other half is durable stands alone.
pub(crate) fn groups<'d>(rules: &CrashRules, micros: impl Iterator<Item = &'d Micro>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut last: Option<&Micro> = None;
    for micro in micros {
        let old = last.take().filter(|last| last.group == micro.group);
        match (old.map(|old| rules.coupling(old, micro)), groups.last_mut()) {
            (Some(coupling @ (Coupling::Together | Coupling::NewBeforeOld)), Some(group)) => {
                group.second = Some(micro.seq);
                group.halves = coupling == Coupling::NewBeforeOld;
            }
            _ => {
                groups.push(Group { first: micro.seq, second: None, halves: false });
                last = Some(micro);
            }
        }
    }
    groups
}

/// One way in which the name changes of a volume may survive: all changes in `fixed`, and any subset of `free`.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) fixed: Vec<Seq>,
    pub(crate) free: Vec<Group>,
}

/// Returns the pending changes of names and of directories' permissions of a volume, in order.
pub(crate) fn pending(journal: &Journal, volume: u32) -> impl Iterator<Item = &Micro> {
    journal.iter().filter(move |micro| micro.volume == volume && micro.is_of_directory())
}

/// Returns every way in which the pending name changes of a volume may survive.
pub(crate) fn scenarios(disk: &Disk, volume: u32) -> Vec<Scenario> {
    let rules = disk.rules();
    let all = groups(rules, pending(&disk.journal, volume));
    match rules.order {
        NameOrder::Free => vec![Scenario { fixed: Vec::new(), free: all }],
        NameOrder::AsMade => {
            let prefix = |count: usize| all.iter().take(count).flat_map(Group::seqs).collect();
            (0..=all.len()).map(|count| Scenario { fixed: prefix(count), free: Vec::new() }).collect()
        }
        NameOrder::Logged => {
            let mut scenarios = Vec::new();
            for history in disk.histories.of(volume) {
                let is_fixed = |micro: &&Micro| history.keeps(micro.seq);
                let fixed = pending(&disk.journal, volume).filter(is_fixed).map(|micro| micro.seq).collect();
                let may = |micro: &Micro| disk.journal.group(micro.group).any(|m| history.may_keep(m.seq));
                let free = pending(&disk.journal, volume).filter(|m| !history.keeps(m.seq) && may(m));
                scenarios.push(Scenario { fixed, free: groups(rules, free) });
            }
            if scenarios.is_empty() {
                scenarios.push(Scenario { fixed: Vec::new(), free: Vec::new() });
            }
            scenarios
        }
    }
}

/// The sets of name changes of one volume that a crash may keep, fewest first.
#[derive(Clone, Debug)]
pub(crate) struct NameSets {
    pub(crate) volume: u32,
    pub(crate) sets: Vec<Vec<Seq>>,
    /// Set if there are more legal sets than these.
    pub(crate) are_sampled: bool,
}

/// The maximum number of sets of one scenario. If it has more, they are sampled.
const MAX_SETS: u32 = 64;

impl NameSets {
    pub(crate) fn of(disk: &Disk, volume: u32) -> Self {
        let mut names = Self { volume, sets: Vec::new(), are_sampled: false };
        for scenario in scenarios(disk, volume) {
            names.add(&scenario);
        }
        // The last set keeps everything, so the later one of two equal sets stays.
        let mut seen = BTreeSet::new();
        names.sets.reverse();
        names.sets.retain(|set| seen.insert(set.clone()));
        names.sets.reverse();
        debug_assert!(!names.sets.is_empty(), "a crash keeps some set of names, if only the empty one");
        names
    }

    fn add(&mut self, scenario: &Scenario) {
        let free = &scenario.free;
        let combinations = free
            .iter()
            .try_fold(1_u32, |all, group| all.checked_mul(group.values()).filter(|all| *all <= MAX_SETS));
        let Some(combinations) = combinations else {
            self.are_sampled = true;
            self.push(scenario, |_, _| 0);
            for only in 0..free.len() {
                self.push(scenario, |at, group| if at == only { group.values() - 1 } else { 0 });
            }
            for lost in 0..free.len() {
                self.push(scenario, |at, group| if at == lost { 0 } else { group.values() - 1 });
            }
            self.push(scenario, |_, group| group.values() - 1);
            return;
        };
        for combination in 0..combinations {
            let mut rest = combination;
            self.push(scenario, |_, group| {
                let value = rest % group.values();
                rest /= group.values();
                value
            });
        }
    }

    /// Adds the set in which `value` returns how much of each free group persists.
    fn push(&mut self, scenario: &Scenario, mut value: impl FnMut(usize, &Group) -> u32) {
        let mut set = scenario.fixed.clone();
        for (at, group) in scenario.free.iter().enumerate() {
            set.extend(group.kept(value(at, group)));
        }
        set.sort_unstable();
        self.sets.push(set);
    }
}
