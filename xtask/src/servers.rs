//! `cargo xtask servers`: the long tests of `lsm-checkpoint-store` on real servers.
//!
//! The servers that are programs of their own are installed below `target/servers`, once.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::{cmd, workspace::Workspace};

const PACKAGE: &str = "lsm-checkpoint/store/servers/Cargo.toml";
const MOTO: &str = "moto[server]==5.2.*";
const AZURITE: &str = "azurite@3.35.0";

/// The number of states that each search of the proof may visit.
const STATES: &str = "1000000";

/// Runs the searches at their full size, then the servers and the herd. Returns `false` if one failed.
pub(crate) fn run(workspace: &Workspace, minutes: u64) -> anyhow::Result<bool> {
    let root = &workspace.root;
    let dir = root.join("target/servers");
    let (moto, azurite) = (moto(&dir)?, azurite(&dir)?);
    let mut searches = cmd::cargo(root);
    searches.args([
        "test",
        "-p",
        "lsm-checkpoint-store",
        "--all-features",
        "--release",
        "--test",
        "it",
        "proof",
    ]);
    searches.args(["--", "--nocapture", "--test-threads", "1"]).env("LSM_STORE_STATES", STATES);
    let proved = cmd::run(&mut searches)?.success;
    let build = ["--manifest-path", PACKAGE, "--target-dir", "target"];
    if !cmd::run(cmd::cargo(root).arg("build").args(build))?.success {
        return Ok(false);
    }
    let programs = root.join("target/debug");
    let mut chore = cmd::tool(programs.join("chore"));
    chore.current_dir(root).arg(programs.join("worker")).arg(minutes.to_string());
    chore.arg("--moto").arg(moto).arg("--azurite").arg(azurite);
    Ok(cmd::run(&mut chore)?.success && proved)
}

/// Installs moto into an environment of its own.
fn moto(dir: &Path) -> anyhow::Result<PathBuf> {
    let program = dir.join("python/bin/moto_server");
    if !program.exists() {
        let venv = dir.join("python");
        let make = ["-m", "venv", text(&venv)?];
        cmd::capture(cmd::tool("python3").args(make)).context("moto needs python3 with venv")?;
        cmd::capture(cmd::tool(venv.join("bin/pip")).args(["install", "--quiet", MOTO]))?;
    }
    Ok(program)
}

/// Installs Azurite into a folder of its own.
fn azurite(dir: &Path) -> anyhow::Result<PathBuf> {
    let program = dir.join("node/node_modules/.bin/azurite-blob");
    if !program.exists() {
        let prefix = dir.join("node");
        let install = ["install", "--silent", "--no-fund", "--no-audit", "--prefix", text(&prefix)?, AZURITE];
        cmd::capture(cmd::tool("npm").args(install)).context("azurite needs npm")?;
    }
    Ok(program)
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("the path of the workspace is not UTF-8")
}
