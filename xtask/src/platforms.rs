//! `cargo xtask platforms`: builds and runs the checks for other platforms, the package `xtask/platforms`.

use crate::cmd;
use crate::workspace::Workspace;

const PACKAGE: &str = "platforms";

/// Runs the checks. Returns `false` if one of them has failed.
pub(crate) fn run(workspace: &Workspace, write: bool, words: &[String]) -> anyhow::Result<bool> {
    let mut command = cmd::cargo(&workspace.root);
    command.args(["run", "--quiet", "-p", PACKAGE, "--target-dir", "target", "--"]);
    command.args(write.then_some("--write")).args(words);
    command.env("PATH", cmd::search_path());
    Ok(cmd::run(&mut command)?.success)
}
