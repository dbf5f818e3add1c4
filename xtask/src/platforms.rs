//! `cargo xtask platforms`: builds and runs the checks for other platforms, the nested package `xtask/platforms`.

use crate::cmd;
use crate::workspace::Workspace;

const MANIFEST: &str = "xtask/platforms/Cargo.toml";

/// Runs the checks. Returns `false` if one of them has failed.
pub(crate) fn run(workspace: &Workspace, write: bool, words: &[String]) -> anyhow::Result<bool> {
    let mut command = cmd::cargo(&workspace.root);
    command.args(["run", "--quiet", "--manifest-path", MANIFEST, "--target-dir", "target", "--"]);
    command.args(write.then_some("--write")).args(words);
    command.env("PATH", cmd::search_path());
    Ok(cmd::run(&mut command)?.success)
}
