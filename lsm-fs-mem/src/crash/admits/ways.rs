//! The ways in which each found name may have been bound under one scenario. This is the input of the search.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    rc::Rc,
};

use super::{Fact, MatchedDir, Question};
use crate::{
    crash::names::Scenario,
    found::FoundDir,
    micro::{Change, Ino, Kind, Seq},
    profile::Coupling,
    tree::{Inode, Tree},
};

/// The found binding of a name.
#[derive(Clone, Copy)]
pub(super) enum Found<'q> {
    Nothing,
    Dir(&'q FoundDir),
    File(usize),
}

/// A way to bind a name: by the last free change that is kept, or without a free change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) last: Option<Seq>,
    pub(super) bound: Option<Ino>,
    /// Set if this binding agrees with the found one.
    pub(super) fits: bool,
}

/// A name to decide.
pub(super) struct NameToBind<'q> {
    pub(super) path: PathBuf,
    pub(super) found: Found<'q>,
    /// The inodes of the directories above. The name cannot be bound to one of them.
    pub(super) above: Rc<[Ino]>,
    /// One way for each free change, the latest first, and at the end the way without a free change.
    pub(super) ways: Vec<Way>,
    /// Set if a free change of the name is half of a rename.
    pub(super) has_halves: bool,
}

/// The other half of a free change.
#[derive(Clone, Copy)]
struct Other {
    seq: Seq,
    coupling: Coupling,
    is_new: bool,
}

/// A scenario of a question.
pub(super) struct Ways<'s, 'q> {
    pub(super) question: &'s Question<'q>,
    ignored: &'s BTreeSet<Fact>,
    /// The durable tree with the fixed changes applied.
    tree: Tree,
    /// The free changes of each name that come after its fixed ones, in order.
    free: BTreeMap<(Ino, OsString), Vec<Seq>>,
    other: BTreeMap<Seq, Other>,
    /// The facts that the ways depend on.
    pub(super) used: BTreeSet<Fact>,
}

impl<'s, 'q> Ways<'s, 'q> {
    pub(super) fn new(question: &'s Question<'q>, scenario: &Scenario, ignored: &'s BTreeSet<Fact>) -> Self {
        let journal = &question.disk.journal;
        let mut tree = question.disk.image.clone();
        let mut last_fixed: BTreeMap<(Ino, &OsStr), Seq> = BTreeMap::new();
        for micro in scenario.fixed.iter().filter_map(|seq| journal.get(*seq)) {
            tree.apply(micro);
            if let Some((dir, name, _)) = micro.binding() {
                last_fixed.insert((dir, name), micro.seq);
            }
        }
        let (free, other, used) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let mut ways = Self { question, ignored, tree, free, other, used };
        for group in &scenario.free {
            for micro in group.seqs().filter_map(|seq| journal.get(seq)) {
                // A mode is no name, and a found tree has no modes.
                let Some((dir, name, _)) = micro.binding() else { continue };
                if last_fixed.get(&(dir, &**name)).is_none_or(|fixed| *fixed < micro.seq) {
                    ways.free.entry((dir, name.to_os_string())).or_default().push(micro.seq);
                }
            }
            if let Some(second) = group.second {
                let coupling = if group.halves { Coupling::NewBeforeOld } else { Coupling::Together };
                ways.other.insert(group.first, Other { seq: second, coupling, is_new: false });
                ways.other.insert(second, Other { seq: group.first, coupling, is_new: true });
            }
        }
        for seqs in ways.free.values_mut() {
            seqs.sort_unstable();
        }
        ways
    }

    /// Returns the other half of a rename, if keeping or losing this half decides it.
    pub(super) fn follows(&self, seq: Seq, kept: bool) -> Option<Seq> {
        let other = self.other.get(&seq)?;
        match other.coupling {
            Coupling::Together => Some(other.seq),
            // If the old half is kept, the new one is kept too. If the new half is lost, the old one is lost too.
            Coupling::NewBeforeOld => (other.is_new != kept).then_some(other.seq),
            Coupling::Apart => None,
        }
    }

