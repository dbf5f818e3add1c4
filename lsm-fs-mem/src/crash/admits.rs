//! Decides whether a crash may leave a tree that was found. The answer is exact for any number of pending changes.
//!
//! Each [scenario](super::names) of a volume fixes some name changes and leaves the others free. The search binds each
//! found name to one of the changes that may have made it, and follows the relation between the halves of a rename. It
//! takes the name with the fewest possibilities first, so it rarely goes back.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use super::{
    contents::Pending,
    fits::Misfit,
    names::{Scenario, scenarios},
};
use crate::{
    crash::Disk,
    found::{FoundDir, FoundTree},
    micro::{Change, Ino, Kind, Micro, Seq},
    profile::Coupling,
    tree::{Inode, Tree},
};

/// A part of what was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fact {
    /// The file, the directory, or nothing, that a name is bound to.
    Name(PathBuf),
    /// The content of a file, by its index.
    Content(usize),
}

/// The question: a disk, and a tree that was found on one of its volumes.
pub(crate) struct Question<'q> {
    pub(crate) disk: &'q Disk,
    pub(crate) found: &'q FoundTree,
    /// The directories that a mount covers. What they hold is not found.
    pub(crate) covered: &'q BTreeSet<Ino>,
    /// The results of comparing contents.
    contents: RefCell<BTreeMap<(usize, Ino), Result<(), Misfit>>>,
}

/// A directory that was found, and the inode of the model that it is.
#[derive(Clone, Copy)]
pub(crate) struct Place<'q> {
    pub(crate) dir: &'q FoundDir,
    pub(crate) ino: Ino,
}

/// The directories that were found for covered ones.
pub(crate) type Covered = BTreeMap<Ino, PathBuf>;

impl<'q> Question<'q> {
    pub(crate) const fn new(disk: &'q Disk, found: &'q FoundTree, covered: &'q BTreeSet<Ino>) -> Self {
        Self { disk, found, covered, contents: RefCell::new(BTreeMap::new()) }
    }

    /// Decides for one volume, without the facts to ignore. `root` was found at `path`. Returns the paths of the
    /// covered directories, or the facts that were looked at.
    pub(crate) fn admits(
        &self,
        (root, path): (Place<'q>, &Path),
        ignored: &BTreeSet<Fact>,
    ) -> Result<Covered, BTreeSet<Fact>> {
        let volume = self.disk.image.get(root.ino).map_or(0, |inode| inode.volume);
        let mut seen = BTreeSet::new();
        for scenario in scenarios(self.disk, volume) {
            let mut search = Search::new(self, &scenario, ignored);
            search.enter(root, path);
            let found = search.solve();
            seen.append(&mut search.seen);
            if found {
                return Ok(search.covered);
            }
        }
        Err(seen)
    }

    /// Returns the nearest miss of a found content, if no inode has it.
    pub(crate) fn misfit(&self, file: usize) -> Option<Misfit> {
        let contents = self.contents.borrow();
        let of_file = contents.range((file, 0)..=(file, Ino::MAX));
        of_file.filter_map(|(_, fits)| fits.err()).reduce(Misfit::or)
    }

    /// Compares the content of a found file with an inode.
    pub(crate) fn content(&self, file: usize, ino: Ino) -> Result<(), Misfit> {
        if let Some(known) = self.contents.borrow().get(&(file, ino)) {
            return *known;
        }
        let bytes = self.found.files.get(file).map_or(&[][..], Vec::as_slice);
        let fits = Pending::of(self.disk, ino).fits(bytes);
        self.contents.borrow_mut().insert((file, ino), fits);
        fits
    }
}

/// The thing that a name was found to be bound to.
#[derive(Clone, Copy)]
enum Found<'q> {
    Nothing,
    Dir(&'q FoundDir),
    File(usize),
}

/// A name to decide.
#[derive(Clone)]
struct Slot<'q> {
    dir: Ino,
    name: OsString,
    path: PathBuf,
    found: Found<'q>,
    /// The inodes of the directories above, which a name cannot lead back to.
    above: Vec<Ino>,
}

/// A way to bind a name: by the change that was kept last, or by none of the free ones.
#[derive(Clone, Copy)]
struct Candidate {
    last: Option<Seq>,
    bound: Option<Ino>,
}

/// Decisions so far. A copy is kept at each choice.
#[derive(Clone, Default)]
struct Decisions {
    kept: BTreeMap<Seq, bool>,
    inode_of: BTreeMap<usize, Ino>,
    file_of: BTreeMap<Ino, usize>,
}

