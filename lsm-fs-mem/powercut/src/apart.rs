//! Runs this program again in a mount namespace of its own.
//!
//! Other programs look at each mount that they see, as `mkfs.xfs` and `df` do. An unmount at this moment is refused. A
//! program that makes a mount namespace of its own, such as `cargo xtask realfs`, copies the mounts that it sees. A
//! copied file system stays in use after its unmount here, and the next mount of its device shows it again, with the
//! old content. No other program sees the mounts in this namespace.

use std::{os::unix::process::CommandExt, process::Command};

/// The argument of the program inside.
pub(crate) const APART: &str = "--apart";

/// Replaces this process. Returns only if that fails.
pub(crate) fn start(args: &[String]) -> anyhow::Error {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return error.into(),
    };
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--"]).arg(program).arg(APART).args(args);
    anyhow::Error::new(command.exec()).context("cannot start unshare")
}
