//! `remove`: checkpoints that go, in one step each.

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

/// Remove checkpoints.
///
/// Files that other checkpoints or the database share live on there. A checkpoint that holds anything beside the
/// files of its catalog is refused.
#[derive(Args, Debug)]
pub(crate) struct RemoveArgs {
    /// Checkpoints, or DIR@latest.
    #[arg(required = true)]
    checkpoints: Vec<PathBuf>,
    /// Remove a checkpoint also if its catalog is damaged or it holds other entries. Such entries stay.
    #[arg(long)]
    force: bool,
    /// Name the checkpoints, and remove nothing.
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

    /// Finds the refusals of a removal without one.
    fn would_remove(&self, session: &Session, path: &Path) -> Result {
        if self.force {
            if !is_checkpoint(&StdFs, path)? {
                return Err(Error::NotACheckpoint { dir: path.to_path_buf() }.into());
            }
        } else {
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

/// Removes a checkpoint and says so.
pub(crate) fn remove(session: &Session, path: &Path, force: bool) -> Result {
    let report = Removal::new().force(force).run(&StdFs, path)?;
    session.out.line(format!("{}: removed", text::path(path)));
    for left in &report.left {
        session.out.line(format!("  left: {}, which its catalog does not name", text::path(left)));
    }
    let left: Vec<_> = report.left.iter().map(|left| of_path(left.as_os_str())).collect();
    session.out.record(&Record::new("removed").path("checkpoint", path).with("left", left));
    Ok(Exit::Done)
}
