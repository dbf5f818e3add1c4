//! What is on the disk for certain, and what may be.

use std::collections::BTreeSet;

use crate::{
    micro::{Change, Ino, Journal, Micro, Seq},
    profile::{CrashModel, CrashRules, SyncCall},
    tree::{FileNode, Tree},
};

/// How many micro-operations lie together before they are put in order: growing one long vector would copy them all.
const PIECE: usize = 1024;

/// What a synced log has between two syncs fits in here.
const FIRST_PIECE: usize = 8;

/// The durable image and the journal of what may reach it. What a sync forces is folded into the image at once, so the
/// journal holds no more than what no sync has covered.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    /// Also holds inodes that no durable name leads to yet.
    pub(crate) image: Tree,
    pub(crate) journal: Journal,
    /// What has happened since [`absorb`](Self::absorb) was last called. Most of what a test does is never asked for,
    /// and so never put in the journal's order.
    recent: Vec<Vec<Micro>>,
    rules: CrashRules,
}

impl Disk {
    pub(crate) fn new(image: Tree, model: CrashModel) -> Self {
        Self { image, journal: Journal::default(), recent: Vec::new(), rules: model.rules() }
    }

    /// The same disk under other rules; they apply to what comes after.
    pub(crate) fn with_rules(mut self, rules: CrashRules) -> Self {
        self.rules = rules;
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

    /// Puts into the journal what has happened since. Whoever reads the journal calls this first.
    pub(crate) fn absorb(&mut self) -> &Journal {
        for micro in std::mem::take(&mut self.recent).into_iter().flatten() {
            if micro.file().is_none_or(|ino| self.may_be_found(ino)) {
                self.journal.insert(micro);
            }
        }
        &self.journal
    }

    pub(crate) fn sync(&mut self, call: SyncCall) {
        self.absorb();
        let home = |ino| self.image.get(ino).map(|inode| inode.parent);
        for seq in self.rules.forces(&self.journal, &home, call) {
            self.fold(seq);
        }
        match call {
            SyncCall::Everything => self.journal.commit(None),
            SyncCall::Volume(volume) => self.journal.commit(Some(volume)),
            SyncCall::File { ino, volume }
            | SyncCall::FileData { ino, volume }
            | SyncCall::Dir { ino, volume } => {
                self.journal.synced(ino, volume);
            }
            SyncCall::CloneSource { .. } => {}
        }
    }

    /// A failed sync dropped the file's dirty pages: they reach no disk any more. Lengths stay.
    pub(crate) fn drop_data(&mut self, ino: Ino) {
        self.absorb();
        let data = self.journal.file(ino).filter(|micro| matches!(micro.change, Change::Data { .. }));
        for seq in data.map(|micro| micro.seq).collect::<Vec<_>>() {
            self.journal.remove(seq);
        }
    }

    /// What a read from the device gives: durable content with what is still on its way.
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
        let Some(micro) = self.journal.remove(seq) else { return };
        for ino in micro.file().into_iter().chain(micro.binding().map(|(_, _, ino)| ino)) {
            self.journal.log(ino, micro.volume);
        }
        // Whoever loses a name here is judged only when all is in place.
        let mut touched: Vec<Ino> = self.image.apply(&micro).into_iter().collect();
        if let Some((dir, name, ino)) = micro.binding() {
            touched.push(ino);
            // The later change of a name is certain, so the earlier ones make no difference to any state.
            let dead: Vec<Seq> = self.journal.of_name(dir, name, seq).map(|micro| micro.seq).collect();
            let dead = dead.into_iter().filter_map(|seq| self.journal.remove(seq));
            touched.extend(dead.filter_map(|micro| Some(micro.binding()?.2)));
        }
        for ino in touched {
            self.forget_lost(ino);
        }
    }

    /// Whether a state exists in which a name leads to the inode.
    fn may_be_found(&self, ino: Ino) -> bool {
        self.image.get(ino).is_some_and(|inode| inode.links > 0)
            || self.journal.child(ino).any(Micro::is_link)
    }

    /// Removes an inode that no state leads to, and all that was waiting for it.
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
