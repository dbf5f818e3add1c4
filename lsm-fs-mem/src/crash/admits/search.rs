//! Picks a way to bind each found name, so that all of them agree.
//!
//! This is a backtracking search with conflict-directed backjumping (Prosser, *Hybrid Algorithms for the Constraint
//! Satisfaction Problem*, 1993). If only one way is left for a name, the search decides for it at once. Otherwise, it
//! chooses one way after the other. Each decision records its reasons: the choices from which it follows. At a
//! contradiction, the search returns to the last choice among the reasons. It skips the choices in between, because
//! another choice there would not resolve the contradiction. Independent names are therefore decided one by one, and
//! not in all combinations.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    rc::Rc,
};

use super::{
    Covered, Fact, MatchedDir,
    ways::{Found, NameToBind, Way, Ways},
};
use crate::micro::{Ino, Seq};

/// The choices from which a decision follows, numbered from 1.
type Reasons = BTreeSet<usize>;

/// A name to decide, and the decisions about it.
struct NameState<'q> {
    to_bind: NameToBind<'q>,
    /// The reasons why the directory of the name was entered.
    reasons: Rc<Reasons>,
    /// The binding of the name, once it is decided, and the reasons for it.
    bound: Option<(Option<Ino>, Rc<Reasons>)>,
    /// Set once all free changes of the name are decided.
    is_decided: bool,
    is_queued: bool,
}

/// A decision, as it is needed to undo it.
enum Step {
    Opened,
    Kept(Seq),
    Identity(usize, Ino),
    Bound(usize),
    Decided(usize),
}

/// A decision that may exclude ways to bind other names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Change(Seq),
    File(usize),
    Inode(Ino),
}

#[derive(Clone, Copy)]
enum Choice {
    Bound(Option<Ino>),
    Way(Way),
}

/// A choice between several ways.
struct Level {
    at: usize,
    /// The choices that have not been tried, the next one last.
    choices: Vec<Choice>,
    /// The reasons why the tried choices failed, and why others were excluded from the start.
    reasons: Reasons,
    /// The number of earlier decisions.
    steps: usize,
}

pub(super) struct Search<'s, 'q> {
    ways: Ways<'s, 'q>,
    names: Vec<NameState<'q>>,
    /// The names that an event concerns, in the order in which they were opened.
    concerned: BTreeMap<Event, Vec<usize>>,
    kept: BTreeMap<Seq, (bool, Rc<Reasons>)>,
    inode_of: BTreeMap<usize, (Ino, Rc<Reasons>)>,
    file_of: BTreeMap<Ino, (usize, Rc<Reasons>)>,
    steps: Vec<Step>,
    levels: Vec<Level>,
    queue: Vec<usize>,
}

impl<'s, 'q> Search<'s, 'q> {
    pub(super) const fn new(ways: Ways<'s, 'q>) -> Self {
        Self {
            ways,
            names: Vec::new(),
            concerned: BTreeMap::new(),
            kept: BTreeMap::new(),
            inode_of: BTreeMap::new(),
            file_of: BTreeMap::new(),
            steps: Vec::new(),
            levels: Vec::new(),
            queue: Vec::new(),
        }
    }

    /// Returns the facts that the decisions depended on.
    pub(super) fn into_used(self) -> BTreeSet<Fact> {
        self.ways.used
    }

    /// Decides all names in this directory and below. Returns the covered directories that were found, or `None` if the
    /// names contradict each other.
    pub(super) fn solve(&mut self, root: MatchedDir<'q>, path: &Path) -> Option<Covered> {
        self.enter(root, path, &[], &Rc::default());
        let mut result = self.propagate_all();
        loop {
            result = match result {
                Ok(()) => {
                    let Some(at) = self.next_undecided() else { return Some(self.covered()) };
                    self.branch(at);
                    self.advance()
                }
                Err(contradiction) => {
                    self.backjump(contradiction)?;
                    self.advance()
                }
            };
        }
    }

    /// Adds the names of a directory to the names to decide.
    fn enter(&mut self, matched: MatchedDir<'q>, path: &Path, above: &[Ino], reasons: &Rc<Reasons>) {
        for to_bind in self.ways.names_to_bind(matched, path, above) {
            let at = self.names.len();
            for event in events(&to_bind) {
                self.concerned.entry(event).or_default().push(at);
            }
            let reasons = Rc::clone(reasons);
            self.names.push(NameState { to_bind, reasons, bound: None, is_decided: false, is_queued: true });
            self.steps.push(Step::Opened);
            self.queue.push(at);
        }
    }

