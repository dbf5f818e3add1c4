//! `cargo xtask powercut`: builds and runs the power-cut test, the package `lsm-fs-mem/powercut`.
//!
//! The test cleans up after itself, even if it is killed: a second process waits for its end.

use anyhow::bail;

use crate::cmd;

use crate::install;
use crate::workspace::Workspace;

const PACKAGE: &str = "lsm-fs-mem-powercut";

/// Runs the test. Returns `false` if it has found a fault of the model, of the protocol or of a filesystem.
pub(crate) fn run(workspace: &Workspace, full: bool, args: &[String]) -> anyhow::Result<bool> {
    if !cfg!(target_os = "linux") {
        bail!("cutting the power below a filesystem needs Linux");
    }
    if !install::is_root() {
        bail!("mounting needs root: sudo -E env PATH=\"$PATH\" cargo xtask powercut");
    }
    install::ensure(install::FILESYSTEM_TOOLS)?;
    let mut command = cmd::cargo(&workspace.root);
    command.args(["run", "--release", "-p", PACKAGE, "--target-dir", "target", "--"]);
    command.args(full.then_some("--full")).args(args);
    command.env("PATH", cmd::search_path());
    Ok(cmd::run(&mut command)?.success)
}