struct Search<'s, 'q> {
    question: &'s Question<'q>,
    ignored: &'s BTreeSet<Fact>,
    /// The tree with the fixed changes.
    tree: Tree,
    /// The free changes of each name that come after its fixed ones, in order.
    free: BTreeMap<(Ino, OsString), Vec<Seq>>,
    /// The other half of each free change, and whether a kept one and a lost one decide it.
    other: BTreeMap<Seq, (Seq, Coupling, bool)>,
    decisions: Decisions,
    open: Vec<Slot<'q>>,
    covered: Covered,
    seen: BTreeSet<Fact>,
}

impl<'s, 'q> Search<'s, 'q> {
    fn new(question: &'s Question<'q>, scenario: &Scenario, ignored: &'s BTreeSet<Fact>) -> Self {
        let journal = &question.disk.journal;
        let mut tree = question.disk.image.clone();
        let mut last_fixed: BTreeMap<(Ino, &OsStr), Seq> = BTreeMap::new();
        for micro in scenario.fixed.iter().filter_map(|seq| journal.get(*seq)) {
            tree.apply(micro);
            if let Some((dir, name, _)) = micro.binding() {
                last_fixed.insert((dir, name), micro.seq);
            }
        }
        let mut search = Self {
            question,
            ignored,
            tree,
            free: BTreeMap::new(),
            other: BTreeMap::new(),
            decisions: Decisions::default(),
            open: Vec::new(),
            covered: Covered::new(),
            seen: BTreeSet::new(),
        };
        for group in &scenario.free {
            for micro in group.seqs().filter_map(|seq| journal.get(seq)) {
                let Some((dir, name, _)) = micro.binding() else { continue };
                if last_fixed.get(&(dir, &**name)).is_none_or(|fixed| *fixed < micro.seq) {
                    search.free.entry((dir, name.to_os_string())).or_default().push(micro.seq);
                }
            }
            if let Some(second) = group.second {
                let coupling = if group.halves { Coupling::NewBeforeOld } else { Coupling::Together };
                search.other.insert(group.first, (second, coupling, true));
                search.other.insert(second, (group.first, coupling, false));
            }
        }
        for seqs in search.free.values_mut() {
            seqs.sort_unstable();
        }
        search
    }

