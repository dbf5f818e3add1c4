//! `cargo xtask servers`: the long tests of `lsm-checkpoint-store` on real servers.
//!
//! The servers that are programs of their own are installed below `target/servers`, once.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::{cmd, workspace::Workspace};

const PACKAGE: &str = "lsm-checkpoint-servers";
const MOTO: &str = "moto[server]==5.2.*";
const AZURITE: &str = "azurite@3.35.0";

/// The number of states that each search of the proof may visit.
const STATES: &str = "1000000";

/// The part that runs the searches of the proof. The program `chore` of `lsm-checkpoint/store/servers` runs all others.
const PROOF: &str = "proof";
const PARTS: &[&str] = &[PROOF, "tours", "faults", "engines", "command", "herd", "resume"];

/// Runs the parts that are named, or all. Returns `false` if one failed.
pub(crate) fn run(workspace: &Workspace, minutes: u64, only: &[String]) -> anyhow::Result<bool> {
    if let Some(unknown) = only.iter().find(|part| !PARTS.contains(&part.as_str())) {
        bail!("no part is named `{unknown}`; the parts are {}", PARTS.join(", "));
    }
    let wants = |part: &str| only.is_empty() || only.iter().any(|only| only == part);
    let root = &workspace.root;
    let proved = !wants(PROOF) || prove(root)?;
    if !PARTS.iter().any(|part| *part != PROOF && wants(part)) {
        return Ok(proved);
    }
    let dir = root.join("target/servers");
    let (moto, azurite) = (moto(&dir)?, azurite(&dir)?);
    let build = ["build", "--target-dir", "target", "--bins", "-p", PACKAGE, "-p", "lsm-checkpoint-cli"];
    if !cmd::run(cmd::cargo(root).args(build))?.success {
        return Ok(false);
    }
    let programs = root.join("target/debug");
    let mut chore = cmd::tool(programs.join("chore"));
    chore.current_dir(root).arg(programs.join("worker")).arg(minutes.to_string());
    chore.arg("--command").arg(programs.join("lsm-checkpoint"));
    chore.arg("--moto").arg(moto).arg("--azurite").arg(azurite);
    for part in only.iter().filter(|part| *part != PROOF) {
        chore.args(["--only", part]);
    }
    Ok(cmd::run(&mut chore)?.success && proved)
}

/// Runs the searches at their full size.
fn prove(root: &Path) -> anyhow::Result<bool> {
    let args = "test -p lsm-checkpoint-store --all-features --release --test it proof -- --nocapture --test-threads 1";
    let mut searches = cmd::cargo(root);
    searches.args(args.split(' ')).env("LSM_STORE_STATES", STATES);
    Ok(cmd::run(&mut searches)?.success)
}

/// Installs moto into an environment of its own.
fn moto(dir: &Path) -> anyhow::Result<PathBuf> {
    let program = dir.join("python/bin/moto_server");
    if !program.exists() {
        let venv = dir.join("python");
        cmd::capture(cmd::tool("python3").args(["-m", "venv"]).arg(&venv))
            .context("moto needs python3 with venv")?;
        cmd::capture(cmd::tool(venv.join("bin/pip")).args(["install", "--quiet", MOTO]))?;
    }
    Ok(program)
}

/// Installs Azurite into a folder of its own.
fn azurite(dir: &Path) -> anyhow::Result<PathBuf> {
    let program = dir.join("node/node_modules/.bin/azurite-blob");
    if !program.exists() {
        let install = ["install", "--silent", "--no-fund", "--no-audit", AZURITE, "--prefix"];
        cmd::capture(cmd::tool("npm").args(install).arg(dir.join("node"))).context("azurite needs npm")?;
    }
    Ok(program)
}
