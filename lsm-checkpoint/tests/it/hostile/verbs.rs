//! Every call that can encounter a hostile directory, and the check after it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{
    Checkpoint, CheckpointDir, CheckpointState, Error, Policy, Removal, VerifyOptions, list, sweep, verify,
};
use lsm_fs::{FileId, Fs, FsExt, SyncMode};
use lsm_manifest::ReadOptions;

use super::{
    hooked::{Hooked, Observer},
    place::Place,
    seen::Seen,
    world::World,
};
use crate::salvage::files_of_version;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    List,
    VerifyQuick,
    VerifyFull,
    RestoreCopies,
    RestoreLinks,
    /// Restores copies without the catalog.
    Salvage,
    /// Restores links without the catalog, of the files that an adapter lists.
    SalvageListed,
    /// Creates a checkpoint with the hostile one as its base.
    Base,
    /// Creates a checkpoint with the name of the hostile one.
    Create,
    Remove,
    RemoveByForce,
    Sweep,
}

impl Verb {
    pub(crate) const ALL: [Self; 12] = [
        Self::List,
        Self::VerifyQuick,
        Self::VerifyFull,
        Self::RestoreCopies,
        Self::RestoreLinks,
        Self::Salvage,
        Self::SalvageListed,
        Self::Base,
        Self::Create,
        Self::Remove,
        Self::RemoveByForce,
        Self::Sweep,
    ];

    /// Returns `true` if the call may change the directory of backups.
    pub(crate) const fn changes_backups(self) -> bool {
        matches!(self, Self::Create | Self::Remove | Self::RemoveByForce | Self::Sweep)
    }

    /// Makes the call. Returns the relevant part of its result.
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
            Self::Salvage => {
                let (checkpoint, _) = CheckpointDir::salvage(Arc::new(fs.clone()), &target)?;
                Checkpoint::new().policy(Policy::Independent).restore(&checkpoint, fs, &made).map(done)
            }
            Self::SalvageListed => {
                let shared: Arc<dyn Fs> = Arc::new(fs.clone());
                let list = files_of_version(&shared, &target);
                let (checkpoint, _) =
                    CheckpointDir::salvage_listed(shared, &target, &ReadOptions::new(), |_| Ok(list))?;
                Checkpoint::new().policy(Policy::LinkOnly).restore(&checkpoint, fs, &made).map(done)
            }
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

/// The files outside before a call, and the inodes that the hostile directory legitimately shares.
pub(crate) struct Before {
    outside: Seen,
    ids: BTreeSet<FileId>,
    bytes: BTreeSet<Vec<u8>>,
    /// Inodes that have a name in the hostile directory.
    lent: BTreeSet<FileId>,
    /// `true` if the operator's own path leads outside through a link or a mount. Reading and linking these files is
    /// allowed then.
    leads_outside: bool,
}

impl Before {
    /// Records a prepared world. `hard_linked` lists the files outside that have a name in the hostile directory.
    pub(crate) fn of<P: Place>(world: &World<P>, hard_linked: &[PathBuf], leads_outside: bool) -> Self {
        let there = hard_linked.iter().map(|path| world.fs.symlink_metadata(path).unwrap());
        let lent: BTreeSet<FileId> = there.filter_map(|there| there.file_id).collect();
        let ids = world.outside_ids().difference(&lent).copied().collect();
        let mut bytes = world.outside_bytes();
        for path in hard_linked {
            bytes.remove(&world.fs.read_to_vec(path, 1 << 20).unwrap());
        }
        Self { outside: world.see_outside(), ids, bytes, lent, leads_outside }
    }

    /// Creates an observer that acts before each filesystem call.
    pub(crate) fn observer(&self, act: impl Fn(usize) + Send + Sync + 'static) -> Arc<Observer> {
        Observer::new(self.ids.clone(), act)
    }

    /// Makes a call and checks for harm. Returns the result of the call.
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