    /// Returns the names of a directory that have to be decided.
    pub(super) fn names_to_bind(
        &mut self,
        matched: MatchedDir<'q>,
        path: &Path,
        above: &[Ino],
    ) -> Vec<NameToBind<'q>> {
        let MatchedDir { dir, ino } = matched;
        let mut names: BTreeSet<OsString> = dir.dirs.keys().chain(dir.files.keys()).cloned().collect();
        names.extend(
            self.tree.dir(ino).into_iter().flat_map(|dir| dir.iter()).map(|(name, _)| name.to_os_string()),
        );
        names.extend(
            self.free
                .range((ino, OsString::new())..)
                .map_while(|((dir, name), _)| (*dir == ino).then(|| name.clone())),
        );
        let above: Rc<[Ino]> = above.iter().copied().chain([ino]).collect();
        let mut names_to_bind = Vec::new();
        for name in names {
            let path = path.join(&name);
            if self.ignored.contains(&Fact::Name(path.clone())) {
                continue;
            }
            self.used.insert(Fact::Name(path.clone()));
            let found = match (self.question.found.dir_in(dir, &name), dir.files.get(&name)) {
                (Some(below), _) => Found::Dir(below),
                (None, Some(file)) => Found::File(*file),
                (None, None) => Found::Nothing,
            };
            names_to_bind.push(self.name_to_bind((ino, name), path, found, &above));
        }
        names_to_bind
    }

    fn name_to_bind(
        &mut self,
        (dir, name): (Ino, OsString),
        path: PathBuf,
        found: Found<'q>,
        above: &Rc<[Ino]>,
    ) -> NameToBind<'q> {
        let by_none = (None, self.tree.lookup(dir, &name));
        let free = self.free.remove(&(dir, name.clone())).unwrap_or_default();
        let journal = &self.question.disk.journal;
        let by_change = free.iter().rev().map(|seq| {
            let micro = journal.get(*seq).filter(|micro| micro.is_link());
            (Some(*seq), micro.and_then(|micro| Some(micro.binding()?.2)))
        });
        let all: Vec<(Option<Seq>, Option<Ino>)> = by_change.chain([by_none]).collect();
        let has_halves = free.iter().any(|seq| self.other.contains_key(seq));
        self.free.insert((dir, name), free);
        let way = |(last, bound)| Way { last, bound, fits: self.agrees_with_found(found, bound, above) };
        let ways = all.into_iter().map(way).collect();
        NameToBind { path, found, above: Rc::clone(above), ways, has_halves }
    }

    /// Returns whether binding a name to this inode agrees with the found binding.
    fn agrees_with_found(&mut self, found: Found<'q>, bound: Option<Ino>, above: &[Ino]) -> bool {
        // A directory cannot be below itself. A repair of the filesystem (`assemble`) leaves such a name out.
        let bound = bound.filter(|ino| !above.contains(ino));
        match (found, bound.and_then(|ino| Some((ino, self.kind(ino)?)))) {
            (Found::Nothing, bound) => bound.is_none(),
            (Found::Dir(_), Some((_, kind))) => kind == Kind::Dir,
            (Found::File(file), Some((ino, Kind::File))) => self.has_content(file, ino),
            (Found::Dir(_) | Found::File(_), _) => false,
        }
    }

    fn kind(&self, ino: Ino) -> Option<Kind> {
        let on_disk = self.tree.get(ino).map(Inode::kind);
        let kind = on_disk.or_else(|| {
            let mut links = self.question.disk.journal.child(ino);
            links.find_map(|micro| match micro.change {
                Change::Link { kind, .. } => Some(kind),
                _ => None,
            })
        });
        // Without a kind, the name would count as unbound.
        debug_assert!(kind.is_some(), "a name leads to inode {ino}, which does not exist");
        kind
    }

    fn has_content(&mut self, file: usize, ino: Ino) -> bool {
        let fact = Fact::Content(file);
        if self.ignored.contains(&fact) {
            return true;
        }
        self.used.insert(fact);
        self.question.content(file, ino).is_ok()
    }
}
