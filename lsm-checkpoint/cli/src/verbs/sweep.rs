//! `sweep`: removes the debris of dead processes.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use clap::Args;
use lsm_checkpoint::{CheckpointState, sweep};
use lsm_fs::{Fs, StdFs, SyncMode};

use crate::{
    around::{has_checkpoints, look_around},
    exit::Exit,
    failure::Failure,
    record::Record,
    session::{Result, Session},
    text,
};

/// Remove the debris of processes that died while they made, restored or removed a checkpoint.
///
/// Published checkpoints, and checkpoints that a living process works on, are never touched.
#[derive(Args, Debug)]
pub(crate) struct SweepArgs {
    /// The directory that holds the checkpoints.
    dir: PathBuf,
    /// Show the debris, and remove nothing.
    #[arg(long)]
    dry_run: bool,
}

impl SweepArgs {
    pub(crate) fn run(&self, session: &Session) -> Result {
        if self.dry_run { self.would_sweep(session) } else { self.sweep(session) }
    }

    /// Prints that there is no debris. If the directory has no checkpoints, the user may have meant another one, so
    /// also names checkpoints near it.
    fn nothing(&self, session: &Session) -> Result {
        session.out.line(format!("{}: nothing to clear", text::path(&self.dir)));
        if !has_checkpoints(&self.dir) {
            look_around(session, &self.dir)?;
        }
        Ok(Exit::Done)
    }

    fn sweep(&self, session: &Session) -> Result {
        let report = sweep(&StdFs, &self.dir, SyncMode::Normal)?;
        let found = [&report.cleared, &report.leftovers, &report.unfinished, &report.in_progress];
        if report.failed.is_empty() && found.iter().all(|targets| targets.is_empty()) {
            return self.nothing(session);
        }
        for target in &report.cleared {
            tell(session, target, "cleared", "cleared");
        }
        for staged in &report.leftovers {
            tell(session, staged, "leftover", "removed; its target stays");
        }
        for target in &report.unfinished {
            let finish = format!("lsm-checkpoint remove {}", text::word(target));
            tell(session, target, "unfinished", &format!("half removed; `{finish}` finishes it"));
        }
        for target in &report.in_progress {
            tell(session, target, "in_progress", "in progress: another process is at work on it");
        }
        let mut exit = if report.unfinished.is_empty() { Exit::Done } else { Exit::Unsound };
        for (target, error) in report.failed {
            let failure = Failure::from(error);
            tell(session, &target, "failed", &format!("left in place: {}", failure.message));
            session.out.failure(&failure, None);
            exit = exit.max(failure.exit);
        }
        Ok(exit.max(if report.in_progress.is_empty() { Exit::Done } else { Exit::Busy }))
    }

    fn would_sweep(&self, session: &Session) -> Result {
        let mut staged = session.list(&self.dir)?;
        staged.retain(|one| matches!(one.state, CheckpointState::Staged));
        if staged.is_empty() {
            return self.nothing(session);
        }
        let mut exit = Exit::Done;
        for staged in staged {
            let path = self.dir.join(&staged.name);
            // A living owner holds the lock. A free lock is released at once.
            if StdFs.try_lock_directory(&path)?.is_some() {
                let stays = target_of(&path).is_some_and(|target| is_filled(&target));
                let then = if stays {
                    "would be removed; its target stays (dry run)"
                } else {
                    "would be cleared (dry run)"
                };
                tell(session, &path, "would_clear", then);
            } else {
                tell(session, &path, "in_progress", "in progress: another process is at work on it");
                exit = Exit::Busy;
            }
        }
        Ok(exit)
    }
}

/// Returns the target of a staged directory, or `None` if the name was shortened and does not contain it.
fn target_of(staged: &Path) -> Option<PathBuf> {
    let name = staged.file_name()?.to_str()?.strip_prefix('.')?.strip_suffix(".checkpoint-staged")?;
    Some(staged.with_file_name(name))
}

/// Returns `true` if the name is taken by anything but an empty directory. A sweep leaves that alone.
fn is_filled(target: &Path) -> bool {
    match StdFs.read_dir(target) {
        Ok(entries) => !entries.is_empty(),
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

fn tell(session: &Session, target: &Path, state: &str, text: &str) {
    session.out.line(format!("{}: {text}", text::path(target)));
    session.out.record(&Record::new("swept").path("target", target).with("state", state));
}
