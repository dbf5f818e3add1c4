//! Every call that can meet a hostile directory, and the check after it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{
    Checkpoint, CheckpointDir, CheckpointState, Error, Policy, Removal, VerifyOptions, list, sweep, verify,
};
use lsm_fs::{FileId, SyncMode};

use super::{
    hooked::{Hooked, Observer},
    place::Place,
    seen::Seen,
    world::World,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    List,
    VerifyQuick,
    VerifyFull,
    RestoreCopies,
    RestoreLinks,
    /// A checkpoint that links from the hostile one.
    Base,
    /// A checkpoint of the hostile one's name.
    Create,
    Remove,
    RemoveByForce,
    Sweep,
}

impl Verb {
    pub(crate) const ALL: [Self; 10] = [
        Self::List,
        Self::VerifyQuick,
        Self::VerifyFull,
        Self::RestoreCopies,
        Self::RestoreLinks,
        Self::Base,
        Self::Create,
        Self::Remove,
        Self::RemoveByForce,
        Self::Sweep,
    ];

    /// Whether it may change the directory of backups.
    pub(crate) const fn changes_backups(self) -> bool {
        matches!(self, Self::Create | Self::Remove | Self::RemoveByForce | Self::Sweep)
    }

    /// Makes the call. `Ok`: the result of it that matters here, if there is one.
    fn call<P: Place>(self, world: &World<P>, fs: &Hooked<P>) -> Result<String, Error> {
        let (target, made) = (world.target(), world.made());
        let done = |_| "done".to_owned();
        match self {
            Self::List => list(fs, &world.backups()).map(|listed| {
                let is_complete = |state: &CheckpointState| matches!(state, CheckpointState::Complete);
                let complete = listed.iter().filter(|found| is_complete(&found.state)).count();
                format!("{complete} complete")
            }),
            Self::VerifyQuick => {
                verify(fs, &target, &VerifyOptions::quick()).map(|report| report.to_string())
            }
            Self::VerifyFull => verify(fs, &target, &VerifyOptions::full()).map(|report| report.to_string()),
            Self::RestoreCopies => restore(fs, &target, &made, Policy::Independent).map(done),
            Self::RestoreLinks => restore(fs, &target, &made, Policy::LinkOnly).map(done),
            Self::Base => {
                let checkpoint = Checkpoint::new().policy(Policy::Independent).base(&target);
                checkpoint.create(&world.db(), fs, &made).map(|_| "made".to_owned())
            }
            Self::Create => {
                let checkpoint = Checkpoint::new().policy(Policy::Independent);
                checkpoint.create(&world.db(), fs, &target).map(|_| "made".to_owned())
            }
            Self::Remove => Removal::new().run(fs, &target).map(|report| format!("{report:?}")),
            Self::RemoveByForce => {
                Removal::new().force(true).run(fs, &target).map(|report| format!("{report:?}"))
            }
            Self::Sweep => sweep(fs, &world.backups(), SyncMode::Normal).map(|report| format!("{report:?}")),
        }
    }
}

fn restore<P: Place>(
    fs: &Hooked<P>,
    target: &Path,
    made: &Path,
    policy: Policy,
) -> Result<lsm_checkpoint::CheckpointInfo, Error> {
    let checkpoint = CheckpointDir::open(Arc::new(fs.clone()), target)?;
    Checkpoint::new().policy(policy).restore(&checkpoint, fs, made)
}

/// What lies outside before a call, and which of it the hostile directory has a right to.
pub(crate) struct Before {
    outside: Seen,
    ids: BTreeSet<FileId>,
    bytes: BTreeSet<Vec<u8>>,
    /// Inodes that the hostile directory has names of.
    lent: BTreeSet<FileId>,
    /// The operator's own path leads outside by a link or a mount: that may be read, and its files linked.
    leads_outside: bool,
}

impl Before {
    /// Looks at a world that is ready. `hard_linked`: a file outside that the hostile directory has a name of.
    pub(crate) fn of<P: Place>(world: &World<P>, hard_linked: &[PathBuf], leads_outside: bool) -> Self {
        let there = hard_linked.iter().map(|path| world.fs.symlink_metadata(path).unwrap());
        let lent: BTreeSet<FileId> = there.filter_map(|there| there.file_id).collect();
        let ids = world.outside_ids().difference(&lent).copied().collect();
        let bytes = if lent.is_empty() { world.outside_bytes() } else { BTreeSet::new() };
        Self { outside: world.see_outside(), ids, bytes, lent, leads_outside }
    }

    /// The observer of a call that acts before each call of the seam.
    pub(crate) fn observer(&self, act: impl Fn(usize) + Send + Sync + 'static) -> Arc<Observer> {
        Observer::new(self.ids.clone(), act)
    }

    /// Makes a call and looks for harm. `Ok`: the result of the call.
    pub(crate) fn call<P: Place>(
        &self,
        world: &World<P>,
        fs: &Hooked<P>,
        observer: &Observer,
        verb: Verb,
    ) -> Result<Result<String, Error>, String> {
        let leads_outside = self.leads_outside && !verb.changes_backups();
        let result = verb.call(world, fs);
        let harm = |harm| format!("{harm} ({result:?})");
        self.outside.compare(&world.see_outside(), (!leads_outside).then_some(&self.lent)).map_err(harm)?;
        if let Some(path) = observer.reached().filter(|_| !leads_outside) {
            return Err(harm(format!("{path} was followed to a file outside")));
        }
        if result.is_ok() && !leads_outside {
            let mut made = Seen::default();
            made.add(&world.fs, &world.made(), Path::new(""));
            if verb == Verb::Create {
                made.add(&world.fs, &world.target(), Path::new(""));
            }
            made.holds_none(&self.ids, &self.bytes).map_err(harm)?;
        }
        Ok(result)
    }
}
