//! The possible commits of a filesystem that logs its syncs, such as btrfs.
//!
//! In a *commit*, btrfs writes every name change so far to the disk (`btrfs_commit_transaction` in
//! `fs/btrfs/transaction.c`). The kernel may commit between any two calls. A later sync writes further name changes to
//! a log (`btrfs_sync_log` in `fs/btrfs/tree-log.c`). They depend only on the changes since the last commit. So each
//! possible moment of the last commit is a separate history, and each crash state belongs to one history.

use std::collections::BTreeSet;

use crate::{
    micro::{Ino, Journal, Micro, Seq},
    profile::{CrashRules, LogState, RenameHalves, SyncCall},
};

/// One possible moment of the last commit, and the name changes that syncs have added since.
///
/// Commits share a history if no pending name change lies between them. `early` and `late` are the states of the log
/// after the first and the last of these commits. After an early commit, a later sync may add more changes. After a
/// late one, it forces fewer.
#[derive(Clone, Debug)]
pub(crate) struct History {
    volume: u32,
    /// The commit has persisted the name changes up to here.
    committed: Seq,
    early: LogState,
    late: LogState,
    /// Changes after the commit that a sync has forced.
    forced: BTreeSet<Seq>,
    /// Changes after the commit that a sync may have added.
    may: BTreeSet<Seq>,
}

impl History {
    fn new(volume: u32, commit: Seq) -> Self {
        let log = LogState { commit, logged: BTreeSet::new() };
        Self {
            volume,
            committed: commit,
            early: log.clone(),
            late: log,
            forced: BTreeSet::new(),
            may: BTreeSet::new(),
        }
    }

    /// Returns whether every crash in this history keeps the name change.
    pub(crate) fn keeps(&self, seq: Seq) -> bool {
        seq <= self.committed || self.forced.contains(&seq)
    }

    /// Returns whether a crash in this history may keep the name change.
    pub(crate) fn may_keep(&self, seq: Seq) -> bool {
        self.keeps(seq) || self.may.contains(&seq)
    }

    /// Adds the changes that a sync forces and those that it may force. Returns the changes that it forces after the
    /// last of the commits.
    fn sync(
        &mut self,
        rules: &CrashRules,
        journal: &Journal,
        home: &dyn Fn(Ino) -> Option<Ino>,
        call: SyncCall,
    ) -> BTreeSet<Seq> {
        let by_early = rules.forces(journal, home, &self.early, call);
        let by_late = rules.forces(journal, home, &self.late, call);
        self.forced.extend(by_early.intersection(&by_late));
        self.may.extend(by_early.union(&by_late));
        if let Some((ino, _)) = call.of_inode() {
            if journal.is_touched(ino, self.early.commit) {
                let (may, logged) = rules.may_log(journal, home, (&self.early, &by_early), call);
                self.may.extend(may);
                self.early.logged = logged;
            }
            self.late.logged.extend(children(journal, &by_late));
            if journal.is_touched(ino, self.late.commit) {
                self.late.logged.insert(ino);
            }
        }
        by_late
    }

    /// Joins this history with the next one.
    fn join(&mut self, next: Self) {
        self.may.extend(self.forced.iter().copied().chain(next.may).chain(next.forced.iter().copied()));
        self.forced.retain(|seq| next.forced.contains(seq));
        self.committed = next.committed;
        self.late = next.late;
    }
}

/// Returns the inodes that these changes concern.
fn children(journal: &Journal, seqs: &BTreeSet<Seq>) -> impl Iterator<Item = Ino> {
    let micros = seqs.iter().filter_map(|seq| journal.get(*seq));
    micros.filter_map(|micro| micro.file().or_else(|| Some(micro.binding()?.2)))
}

/// The histories of all volumes, earliest commit first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histories(Vec<History>);

impl Histories {
    pub(crate) fn of(&self, volume: u32) -> impl Iterator<Item = &History> {
        self.0.iter().filter(move |history| history.volume == volume)
    }

    /// Makes sure that the volume has a history, which begins before this change.
    fn begin(&mut self, volume: u32, before: Seq) {
        if self.of(volume).next().is_none() {
            self.0.push(History::new(volume, before));
        }
    }

    /// Adds the commits that may follow a change.
    pub(crate) fn changed(&mut self, micro: &Micro, rules: &CrashRules) {
        self.begin(micro.volume, micro.seq.saturating_sub(1));
        let split = rules.renames == RenameHalves::Apart;
        let last = self.0.iter_mut().rfind(|history| history.volume == micro.volume);
        debug_assert!(last.is_some(), "volume {} has no history", micro.volume);
        let Some(last) = last else { return };
        if !micro.is_of_directory() {
            last.late = LogState { commit: micro.seq, logged: BTreeSet::new() };
            return;
        }
        // No commit splits a rename.
        if !split && micro.group < micro.seq && last.committed == micro.group {
            *last = History::new(micro.volume, micro.seq);
        } else {
            self.0.push(History::new(micro.volume, micro.seq));
        }
    }

    /// Applies a sync of an inode to every history of its volume. Returns the changes that are durable in all of them.
    pub(crate) fn sync(
        &mut self,
        rules: &CrashRules,
        journal: &Journal,
        home: &dyn Fn(Ino) -> Option<Ino>,
        (call, volume): (SyncCall, u32),
    ) -> BTreeSet<Seq> {
        self.begin(volume, journal.last());
        let mut durable = BTreeSet::new();
        for history in self.0.iter_mut().filter(|history| history.volume == volume) {
            durable.extend(history.sync(rules, journal, home, call));
        }
        durable.retain(|seq| {
            let is_name = journal.get(*seq).is_some_and(Micro::is_of_directory);
            !is_name || self.of(volume).all(|history| history.keeps(*seq))
        });
        // A change that was forced in some histories may only now be forced in all of them.
        let pending = journal.iter().filter(|micro| micro.volume == volume && micro.is_of_directory());
        let kept = pending.filter(|micro| self.of(volume).all(|history| history.keeps(micro.seq)));
        durable.extend(kept.map(|micro| micro.seq));
        durable
    }

    /// Joins the histories between which no pending name change of the volume lies.
    pub(crate) fn settle(&mut self, journal: &Journal, volume: u32) {
        let mut joined: Vec<History> = Vec::new();
        for mut history in std::mem::take(&mut self.0) {
            history.forced.retain(|seq| journal.get(*seq).is_some());
            history.may.retain(|seq| journal.get(*seq).is_some());
            let same = |last: &&mut History| {
                last.volume == history.volume
                    && !journal.has_name_between(volume, last.committed, history.committed)
            };
            match joined.last_mut().filter(|last| history.volume == volume && same(last)) {
                Some(last) => last.join(history),
                None => joined.push(history),
            }
        }
        // A commit may follow the sync at once.
        if let Some(last) = joined.iter_mut().rfind(|history| history.volume == volume) {
            last.late = LogState { commit: journal.last(), logged: BTreeSet::new() };
        }
        self.0 = joined;
    }

    /// Forgets the histories of one volume, or of all of them, after a commit that a call asked for.
    pub(crate) fn commit(&mut self, volume: Option<u32>) {
        self.0.retain(|history| volume.is_some_and(|volume| volume != history.volume));
    }
}
