//! Several checkpoints in one call.

use std::path::PathBuf;

use crate::{
    exit::Exit,
    session::{Result, Session},
};

/// Runs an action on each path. A failure is shown and does not stop the others, unless it is a signal. The heaviest
/// exit code counts.
pub(crate) fn each(
    session: &Session,
    paths: &[PathBuf],
    mut act: impl FnMut(&PathBuf) -> Result<Exit>,
) -> Result<Exit> {
    let mut exit = Exit::Done;
    for path in paths {
        session.signals.check()?;
        let result = act(path).or_else(|failure| {
            if failure.exit == Exit::Cancelled {
                return Err(failure);
            }
            session.out.failure(&failure, None);
            Ok(failure.exit)
        });
        exit = exit.max(result?);
    }
    Ok(exit)
}
