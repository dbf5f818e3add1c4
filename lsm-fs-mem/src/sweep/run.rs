//! A sweep in progress.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    foreign::insertions,
    notes::Notes,
    report::{Failure, ProfileReport, SweepError, SweepReport},
    schedule::Schedule,
    settings::Settings,
};
use crate::{
    crash::{Choices, Crash, Foreign, StateId, assemble, fingerprint},
    hash::Fingerprint,
    mem_fs::MemFs,
    micro::Ino,
    profile::{CrashModel, Profile},
    recording::{Explorer, Recording},
    tree::Tree,
};

/// Fingerprints of an image and of the notes. States with the same key are checked once.
type Key = (u128, u128);

pub(super) type Check<'c> = &'c mut dyn FnMut(&MemFs, &Notes) -> Result<(), String>;

pub(super) struct Run<'s, 'a, 'c> {
    pub(super) settings: &'s mut Settings<'a>,
    pub(super) check: Check<'c>,
    pub(super) report: SweepReport,
    /// Every checked pair, and whether it passed.
    passed: BTreeMap<Key, bool>,
    failure: Option<Failure>,
    saw_note: bool,
}

/// The results and states of one profile so far.
pub(super) struct Seen {
    pub(super) report: ProfileReport,
    states: BTreeSet<Key>,
    /// One id for each distinct state, for second crashes.
    pub(super) ids: Vec<StateId>,
}

/// The crashes of a recovery or of a next process so far.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) states: usize,
    pub(super) sampled_points: usize,
    pub(super) classed_points: usize,
}

/// The notes that were made before a moment.
pub(super) struct Promised {
    pub(super) notes: Notes,
    pub(super) hash: u128,
}

impl Promised {
    pub(super) fn new(notes: Vec<String>) -> Self {
        let mut hash = Fingerprint::new();
        for note in &notes {
            hash.bytes(note.as_bytes());
        }
        Self { notes: Notes(notes), hash: hash.finish() }
    }
}

impl<'s, 'a, 'c> Run<'s, 'a, 'c> {
    pub(super) fn new(settings: &'s mut Settings<'a>, check: Check<'c>) -> Self {
        let profiles = settings.models.iter().map(|model| ProfileReport::new(*model)).collect();
        let report = SweepReport { profiles, seed: settings.seed, ..SweepReport::default() };
        Self { settings, check, report, passed: BTreeMap::new(), failure: None, saw_note: false }
    }

    pub(super) const fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    pub(super) fn finish(self) -> Result<SweepReport, SweepError> {
        let report = Box::new(self.report);
        if let Some(failure) = self.failure {
            return Err(SweepError::Check(Box::new(failure), report));
        }
        if report.profiles.iter().all(|profile| profile.differing_points == 0) {
            return Err(SweepError::NothingDiffered(report));
        }
        if !self.saw_note {
            return Err(SweepError::NoNotes(report));
        }
        Ok(*report)
    }

    /// Tries every crash of a recording, under each profile until its first failure.
    pub(super) fn sweep(&mut self, recording: &Recording, schedule: Option<&Schedule>) {
        let foreign = insertions(recording, &self.settings.foreign);
        for index in 0..self.report.profiles.len() {
            let Some(report) = self.report.profiles.get(index).cloned() else { return };
            let mut seen = Seen { report, states: BTreeSet::new(), ids: Vec::new() };
            let model = seen.report.model;
            let mut failed = self.crash_everywhere(recording, (model, None), &mut seen);
            if model.profile != Profile::Adversarial {
                for foreign in &foreign {
                    if failed.is_none() {
                        seen.report.foreign += 1;
                        failed = self.crash_everywhere(recording, (model, Some(*foreign)), &mut seen);
                    }
                }
            }
            if failed.is_none() {
                failed = self.crash_recoveries(recording, &mut seen);
            }
            if let Some(report) = self.report.profiles.get_mut(index) {
                *report = seen.report;
            }
            if let Some(failure) = failed {
                self.fail(index, failure, schedule);
            }
        }
        self.crash_after_kills(recording, schedule);
    }

    /// Keeps the first failure of a profile, and the first of all.
    pub(super) fn fail(&mut self, index: usize, mut failure: Failure, schedule: Option<&Schedule>) {
        failure.schedule = schedule.cloned();
        if let Some(report) = self.report.profiles.get_mut(index) {
            report.failed = Some(failure.state.clone());
        }
        self.failure.get_or_insert(failure);
    }

