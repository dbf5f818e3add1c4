//! Checks the crates in the form that crates.io would get: the files of the archives, and each crate alone.

use std::fmt::Write as _;
use std::fs;

use anyhow::Context;

use crate::cmd;
use crate::workspace::Package;

use super::{Ci, steps::names};

/// Packs the crates together, because a crate may need another one in a version that is not published yet.
///
/// `cargo package` would also build each archive, with its own copy of every dependency. A check finds the same
/// mistakes, a file that is not packed or a feature that is not declared, and shares the dependencies with clippy.
pub(super) fn run(ci: &mut Ci) -> anyhow::Result<()> {
    let packaging = ci.workspace.root.join("target/packaging");
    if packaging.exists() {
        fs::remove_dir_all(&packaging).with_context(|| format!("remove {}", packaging.display()))?;
    }
    pack(ci)?;
    let packages: Vec<Package> = ci.workspace.publishable().cloned().collect();
    for package in &packages {
        let archive = packaging.join("package").join(format!("{}.crate", unpacked_name(package)));
        if !archive.exists() {
            // The report has the reason already.
            return Ok(());
        }
        cmd::capture(cmd::tool("tar").arg("-xzf").arg(&archive).arg("-C").arg(&packaging))?;
    }
    fs::write(packaging.join("Cargo.toml"), workspace_of(&packages))?;
    // Without it, cargo would choose the newest versions, which clippy has not checked.
    fs::copy(ci.workspace.root.join("Cargo.lock"), packaging.join("Cargo.lock"))?;
    for package in &packages {
        let unpacked = ["--manifest-path", "target/packaging/Cargo.toml", "--target-dir", "target"];
        ci.cargo(&[&["check", "--all-features", "-p", &package.name], &unpacked[..]].concat())?;
    }
    Ok(())
}

fn pack(ci: &mut Ci) -> anyhow::Result<()> {
    let changed =
        cmd::capture(cmd::tool("git").current_dir(&ci.workspace.root).args(["status", "--porcelain"]))
            .context("cargo package needs a git checkout")?;
    let names = names(ci);
    let mut args = vec!["package", "--no-verify", "--target-dir", "target/packaging"];
    args.extend(names.iter().flat_map(|name| ["-p", name]));
    if !ci.strict && !changed.is_empty() {
        eprintln!("    uncommitted changes: --allow-dirty");
        args.push("--allow-dirty");
    }
    ci.cargo(&args)
}

/// The directory in an archive, and the archive's name without its ending.
fn unpacked_name(package: &Package) -> String {
    format!("{}-{}", package.name, package.version)
}

/// The manifest of a workspace in which each of `packages` stands in for its release. If a crate asks for a version of
/// another one that is not packed here, cargo falls back to crates.io, so `cargo xtask release` compares the versions.
fn workspace_of(packages: &[Package]) -> String {
    let mut members = String::new();
    let mut patches = String::new();
    for package in packages {
        let at = unpacked_name(package);
        _ = writeln!(members, "    \"{at}\",");
        _ = writeln!(patches, "{} = {{ path = \"{at}\" }}", package.name);
    }
    format!("[workspace]\nresolver = \"3\"\nmembers = [\n{members}]\n\n[patch.crates-io]\n{patches}")
}
