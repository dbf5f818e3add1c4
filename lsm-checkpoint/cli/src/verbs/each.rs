//! One action on several checkpoints.

use std::path::PathBuf;

use crate::{
    exit::Exit,
    session::{Result, Session},
};

/// Runs an action on each path, and returns the heaviest result. A failure is shown and does not stop the loop. A
/// signal does.
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
