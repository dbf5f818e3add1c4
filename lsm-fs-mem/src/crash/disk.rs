//! The durable state of a disk and the changes that may reach it.

use std::collections::BTreeSet;

use super::history::Histories;
use crate::{
    micro::{Change, Ino, Journal, Micro, Seq},
    profile::{CrashModel, CrashRules, LogState, NameOrder, SyncCall},
    tree::{FileNode, Tree},
};

/// The number of micro-operations in each vector of `recent`. One growing vector would be copied again and again.
const PIECE: usize = 1024;

/// The size of the first piece. It holds the changes that a synced log makes between two syncs.
const FIRST_PIECE: usize = 8;

/// The durable image and the journal of the changes that may reach it. Forced changes are folded into the image at
/// once, so the journal holds only changes that no sync has covered.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    /// The durable tree. It also holds inodes that no durable name leads to yet.
    pub(crate) image: Tree,
    pub(crate) journal: Journal,
    /// The possible commits, if the rules have [`NameOrder::Logged`].
    pub(crate) histories: Histories,
    /// The changes since the last call of [`absorb`](Self::absorb). They are put into the journal lazily, because most
    /// tests never query most of them.
    recent: Vec<Vec<Micro>>,
    rules: CrashRules,
}

impl Disk {
    pub(crate) fn new(image: Tree, model: CrashModel) -> Self {
        Self {
            image,
            journal: Journal::default(),
            histories: Histories::default(),
            recent: Vec::new(),
            rules: model.rules(),
        }
    }

    /// Returns the same disk under other rules, which apply to later events. A commit may have happened between any two
    /// of the pending changes.
    pub(crate) fn with_rules(mut self, rules: CrashRules) -> Self {
        self.absorb();
        self.rules = rules;
        self.histories = Histories::default();
        if rules.order == NameOrder::Logged {
            for micro in self.journal.iter() {
                self.histories.changed(micro, &rules);
            }
        }
        self
    }

    pub(crate) const fn rules(&self) -> &CrashRules {
        &self.rules
    }

    pub(crate) fn push(&mut self, micro: Micro) {
        match self.recent.last_mut().filter(|piece| piece.len() < piece.capacity()) {
            Some(piece) => piece.push(micro),
            None => {
                let mut piece = Vec::with_capacity(if self.recent.is_empty() { FIRST_PIECE } else { PIECE });
                piece.push(micro);
                self.recent.push(piece);
            }
        }
    }

    /// Moves the recent changes into the journal. Changes of files without any name are dropped. It must be called
    /// before the journal is read.
    pub(crate) fn absorb(&mut self) -> &Journal {
        for micro in std::mem::take(&mut self.recent).into_iter().flatten() {
            if micro.file().is_none_or(|ino| self.may_be_found(ino)) {
                if self.rules.order == NameOrder::Logged {
                    self.histories.changed(&micro, &self.rules);
                }
                self.journal.insert(micro);
            }
        }
        &self.journal
    }

    pub(crate) fn sync(&mut self, call: SyncCall) {
        self.absorb();
        for seq in self.durable_by(call) {
            self.fold(seq);
        }
        match call {
            SyncCall::Everything => self.commit(None),
            SyncCall::Volume(volume) => self.commit(Some(volume)),
            SyncCall::File { ino, volume }
            | SyncCall::FileData { ino, volume }
            | SyncCall::Dir { ino, volume } => {
                self.journal.synced(ino, volume);
                self.histories.settle(&self.journal, volume);
            }
        }
    }

    /// Returns the changes that are certain to be durable after the call.
    pub(crate) fn durable_by(&mut self, call: SyncCall) -> BTreeSet<Seq> {
        let home = |ino| self.image.get(ino).map(|inode| inode.parent);
        match call.of_inode() {
            Some((_, volume)) if self.rules.order == NameOrder::Logged => {
                self.histories.sync(&self.rules, &self.journal, &home, (call, volume))
            }
            _ => self.rules.forces(&self.journal, &home, &LogState::default(), call),
        }
    }

    fn commit(&mut self, volume: Option<u32>) {
        // If a test has switched off the rule `syncfs`, a sync of everything is no commit.
        if self.rules.syncfs {
            self.journal.commit(volume);
            self.histories.commit(volume);
        }
    }

    /// Drops the file's dirty pages after a failed sync. They never reach the disk, but the lengths stay.
    pub(crate) fn drop_data(&mut self, ino: Ino) {
        self.absorb();
        let data = self.journal.file(ino).filter(|micro| matches!(micro.change, Change::Data { .. }));
        for seq in data.map(|micro| micro.seq).collect::<Vec<_>>() {
            self.journal.remove(seq);
        }
    }

    /// Returns the content that a read from the device yields: the durable content plus the pending changes.
    pub(crate) fn reread(&mut self, ino: Ino) -> FileNode {
        self.absorb();
        let mut file = self.image.content(ino);
        for micro in self.journal.file(ino) {
            file.apply(&micro.change);
        }
        file.cut();
        file
    }

    fn fold(&mut self, seq: Seq) {
        // A later change of the same name, or the loss of its directory, may have removed it just now.
        let Some(micro) = self.journal.remove(seq) else { return };
        // Inodes that lose a name here are examined only after the whole change has been applied.
        let mut touched: Vec<Ino> = self.image.apply(&micro).into_iter().collect();
        if let Some((dir, name, ino)) = micro.binding() {
            touched.push(ino);
            // This later change of the name is now durable, so the earlier ones affect no state.
            let dead: Vec<Seq> = self.journal.of_name(dir, name, seq).map(|micro| micro.seq).collect();
            let dead = dead.into_iter().filter_map(|seq| self.journal.remove(seq));
            touched.extend(dead.filter_map(|micro| Some(micro.binding()?.2)));
        }
        for ino in touched {
            self.forget_lost(ino);
        }
    }

    /// Returns whether a name leads to the inode in some crash state.
    fn may_be_found(&self, ino: Ino) -> bool {
        self.image.get(ino).is_some_and(|inode| inode.links > 0)
            || self.journal.child(ino).any(Micro::is_link)
    }

    /// Removes an inode to which no name leads in any crash state, along with its pending changes.
    fn forget_lost(&mut self, ino: Ino) {
        let mut lost = vec![ino];
        while let Some(ino) = lost.pop() {
            if self.may_be_found(ino) {
                continue;
            }
            let children = self.image.dir(ino).map(|dir| dir.iter().map(|(_, ino)| ino).collect::<Vec<_>>());
            self.image.remove(ino);
            self.journal.forget(ino);
            let waiting: BTreeSet<Seq> =
                self.journal.file(ino).chain(self.journal.dir(ino)).map(|micro| micro.seq).collect();
            for seq in waiting {
                if let Some((_, _, child)) = self.journal.remove(seq).as_ref().and_then(Micro::binding) {
                    lost.push(child);
                }
            }
            for child in children.into_iter().flatten() {
                if let Some(inode) = self.image.get_mut(child) {
                    inode.links = inode.links.saturating_sub(1);
                }
                lost.push(child);
            }
        }
    }
}

#[cfg(test)]
mod tests;
