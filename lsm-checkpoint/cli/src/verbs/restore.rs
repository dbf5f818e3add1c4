//! `restore`: a directory to live in, from a checkpoint.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use lsm_checkpoint::{Checkpoint, CheckpointDir};
use lsm_fs::StdFs;

use super::{
    transfer::{PolicyArg, depth, refuse_existing, show, show_plan},
    verify::require_sound,
};
use crate::{
    location::resolve,
    session::{Result, Session},
    text::parse_size,
};

/// Restore a checkpoint into a new directory, in which an engine can live.
///
/// The target is absent or complete, whatever happens. Every byte is verified: copies on their way, and clones and
/// links before.
#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// A checkpoint, or DIR@latest.
    checkpoint: PathBuf,
    /// A directory that does not exist, in one that does.
    target: PathBuf,
    /// The way in which files come there. With links, the engine must never write to a finished file.
    #[arg(long, value_enum, default_value_t = PolicyArg::Independent)]
    policy: PolicyArg,
    /// Copy at most so many bytes a second, such as 200MiB.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    limit: Option<u64>,
    /// Verify the checkpoint, and restore nothing.
    #[arg(long)]
    dry_run: bool,
}

impl RestoreArgs {
    pub(crate) fn run(&self, session: &Session) -> Result {
        let path = resolve(session, &self.checkpoint)?;
        refuse_existing(&self.target)?;
        let report = require_sound(session, &path, depth(&path, &self.target, self.policy))?;
        if self.dry_run {
            return show_plan(session, "restored", &self.target, report.catalog.total_bytes());
        }
        let checkpoint = CheckpointDir::open(Arc::new(StdFs), &path)?;
        let meter = session.meter("restore");
        let tell = |progress: &_| meter.tell(progress);
        let mut options = Checkpoint::new().policy(self.policy.policy()).progress(&tell);
        if let Some(limit) = self.limit {
            options = options.bytes_per_second(limit);
        }
        let info = options.restore(&checkpoint, &StdFs, &self.target)?;
        drop(meter);
        show(session, "restored", &self.target, &info)
    }
}
