//! `restore`: a directory to live in, from a checkpoint.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use lsm_checkpoint::{Checkpoint, CheckpointDir, Error, SalvageReport};
use lsm_fs::{Fs, FsDirEntry, StdFs, parent_of};

use super::{
    transfer::{PolicyArg, depth, refuse_existing, show, show_plan},
    verify::require_sound,
};
use crate::{
    location::resolve,
    session::{Result, Session},
    text::{self, parse_size},
};

/// Restore a checkpoint into a new directory, in which an engine can live.
///
/// The target is absent or complete, whatever happens. Every byte is verified: copies on their way, and clones and
/// links before. Modes and owners are kept as far as this process may set them.
#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// A checkpoint, or DIR@latest.
    checkpoint: PathBuf,
    /// A directory that does not exist, in one that does.
    target: PathBuf,
    /// Restore into a directory that exists and is empty, such as a mount point. `lost+found` may be there.
    #[arg(long)]
    into_empty: bool,
    /// Restore a checkpoint whose catalog is damaged or gone. Only its manifest can be verified.
    #[arg(long)]
    without_catalog: bool,
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
        let path =
            if self.without_catalog { self.checkpoint.clone() } else { resolve(session, &self.checkpoint)? };
        if self.into_empty {
            refuse_full(&self.target)?;
        } else {
            refuse_existing(&self.target)?;
        }
        let checkpoint = self.open(session, &path)?;
        if self.dry_run {
            return show_plan(session, "restored", &self.target, checkpoint.catalog().total_bytes());
        }
        let meter = session.meter("restore");
        let tell = |progress: &_| meter.tell(progress);
        let mut options = Checkpoint::new().policy(self.policy.policy()).progress(&tell);
        if let Some(limit) = self.limit {
            options = options.bytes_per_second(limit);
        }
        let info = if self.into_empty {
            options.restore_into(&checkpoint, &StdFs, &self.target)?
        } else {
            options.restore(&checkpoint, &StdFs, &self.target)?
        };
        drop(meter);
        show(session, "restored", &self.target, &info)
    }

    /// Opens the checkpoint, verified as far as its catalog allows.
    fn open(&self, session: &Session, path: &Path) -> Result<CheckpointDir> {
        if self.without_catalog {
            let (checkpoint, report) = CheckpointDir::salvage(Arc::new(StdFs), path)?;
            show_salvage(session, path, &report);
            return Ok(checkpoint);
        }
        let parent = if self.into_empty { &*self.target } else { parent_of(&self.target) };
        let _ = require_sound(session, path, depth(path, parent, self.policy))?;
        Ok(CheckpointDir::open(Arc::new(StdFs), path)?)
    }
}

/// Refuses a target that is no empty directory, before anything long begins. The library looks again when it fills it.
fn refuse_full(target: &Path) -> Result<()> {
    let entries = StdFs.read_dir(target)?;
    let is_lost_and_found = |entry: &FsDirEntry| entry.name == "lost+found" && entry.file_type.is_dir();
    let is_own =
        |entry: &FsDirEntry| entry.name == ".checkpoint-staged" || entry.name == ".checkpoint-unpublished";
    let is_debris = entries.iter().any(is_own);
    match entries.into_iter().find(|entry| !is_debris && !is_lost_and_found(entry)) {
        Some(entry) => {
            Err(Error::NotEmpty { target: target.to_path_buf(), entry: PathBuf::from(entry.name) }.into())
        }
        None => Ok(()),
    }
}

fn show_salvage(session: &Session, path: &Path, report: &SalvageReport) {
    session.out.note(format!(
        "{}: version {}, by CURRENT; {} could not be verified without the catalog: let the engine check them",
        text::path(path),
        report.version_id,
        text::count(report.unchecked_files, "file"),
    ));
    for section in &report.healed {
        session
            .out
            .note(format!("{}: section {section} of the manifest is damaged: repair it", text::path(path)));
    }
    for entry in &report.left_out {
        session.out.note(format!("{}: left out", text::path(&path.join(entry))));
    }
    if report.unlisted > 0 {
        session.out.note(format!("{} more entries are left out", report.unlisted));
    }
}