    fn micro(&self, seq: Seq) -> Option<&'q Micro> {
        self.question.disk.journal.get(seq)
    }

    fn kind(&self, ino: Ino) -> Option<Kind> {
        let on_disk = self.tree.get(ino).map(Inode::kind);
        on_disk.or_else(|| {
            let mut links = self.question.disk.journal.child(ino);
            links.find_map(|micro| match micro.change {
                Change::Link { kind, .. } => Some(kind),
                _ => None,
            })
        })
    }

    /// Adds the names of a directory to those to decide.
    fn enter(&mut self, place: Place<'q>, path: &Path) {
        self.enter_below(place, path, &[]);
    }

    fn enter_below(&mut self, Place { dir, ino }: Place<'q>, path: &Path, above: &[Ino]) {
        let mut names: BTreeSet<OsString> = dir.dirs.keys().chain(dir.files.keys()).cloned().collect();
        names.extend(
            self.tree.dir(ino).into_iter().flat_map(|dir| dir.iter()).map(|(name, _)| name.to_os_string()),
        );
        names.extend(
            self.free
                .range((ino, OsString::new())..)
                .map_while(|((dir, name), _)| (*dir == ino).then(|| name.clone())),
        );
        let above: Vec<Ino> = above.iter().copied().chain([ino]).collect();
        for name in names {
            let path = path.join(&name);
            if self.ignored.contains(&Fact::Name(path.clone())) {
                continue;
            }
            self.seen.insert(Fact::Name(path.clone()));
            let found = match (dir.dirs.get(&name), dir.files.get(&name)) {
                (Some(below), _) => Found::Dir(below),
                (None, Some(file)) => Found::File(*file),
                (None, None) => Found::Nothing,
            };
            self.open.push(Slot { dir: ino, name, path, found, above: above.clone() });
        }
    }

    /// Decides all open names.
    fn solve(&mut self) -> bool {
        loop {
            let mut best: Option<(usize, Vec<Candidate>)> = None;
            for at in (0..self.open.len()).rev() {
                let Some(slot) = self.open.get(at).cloned() else { continue };
                let candidates = self.candidates(&slot);
                if candidates.is_empty() {
                    return false;
                }
                if best.as_ref().is_none_or(|(_, best)| candidates.len() < best.len()) {
                    let is_certain = candidates.len() == 1;
                    best = Some((at, candidates));
                    if is_certain {
                        break;
                    }
                }
            }
            let Some((at, candidates)) = best else { return true };
            let slot = self.open.swap_remove(at);
            if let [only] = candidates.as_slice() {
                if !self.choose(&slot, *only) {
                    return false;
                }
                continue;
            }
            for candidate in candidates {
                let before = (self.decisions.clone(), self.open.clone(), self.covered.clone());
                if self.choose(&slot, candidate) && self.solve() {
                    return true;
                }
                (self.decisions, self.open, self.covered) = before;
            }
            return false;
        }
    }

    /// Returns the ways to bind a name that agree with the decisions so far.
    fn candidates(&mut self, slot: &Slot<'q>) -> Vec<Candidate> {
        let free = self.free.get(&(slot.dir, slot.name.clone())).cloned().unwrap_or_default();
        let by_change = free.iter().map(|seq| {
            let micro = self.micro(*seq).filter(|micro| micro.is_link());
            Candidate { last: Some(*seq), bound: micro.and_then(|micro| Some(micro.binding()?.2)) }
        });
        let by_none = Candidate { last: None, bound: self.tree.lookup(slot.dir, &slot.name) };
        let all: Vec<Candidate> = by_change.rev().chain([by_none]).collect();
        all.into_iter().filter(|one| self.is_possible(*one, &free) && self.agrees(slot, one.bound)).collect()
    }

    /// Returns whether the free changes of a name can be decided in this way.
    fn is_possible(&self, candidate: Candidate, free: &[Seq]) -> bool {
        let later = free.iter().filter(|seq| candidate.last.is_none_or(|last| **seq > last));
        let mut lost = later.map(|seq| (*seq, false));
        let kept = candidate.last.map(|last| (last, true));
        kept.into_iter()
            .chain(&mut lost)
            .all(|(seq, kept)| self.decisions.kept.get(&seq).is_none_or(|was| *was == kept))
    }

    /// Returns whether a name that is bound to this inode looks as it was found.
    fn agrees(&mut self, slot: &Slot<'q>, bound: Option<Ino>) -> bool {
        // A directory cannot be below itself. A repair leaves the name out.
        let bound = bound.filter(|ino| !slot.above.contains(ino));
        match (slot.found, bound.and_then(|ino| Some((ino, self.kind(ino)?)))) {
            (Found::Nothing, bound) => bound.is_none(),
            (Found::Dir(_), Some((_, kind))) => kind == Kind::Dir,
            (Found::File(file), Some((ino, Kind::File))) => {
                let known = (self.decisions.inode_of.get(&file), self.decisions.file_of.get(&ino));
                let is_same = match known {
                    (None, None) => true,
                    (Some(inode), Some(known)) => *inode == ino && *known == file,
                    _ => false,
                };
                is_same && self.has_content(file, ino)
            }
            (Found::Dir(_) | Found::File(_), _) => false,
        }
    }

    fn has_content(&mut self, file: usize, ino: Ino) -> bool {
        let fact = Fact::Content(file);
        if self.ignored.contains(&fact) {
            return true;
        }
        self.seen.insert(fact);
        self.question.content(file, ino).is_ok()
    }

    /// Binds a name. Returns `false` if the decision contradicts an earlier one.
    fn choose(&mut self, slot: &Slot<'q>, candidate: Candidate) -> bool {
        let free = self.free.get(&(slot.dir, slot.name.clone())).cloned().unwrap_or_default();
        let later = free.into_iter().filter(|seq| candidate.last.is_none_or(|last| *seq > last));
        let kept = candidate.last.map(|last| (last, true));
        let decided: Vec<(Seq, bool)> = kept.into_iter().chain(later.map(|seq| (seq, false))).collect();
        if !decided.into_iter().all(|(seq, kept)| self.decide(seq, kept)) {
            return false;
        }
        match (slot.found, candidate.bound) {
            (Found::Dir(dir), Some(ino)) => {
                if self.question.covered.contains(&ino) {
                    self.covered.insert(ino, slot.path.clone());
                } else {
                    self.enter_below(Place { dir, ino }, &slot.path, &slot.above);
                }
            }
            (Found::File(file), Some(ino)) => {
                self.decisions.inode_of.insert(file, ino);
                self.decisions.file_of.insert(ino, file);
            }
            _ => {}
        }
        true
    }

    /// Decides a free change, and the other half of its rename where it follows.
    fn decide(&mut self, seq: Seq, kept: bool) -> bool {
        if let Some(was) = self.decisions.kept.insert(seq, kept) {
            return was == kept;
        }
        match self.other.get(&seq) {
            Some((other, Coupling::Together, _)) => self.decide(*other, kept),
            // A kept old half needs the new one, so a lost new half needs a lost old one.
            Some((other, Coupling::NewBeforeOld, is_old)) if *is_old == kept => self.decide(*other, kept),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests;