    /// Returns the name to branch at: one that leads to other names, or else the one with the fewest ways.
    fn next_undecided(&self) -> Option<usize> {
        let undecided = self.names.iter().enumerate().filter(|(_, name)| !name.is_decided);
        let key = |name: &NameState<'_>| {
            let is_dir = matches!(name.to_bind.found, Found::Dir(_));
            (name.bound.is_some(), !is_dir, name.to_bind.ways.len())
        };
        undecided.min_by_key(|(_, name)| key(name)).map(|(at, _)| at)
    }

    fn covered(&self) -> Covered {
        let dirs = self.names.iter().filter(|name| matches!(name.to_bind.found, Found::Dir(_)));
        let bound = dirs.filter_map(|name| Some((name.bound.as_ref()?.0?, name.to_bind.path.clone())));
        bound.filter(|(ino, _)| self.ways.question.covered.contains(ino)).collect()
    }

    /// Propagates the decisions to all names that they concern. Fails with the reasons of a contradiction.
    fn propagate_all(&mut self) -> Result<(), Reasons> {
        while let Some(at) = self.queue.pop() {
            if let Some(name) = self.names.get_mut(at) {
                name.is_queued = false;
            }
            self.propagate(at)?;
        }
        Ok(())
    }

    /// Makes the decisions about a name that follow from earlier ones.
    fn propagate(&mut self, at: usize) -> Result<(), Reasons> {
        debug_assert!(at < self.names.len(), "name {at} was closed");
        let Some(name) = self.names.get(at).filter(|name| !name.is_decided) else { return Ok(()) };
        let (left, reasons) = self.remaining_ways(name);
        let Some(first) = left.first().copied() else { return Err(reasons) };
        if left.iter().any(|way| way.bound != first.bound) {
            return Ok(());
        }
        // A change that is not half of a rename concerns no other name, so any of these ways works.
        let is_certain = left.len() == 1 || !name.to_bind.has_halves;
        let (is_unbound, reasons) = (name.bound.is_none(), Rc::new(reasons));
        if is_unbound {
            self.bind(at, first.bound, &reasons);
        }
        if is_certain { self.choose(at, first, &reasons) } else { Ok(()) }
    }

    /// Returns the remaining ways to bind a name, and the reasons why the others are excluded.
    fn remaining_ways(&self, name: &NameState<'_>) -> (Vec<Way>, Reasons) {
        let (mut left, mut reasons) = (Vec::new(), Reasons::clone(&name.reasons));
        self.ways.question.count(name.to_bind.ways.len());
        for way in &name.to_bind.ways {
            let decided = way.last.and_then(|seq| self.kept.get(&seq));
            if way.fits {
                match self.contradiction(name, *way) {
                    None => left.push(*way),
                    Some(other) => reasons.extend(other),
                }
            }
            if let Some((true, kept)) = decided {
                // A kept change overrides the earlier changes of the name.
                reasons.extend(kept.iter());
                break;
            }
        }
        (left, reasons)
    }

    /// Returns the reasons of a decision that contradicts a way.
    fn contradiction<'a>(&'a self, name: &'a NameState<'_>, way: Way) -> Option<&'a Reasons> {
        if let Some((false, reasons)) = way.last.and_then(|seq| self.kept.get(&seq)) {
            return Some(reasons);
        }
        if let Some((_, reasons)) = name.bound.as_ref().filter(|(bound, _)| *bound != way.bound) {
            return Some(reasons);
        }
        let (Found::File(file), Some(ino)) = (name.to_bind.found, way.bound) else { return None };
        let other_inode = self.inode_of.get(&file).filter(|(inode, _)| *inode != ino);
        let other_file = self.file_of.get(&ino).filter(|(known, _)| *known != file);
        other_inode.map(|(_, reasons)| reasons).or(other_file.map(|(_, reasons)| reasons)).map(|r| &**r)
    }

    /// Decides the inode that a name is bound to.
    fn bind(&mut self, at: usize, bound: Option<Ino>, reasons: &Rc<Reasons>) {
        debug_assert!(at < self.names.len(), "name {at} was closed");
        let Some(name) = self.names.get_mut(at) else { return };
        name.bound = Some((bound, Rc::clone(reasons)));
        self.steps.push(Step::Bound(at));
        match (name.to_bind.found, bound) {
            (Found::Dir(dir), Some(ino)) if !self.ways.question.covered.contains(&ino) => {
                let (path, above) = (name.to_bind.path.clone(), Rc::clone(&name.to_bind.above));
                self.enter(MatchedDir { dir, ino }, &path, &above, reasons);
            }
            (Found::File(file), Some(ino)) if !self.inode_of.contains_key(&file) => {
                self.inode_of.insert(file, (ino, Rc::clone(reasons)));
                self.file_of.insert(ino, (file, Rc::clone(reasons)));
                self.steps.push(Step::Identity(file, ino));
                self.notify(Event::File(file));
                self.notify(Event::Inode(ino));
            }
            (Found::Nothing, _) | (Found::Dir(_) | Found::File(_), Some(_)) => {}
            (Found::Dir(_) | Found::File(_), None) => {
                debug_assert!(false, "{} was found, and is bound to nothing", name.to_bind.path.display());
            }
        }
    }

    /// Decides the free changes of a name: the last change of this way is kept, and the later ones are lost.
    fn choose(&mut self, at: usize, way: Way, reasons: &Rc<Reasons>) -> Result<(), Reasons> {
        debug_assert!(at < self.names.len(), "name {at} was closed");
        let Some(name) = self.names.get_mut(at) else { return Ok(()) };
        name.is_decided = true;
        self.steps.push(Step::Decided(at));
        let later = name.to_bind.ways.iter().map_while(|other| other.last.filter(|_| *other != way));
        let decided: Vec<(Seq, bool)> =
            later.map(|seq| (seq, false)).chain(way.last.map(|seq| (seq, true))).collect();
        decided.into_iter().try_for_each(|(seq, kept)| self.decide(seq, kept, reasons))
    }

    /// Decides a free change, and the other half of its rename if that follows.
    fn decide(&mut self, seq: Seq, kept: bool, reasons: &Rc<Reasons>) -> Result<(), Reasons> {
        if let Some((was, because)) = self.kept.get(&seq) {
            let both = || reasons.union(because).copied().collect();
            return if *was == kept { Ok(()) } else { Err(both()) };
        }
        self.kept.insert(seq, (kept, Rc::clone(reasons)));
        self.steps.push(Step::Kept(seq));
        self.notify(Event::Change(seq));
        self.ways.follows(seq, kept).map_or(Ok(()), |other| self.decide(other, kept, reasons))
    }

    fn notify(&mut self, event: Event) {
        for at in self.concerned.get(&event).into_iter().flatten() {
            if let Some(name) = self.names.get_mut(*at).filter(|name| !name.is_decided && !name.is_queued) {
                name.is_queued = true;
                self.queue.push(*at);
            }
        }
    }

    /// Begins a choice of the inode to which the name is bound. If the inode is decided, begins a choice of the change
    /// that binds it.
    fn branch(&mut self, at: usize) {
        let Some(name) = self.names.get(at) else { return };
        let (left, reasons) = self.remaining_ways(name);
        let mut choices: Vec<Choice> = Vec::new();
        if name.bound.is_some() {
            choices.extend(left.into_iter().rev().map(Choice::Way));
        } else {
            let mut seen = BTreeSet::new();
            let bounds = left.into_iter().map(|way| way.bound).filter(|bound| seen.insert(*bound));
            choices.extend(bounds.map(Choice::Bound));
            choices.reverse();
        }
        self.levels.push(Level { at, choices, reasons, steps: self.steps.len() });
    }

    /// Makes the next choice of the last level. Fails if none is left.
    fn advance(&mut self) -> Result<(), Reasons> {
        let reasons = Rc::new(Reasons::from([self.levels.len()]));
        debug_assert!(!self.levels.is_empty(), "a search without a choice goes on");
        let Some(mut level) = self.levels.pop() else { return Ok(()) };
        let Some(choice) = level.choices.pop() else { return Err(level.reasons) };
        let at = level.at;
        self.levels.push(level);
        match choice {
            Choice::Way(way) => self.choose(at, way, &reasons)?,
            Choice::Bound(bound) => {
                self.bind(at, bound, &reasons);
                self.propagate(at)?;
            }
        }
        self.propagate_all()
    }

    /// Undoes all decisions since the last choice from which the contradiction follows. Returns `None` if it follows
    /// from no choice.
    fn backjump(&mut self, mut contradiction: Reasons) -> Option<()> {
        let last = contradiction.pop_last()?;
        self.levels.truncate(last);
        let level = self.levels.last_mut()?;
        level.reasons.append(&mut contradiction);
        let steps = level.steps;
        while self.steps.len() > steps {
            self.undo();
        }
        for at in std::mem::take(&mut self.queue) {
            if let Some(name) = self.names.get_mut(at) {
                name.is_queued = false;
            }
        }
        Some(())
    }

    /// Undoes the last decision.
    fn undo(&mut self) {
        match self.steps.pop() {
            None => {}
            Some(Step::Kept(seq)) => drop(self.kept.remove(&seq)),
            Some(Step::Identity(file, ino)) => {
                self.inode_of.remove(&file);
                self.file_of.remove(&ino);
            }
            Some(Step::Bound(at)) => self.names.get_mut(at).into_iter().for_each(|name| name.bound = None),
            Some(Step::Decided(at)) => {
                self.names.get_mut(at).into_iter().for_each(|name| name.is_decided = false);
            }
            Some(Step::Opened) => {
                for event in self.names.pop().iter().flat_map(|name| events(&name.to_bind)) {
                    self.concerned.get_mut(&event).map(Vec::pop);
                }
            }
        }
    }
}

/// Returns the events that concern a name.
fn events(to_bind: &NameToBind<'_>) -> Vec<Event> {
    let mut events: BTreeSet<Event> =
        to_bind.ways.iter().filter_map(|way| way.last).map(Event::Change).collect();
    if let Found::File(file) = to_bind.found {
        events.insert(Event::File(file));
        events
            .extend(to_bind.ways.iter().filter(|way| way.fits).filter_map(|way| way.bound).map(Event::Inode));
    }
    events.into_iter().collect()
}
