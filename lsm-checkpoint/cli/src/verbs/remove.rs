//! `remove`: removes checkpoints.

use std::path::{Path, PathBuf};

use clap::Args;
use lsm_checkpoint::{Catalog, Defect, Error, Removal, is_checkpoint};
use lsm_fs::StdFs;

use super::each::each;
use crate::{
    exit::Exit,
    groups::quick,
    location::resolve,
    record::{Record, of_path},
    session::{Result, Session},
    text,
};

/// Remove checkpoints, each in one step.
///
/// Files shared with other checkpoints or with the database stay there. A checkpoint is refused if it holds an entry
/// that its catalog does not list, other than a harmless one such as `LOCK`. An entry of the filesystem, such as
/// `lost+found`, stays.
#[derive(Args, Debug)]
pub(crate) struct RemoveArgs {
    /// Checkpoints, or DIR@latest.
    #[arg(required = true)]
    checkpoints: Vec<PathBuf>,
    /// Also remove a checkpoint that has a damaged catalog or other entries. Entries with unknown names stay.
    #[arg(long)]
    force: bool,
    /// Show the checkpoints, and remove nothing.
    #[arg(long)]
    dry_run: bool,
}

impl RemoveArgs {
    pub(crate) fn run(&self, session: &Session) -> Result {
        each(session, &self.checkpoints, |given| {
            let path = resolve(session, given)?;
            if self.dry_run { self.would_remove(session, &path) } else { remove(session, &path, self.force) }
        })
    }

    /// Checks if a removal would be refused, and removes nothing.
    fn would_remove(&self, session: &Session, path: &Path) -> Result {
        // A removal does not follow a link, but a verification does.
        if path.is_symlink() || self.force && !is_checkpoint(&StdFs, path)? {
            return Err(Error::NotACheckpoint { dir: path.to_path_buf() }.into());
        }
        if !self.force {
            let report = quick(session, path)?;
            let is_stranger = |defect: &Defect| matches!(defect, Defect::Unexpected);
            if let Some(stranger) = report.problems.iter().find(|problem| is_stranger(&problem.what)) {
                return Err(
                    Error::Stranger { target: path.to_path_buf(), path: stranger.path.clone() }.into()
                );
            }
        }
        let bytes = Catalog::read(&StdFs, path).map(|catalog| catalog.total_bytes()).ok();
        let size = bytes.map_or_else(String::new, |bytes| format!(", {}", session.size(bytes)));
        session.out.line(format!("{}: would be removed{size} (dry run)", text::path(path)));
        session.out.record(
            &Record::new("plan").with("action", "removed").path("target", path).number("bytes", bytes),
        );
        Ok(Exit::Done)
    }
}

/// Removes a checkpoint and prints the result.
pub(crate) fn remove(session: &Session, path: &Path, force: bool) -> Result {
    let report = Removal::new().force(force).run(&StdFs, path)?;
    session.out.line(format!("{}: removed", text::path(path)));
    for left in &report.left {
        session.out.line(format!("  left in place: {}, which no catalog lists", text::path(left)));
    }
    let left: Vec<_> = report.left.iter().map(|left| of_path(left.as_os_str())).collect();
    session.out.record(&Record::new("removed").path("checkpoint", path).with("left", left));
    // The user must see that this checkpoint is gone, whatever happens to the next one.
    session.out.flush();
    Ok(Exit::Done)
}
