//! Walks through a recording, event by event, and keeps the state of the disk under one set of rules.

use super::Recording;
use crate::{
    crash::{Axes, Choice, Crash, Disk, Foreign, StateId, assemble},
    machine::{Event, Machine},
    mem_fs::MemFs,
    micro::{Change, Ino, Kind, Micro},
    profile::{CrashModel, CrashRules, RenameHalves, SyncCall},
    tree::Tree,
};

/// A position in a recording.
pub(crate) struct Explorer<'r> {
    recording: &'r Recording,
    pub(crate) model: CrashModel,
    pub(crate) disk: Disk,
    /// The number of events so far.
    pub(crate) point: usize,
    pub(crate) foreign: Option<Foreign>,
}

impl<'r> Explorer<'r> {
    pub(crate) fn new(recording: &'r Recording, model: CrashModel, foreign: Option<Foreign>) -> Self {
        Self::with_rules(recording, model, model.rules(), foreign)
    }

    pub(crate) fn with_rules(
        recording: &'r Recording,
        model: CrashModel,
        rules: CrashRules,
        foreign: Option<Foreign>,
    ) -> Self {
        let disk = recording.start.clone().with_rules(rules);
        let mut explorer = Self { recording, model, disk, point: 0, foreign };
        explorer.sync_foreign();
        explorer
    }

    /// Advances by one event. Returns `false` at the end.
    pub(crate) fn step(&mut self) -> bool {
        let Some(event) = self.recording.events.get(self.point) else { return false };
        match event {
            Event::Micro(micro) => self.disk.push(micro.clone()),
            Event::Sync(call) => self.disk.sync(*call),
            Event::Dropped(ino) => self.disk.drop_data(*ino),
            Event::Note(_) => {}
        }
        self.disk.absorb();
        self.point += 1;
        self.sync_foreign();
        true
    }

    fn sync_foreign(&mut self) {
        if let Some(foreign) = self.foreign.filter(|foreign| foreign.after == self.point) {
            self.disk.sync(self.recording.foreign_call(foreign));
        }
    }

    /// Advances to the moment after this number of events.
    pub(crate) fn go_to(&mut self, point: usize) {
        while self.point < point && self.step() {}
    }

    /// Returns the same moment in a recording that begins with the same events.
    pub(crate) fn in_history<'h>(&self, history: &'h Recording) -> Explorer<'h> {
        let Self { model, point, foreign, .. } = *self;
        Explorer { recording: history, model, disk: self.disk.clone(), point, foreign }
    }

    /// Returns whether a crash is possible at this moment. Between the two halves of a rename, it is possible only if
    /// the rules let the halves persist apart.
    pub(crate) fn is_crash_point(&self) -> bool {
        self.disk.rules().renames == RenameHalves::Apart || !self.recording.splits_a_group(self.point)
    }

    /// Returns the choices of a crash here. If `all` is set, they include the choices of earlier crash points.
    pub(crate) fn axes(&self, all: bool) -> Axes {
        let synced_here = self.foreign.is_some_and(|foreign| foreign.after == self.point);
        let newest = self.last_event().and_then(micro_of).filter(|_| !all && !synced_here);
        Axes::of(&self.disk, newest)
    }

    pub(crate) fn id(&self, choice: Choice) -> Crash {
        let killed_after = self.recording.killed_after;
        Crash { model: self.model, killed_after, point: self.point, foreign: self.foreign, choice }
    }

    fn last_event(&self) -> Option<&'r Event> {
        self.recording.events.get(self.point.checked_sub(1)?)
    }
}

const fn micro_of(event: &Event) -> Option<&Micro> {
    match event {
        Event::Micro(micro) => Some(micro),
        _ => None,
    }
}

impl Recording {
    /// Returns the number of events: changes, syncs, failed syncs that dropped dirty pages, and notes. A write is one
    /// change, or two if the file grows.
    #[must_use]
    pub fn events(&self) -> usize {
        self.events.len()
    }

