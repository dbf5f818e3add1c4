//! `restore`: makes a directory for an engine from a checkpoint.

mod salvage;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use lsm_checkpoint::{Checkpoint, CheckpointDir, Error, RestoredOwner};
use lsm_fs::{Fs, FsDirEntry, StdFs, parent_of};

use super::{
    transfer::{PolicyArg, depth, failed, refuse_existing, refuse_inside, show, show_plan},
    verify::require_sound,
};
use crate::{
    failure::Failure,
    location::{is_latest, resolve},
    owner::parse_owner,
    session::{Result, Session},
    text::parse_size,
};

// The names that a restore with `--into-empty` uses inside the target.
const STAGED: &str = ".checkpoint-staged";
const MARKER: &str = ".checkpoint-unpublished";

/// Restore a checkpoint into a new or empty directory, which an engine can then open.
///
/// Every byte is read and compared with its checksum, if the catalog has one. Modes and owners are kept if this process
/// may set them. The target appears only once it is complete. With --into-empty it is filled in place: if that is
/// interrupted, run it again.
#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// A checkpoint, or DIR@latest.
    checkpoint: PathBuf,
    /// The new directory: a new name in an existing directory. With --into-empty, the empty directory.
    target: PathBuf,
    /// Restore into an existing empty directory, such as a mount point. It may contain `lost+found`.
    #[arg(long)]
    into_empty: bool,
    /// Restore one tree of a checkpoint whose catalog is damaged or missing. Only its manifest is verified. Needs a
    /// path, not DIR@latest. If the checkpoint has several trees, name the folder of each.
    #[arg(long)]
    without_catalog: bool,
    /// The method of transfer. Use links only if the engine never writes to a finished file.
    #[arg(long, value_enum, default_value_t = PolicyArg::Independent)]
    policy: PolicyArg,
    /// The owner of the files: `keep` for the owner in the source, `none` for the user who runs this command, or
    /// USER:GROUP by name or number.
    #[arg(long, value_name = "OWNER", value_parser = parse_owner, default_value = "keep")]
    owner: RestoredOwner,
    /// Copy at most this many bytes per second, such as 200MiB.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    limit: Option<u64>,
    /// Verify the checkpoint, show the plan, and restore nothing.
    #[arg(long)]
    dry_run: bool,
}

impl RestoreArgs {
    pub(crate) fn run(&self, session: &Session) -> Result {
        let volume = if self.into_empty { &*self.target } else { parent_of(&self.target) };
        let path = self.path(session)?;
        if self.into_empty {
            refuse_full(&self.target)?;
        } else {
            refuse_existing(&self.target).map_err(with_way_in)?;
        }
        let checkpoint = self.open(session, &path, volume)?;
        if self.dry_run {
            let bytes = checkpoint.catalog().total_bytes();
            return show_plan(session, "restored", (&self.target, volume), bytes);
        }
        let meter = session.meter("restore");
        let tell = |progress: &_| meter.tell(progress);
        let mut options =
            Checkpoint::new().policy(self.policy.policy()).restored_owner(self.owner).progress(&tell);
        if let Some(limit) = self.limit {
            options = options.bytes_per_second(limit);
        }
        let info = if self.into_empty {
            options.restore_into(&checkpoint, &StdFs, &self.target)
        } else {
            options.restore(&checkpoint, &StdFs, &self.target)
        };
        let info = info.map_err(|error| failed(&self.target, error))?;
        drop(meter);
        show(session, "restored", &self.target, &info)
    }

    fn path(&self, session: &Session) -> Result<PathBuf> {
        if !self.without_catalog {
            return resolve(session, &self.checkpoint);
        }
        if is_latest(&self.checkpoint) {
            return Err(Failure::usage(
                "--without-catalog needs the path of a checkpoint, because @latest is found by the catalogs",
            ));
        }
        Ok(self.checkpoint.clone())
    }

    /// Opens the checkpoint and verifies it. Without a catalog, only its manifest can be verified.
    fn open(&self, session: &Session, path: &Path, volume: &Path) -> Result<CheckpointDir> {
        if self.without_catalog {
            return salvage::open(session, path, &self.target);
        }
        let _ = require_sound(session, path, depth(path, volume, self.policy))?;
        Ok(CheckpointDir::open(Arc::new(StdFs), path)?)
    }
}

/// Adds the hint about `--into-empty` to the refusal of an empty directory.
pub(crate) fn with_way_in(failure: Failure) -> Failure {
    if failure.hint.is_some() {
        return failure;
    }
    failure.hint("or restore into the empty directory or volume with `--into-empty`")
}

/// Refuses a target that is not an empty directory, before any long step begins. Debris of an earlier restore does not
/// count, unless that restore is still running. The library checks again when it fills the target.
pub(crate) fn refuse_full(target: &Path) -> Result<()> {
    refuse_inside(target)?;
    let entries = StdFs.read_dir(target)?;
    let has = |name: &str| entries.iter().any(|entry| entry.name == name);
    if has(STAGED) && StdFs.try_lock_directory(target).is_ok_and(|lock| lock.is_none()) {
        let (target, staged) = (target.to_path_buf(), target.join(STAGED));
        return Err(Error::InProgress { target, staged }.into());
    }
    // Once the marker exists, files of the earlier restore have moved out of the staged directory.
    let is_expected = |entry: &FsDirEntry| {
        has(MARKER) || entry.name == STAGED || entry.name == "lost+found" && entry.file_type.is_dir()
    };
    match entries.iter().find(|entry| !is_expected(entry)) {
        Some(entry) => {
            Err(Error::NotEmpty { target: target.to_path_buf(), entry: PathBuf::from(&entry.name) }.into())
        }
        None => Ok(()),
    }
}
