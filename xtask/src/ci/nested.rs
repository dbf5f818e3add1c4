//! Packages of the repository that are not members of the workspace, because they need their dependencies in other
//! versions or with other features: interop, fuzzers, the newest engine.

use crate::cmd;
use crate::workspace::{Package, dir, is_fuzz};

use super::{Ci, LIMIT};

/// The number of mutated inputs per fuzz target. A number, not a time, so that every run is the same.
const SHORT_FUZZ: &str = "2000";

pub(super) fn run(ci: &mut Ci) -> anyhow::Result<()> {
    for package in ci.workspace.nested()? {
        let shown = dir(&package).strip_prefix(&ci.workspace.root)?.join("Cargo.toml");
        let shown = shown.to_string_lossy();
        // Build in the target directory of the workspace, so that shared dependencies are not built twice.
        let tail = ["--manifest-path", &*shown, "--target-dir", "target"];
        ci.cargo(&["fmt", "--manifest-path", &shown, "--check"])?;
        if let Some(toolchain) = toolchain(&package) {
            with_toolchain(ci, toolchain, tail)?;
        } else if is_fuzz(&package) {
            // Running the targets of cargo-fuzz needs a nightly compiler. The loop over the corpus does not.
            ci.cargo(&[&["check"], &tail[..]].concat())?;
            let stable = [&tail[..], &["--no-default-features"]].concat();
            ci.cargo(&[&["test"], &stable[..]].concat())?;
            ci.cargo(&[&["run"], &stable[..], &["--", "--seed", "1", "--inputs", SHORT_FUZZ]].concat())?;
        } else {
            ci.cargo(&[&["test"], &tail[..]].concat())?;
        }
    }
    Ok(())
}

/// The toolchain of a package that needs a later compiler than the workspace. It stands under `package.metadata.lsm`.
fn toolchain(package: &Package) -> Option<&str> {
    package.metadata.pointer("/lsm/toolchain")?.as_str()
}

/// Runs the tests of a package with a toolchain of rustup, or leaves them out if it is not installed.
fn with_toolchain(ci: &mut Ci, toolchain: &str, tail: [&str; 4]) -> anyhow::Result<()> {
    let rustup = || {
        let mut command = cmd::tool("rustup");
        command.current_dir(&ci.workspace.root).env("RUSTUP_AUTO_INSTALL", "0");
        command
    };
    if cmd::capture(rustup().args(["which", "--toolchain", toolchain, "rustc"])).is_err() {
        let [_, manifest, ..] = tail;
        let cure = format!("rustup toolchain install --profile minimal {toolchain}");
        ci.report.skip(format!("{manifest} needs Rust {toolchain}; get it with: {cure}"));
        return Ok(());
    }
    let test = |more: &[&str]| {
        let mut command = rustup();
        command.args(["run", toolchain, "cargo", "test"]).args(tail).args(more);
        command
    };
    ci.report.record(&cmd::test_within(test, LIMIT)?);
    Ok(())
}