    /// Returns the notes made before the crash that the id describes.
    #[must_use]
    pub fn notes_before(&self, id: &StateId) -> Vec<String> {
        self.notes_until(id.first.point)
    }

    /// Rebuilds the image that the id's first crash leaves. If the id belongs to another workload, the image is
    /// arbitrary, but the same each time.
    #[must_use]
    pub fn image(&self, id: &StateId) -> MemFs {
        self.boot(&self.tree_after(&id.first))
    }

    /// Checks that this recording can have the crash.
    pub(crate) fn fits(&self, crash: &Crash) -> Result<(), String> {
        if crash.point > self.events.len() {
            return Err(format!("it comes after event {} of {}", crash.point, self.events.len()));
        }
        if let Some(Foreign { after, target }) = crash.foreign {
            let is_known = target.is_none_or(|ino| self.kind_of(ino).is_some());
            if after > crash.point || !is_known {
                return Err("its foreign sync names an unknown inode, or comes after the crash".to_owned());
            }
        }
        let axes = self.at(crash).axes(true);
        if crash.choice.len() != axes.axes.len() {
            return Err(format!("it has {} choices, and there are {}", crash.choice.len(), axes.axes.len()));
        }
        match axes.axes.iter().zip(&crash.choice).find(|(axis, value)| **value >= axis.values()) {
            Some((axis, value)) => Err(format!("it has choice {value} out of {}", axis.values())),
            None => Ok(()),
        }
    }

    /// Returns the tree that a crash leaves on disk.
    pub(crate) fn tree_after(&self, crash: &Crash) -> Tree {
        let explorer = self.at(crash);
        explorer.axes(true).replay(&explorer.disk, &crash.choice)
    }

    /// Returns the moment of a crash.
    pub(crate) fn at(&self, crash: &Crash) -> Explorer<'_> {
        let mut explorer = Explorer::new(self, crash.model, crash.foreign);
        explorer.go_to(crash.point);
        explorer
    }

    /// Returns whether a group begins before this moment and ends after it.
    pub(crate) fn splits_a_group(&self, point: usize) -> bool {
        let group = |at: usize| Some(micro_of(self.events.get(at)?)?.group);
        let before = point.checked_sub(1).and_then(group);
        before.is_some() && before == group(point)
    }

    /// Starts the machine from the tree that a crash left.
    pub(crate) fn boot(&self, tree: &Tree) -> MemFs {
        MemFs::from_machine(Machine::boot(&self.hardware, assemble(tree, &self.hardware.roots())))
    }

    pub(crate) fn notes_until(&self, point: usize) -> Vec<String> {
        let notes = self.events.iter().take(point).filter_map(|event| match event {
            Event::Note(note) => Some(note.clone()),
            _ => None,
        });
        notes.collect()
    }

    /// Returns the tree that callers saw after this number of events.
    pub(crate) fn live_at(&self, point: usize) -> Tree {
        let mut tree = self.start.image.clone();
        let done = self.events.iter().take(point).filter_map(micro_of);
        for micro in self.start.journal.iter().chain(done) {
            tree.apply(micro);
        }
        tree
    }

    pub(crate) fn foreign_call(&self, foreign: Foreign) -> SyncCall {
        let Some(ino) = foreign.target else { return SyncCall::Everything };
        let (kind, volume) = self.kind_of(ino).unwrap_or((Kind::File, 0));
        match kind {
            Kind::File => SyncCall::File { ino, volume },
            Kind::Dir => SyncCall::Dir { ino, volume },
        }
    }

    fn kind_of(&self, wanted: Ino) -> Option<(Kind, u32)> {
        if let Some(inode) = self.start.image.get(wanted) {
            return Some((inode.kind(), inode.volume));
        }
        let micros = self.start.journal.iter().chain(self.events.iter().filter_map(micro_of));
        let mut made = micros.filter_map(|micro| match micro.change {
            Change::Link { ino, kind, .. } if ino == wanted => Some((kind, micro.volume)),
            _ => None,
        });
        made.next()
    }
}