    fn crash_everywhere(
        &mut self,
        recording: &Recording,
        (model, foreign): (CrashModel, Option<Foreign>),
        seen: &mut Seen,
    ) -> Option<Failure> {
        let mut explorer = Explorer::new(recording, model, foreign);
        loop {
            // Before the foreign sync, the states are the same as without it.
            let same_as_without = foreign.is_some_and(|foreign| explorer.point < foreign.after);
            if !same_as_without
                && explorer.is_crash_point()
                && let Some(failure) = self.crash_here(recording, &explorer, seen)
            {
                return Some(failure);
            }
            if !explorer.step() {
                return None;
            }
        }
    }

    /// Tries every crash of one moment.
    fn crash_here(
        &mut self,
        recording: &Recording,
        explorer: &Explorer<'_>,
        seen: &mut Seen,
    ) -> Option<Failure> {
        let axes = explorer.axes(false);
        let choices = Choices::new(&axes, self.settings.budget, self.settings.seed ^ explorer.point as u64);
        seen.report.points += 1;
        seen.report.legal = seen.report.legal.saturating_add(axes.legal());
        seen.report.sampled_points += usize::from(!choices.are_all());
        seen.report.classed_points += usize::from(!choices.have_all_contents());
        let roots = recording.hardware.roots();
        let live = fingerprint(&axes.replay(&explorer.disk, &axes.everything()), &roots);
        let least = fingerprint(&axes.replay(&explorer.disk, &axes.nothing()), &roots);
        seen.report.differing_points += usize::from(least != live);
        let promised = Promised::new(recording.notes_until(explorer.point));
        for choice in choices {
            seen.report.tried += 1;
            let tree = axes.replay(&explorer.disk, &choice);
            let image = fingerprint(&tree, &roots);
            if !seen.states.insert((image, promised.hash)) {
                continue;
            }
            seen.report.distinct += 1;
            let crash = explorer.id(choice);
            if self.settings.recover.is_some() {
                seen.ids.push(StateId::of(crash.clone()));
            }
            if let Err(message) = self.check_once((image, promised.hash), recording, &tree, &promised) {
                return Some(failed(recording, crash, &tree, message));
            }
        }
        None
    }

    /// Tries every crash of one moment of a recovery or of a next process. An error names the crash.
    pub(super) fn crash_follow_up(
        &mut self,
        (life, explorer): (&Recording, &Explorer<'_>),
        promised: impl FnOnce() -> Promised,
        tally: &mut Tally,
    ) -> Result<(), (Crash, String)> {
        if !explorer.is_crash_point() {
            return Ok(());
        }
        let axes = explorer.axes(false);
        let (promised, roots) = (promised(), life.hardware.roots());
        let choices = Choices::new(&axes, self.settings.budget, self.settings.seed);
        tally.sampled_points += usize::from(!choices.are_all());
        tally.classed_points += usize::from(!choices.have_all_contents());
        for choice in choices {
            tally.states += 1;
            let tree = axes.replay(&explorer.disk, &choice);
            let key = (fingerprint(&tree, &roots), promised.hash);
            let checked = self.check_once(key, life, &tree, &promised);
            checked.map_err(|message| (explorer.id(choice), message))?;
        }
        Ok(())
    }

    /// Checks a state, unless an equal one has been checked before. In that case, returns the earlier result.
    pub(super) fn check_once(
        &mut self,
        key: Key,
        recording: &Recording,
        tree: &Tree,
        promised: &Promised,
    ) -> Result<(), String> {
        self.saw_note |= !promised.notes.is_empty();
        match self.passed.get(&key) {
            Some(true) => return Ok(()),
            Some(false) => return Err("an equal state failed its check under another profile".to_owned()),
            None => {}
        }
        self.report.checks += 1;
        let result = (self.check)(&recording.boot(tree), &promised.notes);
        self.passed.insert(key, result.is_ok());
        result
    }

    pub(super) fn replay(&mut self, id: &StateId, recording: &Recording) -> Result<(), SweepError> {
        let failed = |failure| SweepError::Check(Box::new(failure), Box::default());
        let crash = &id.first;
        if let Some(killed_after) = crash.killed_after {
            return self.replay_kill(id, killed_after, recording);
        }
        recording.fits(crash).map_err(SweepError::NoSuchState)?;
        if !id.later.is_empty() {
            return self.replay_recovery(id, recording);
        }
        let tree = recording.tree_after(crash);
        let notes = Notes(recording.notes_until(crash.point));
        (self.check)(&recording.boot(&tree), &notes)
            .map_err(|message| failed(self::failed(recording, crash.clone(), &tree, message)))
    }
}

/// Describes a failed check.
pub(super) fn failed(recording: &Recording, crash: Crash, tree: &Tree, message: String) -> Failure {
    let roots: Vec<Ino> = recording.hardware.roots();
    let explanation = recording.describe(&crash, &assemble(tree, &roots));
    Failure { state: StateId::of(crash), schedule: None, message, explanation }
}
