//! `copy`: copies a checkpoint.

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use lsm_checkpoint::{Checkpoint, CheckpointDir, Clock, SystemClock};
use lsm_fs::{StdFs, parent_of};

use super::{
    transfer::{PolicyArg, depth, failed, refuse_existing, show, show_plan},
    verify::require_sound,
};
use crate::{
    location::resolve,
    session::{Result, Session},
    text::parse_size,
};

/// Copy a checkpoint, for instance to another disk. The copy is a checkpoint of the same source.
///
/// The copy keeps the time and the identity of the original. A file that comes from the checkpoint is read and compared
/// with its checksum, if the catalog has one. With --base, a file that the base has is linked from it, and the base is
/// not read: run `verify` on the copy. The target appears only once it is complete.
#[derive(Args, Debug)]
pub(crate) struct CopyArgs {
    /// A checkpoint, or DIR@latest.
    checkpoint: PathBuf,
    /// The new checkpoint: a new name in an existing directory.
    target: PathBuf,
    /// Hard-link files that this earlier copy already has, without reading them: a checkpoint, or DIR@latest.
    #[arg(long, value_name = "CHECKPOINT")]
    base: Option<PathBuf>,
    /// The method of transfer.
    #[arg(long, value_enum, default_value_t = PolicyArg::Independent)]
    policy: PolicyArg,
    /// Copy at most this many bytes per second, such as 200MiB.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    limit: Option<u64>,
    /// The identity of the source, for a checkpoint of format 1 that has none.
    #[arg(long)]
    identity: Option<String>,
    /// Verify the checkpoint, show the plan, and copy nothing.
    #[arg(long)]
    dry_run: bool,
}

/// The host's clock, except that the copy gets the time of the original. So `check` and `prune` treat both alike.
#[derive(Debug)]
struct ClockOfOriginal {
    host: SystemClock,
    created: Duration,
}

impl Clock for ClockOfOriginal {
    fn now(&self) -> Duration {
        self.host.now()
    }

    fn wait(&self, time: Duration) {
        self.host.wait(time);
    }

    fn unix_time(&self) -> Duration {
        self.created
    }
}

impl CopyArgs {
    pub(crate) fn run(&self, session: &Session) -> Result {
        let path = resolve(session, &self.checkpoint)?;
        let base = self.base.as_ref().map(|base| resolve(session, base)).transpose()?;
        refuse_existing(&self.target)?;
        let report = require_sound(session, &path, depth(&path, parent_of(&self.target), self.policy))?;
        if self.dry_run {
            let places = (&*self.target, parent_of(&self.target));
            return show_plan(session, "copied", places, report.catalog.total_bytes());
        }
        let mut source = CheckpointDir::open(Arc::new(StdFs), &path)?;
        if let Some(identity) = self.identity.as_ref().filter(|_| source.catalog().identity.is_empty()) {
            source = source.with_identity(identity);
        }
        let meter = session.meter("copy");
        let tell = |progress: &_| meter.tell(progress);
        let clock = ClockOfOriginal { host: SystemClock::default(), created: source.catalog().created };
        let mut options = Checkpoint::new().policy(self.policy.policy()).progress(&tell).clock(&clock);
        if let Some(base) = &base {
            options = options.base(base);
        }
        if let Some(limit) = self.limit {
            options = options.bytes_per_second(limit);
        }
        let info = options.create(&source, &StdFs, &self.target);
        let info = info.map_err(|error| failed(&self.target, error))?;
        drop(meter);
        show(session, "copied", &self.target, &info)
    }
}
