//! `cargo xtask api`: the public API of each published library as a text file, so that a review shows every change.
//!
//! The list comes from the JSON of rustdoc, which only a nightly compiler writes. Without a nightly compiler the chore
//! is skipped.

mod list;
mod types;

use std::{fs, path::Path, process::Command};

use anyhow::{Context, bail};
use serde_json::Value;
use xtask_common::{
    cmd,
    workspace::{Package, TargetKind, Workspace, dir, targets},
};

const FILE: &str = "PUBLIC_API.txt";

/// Compares the lists with the code, or writes them. Returns `false` if one differs.
pub(super) fn run(workspace: &Workspace, write: bool) -> anyhow::Result<bool> {
    if cmd::capture(rustup(&workspace.root).args(["run", "nightly", "cargo", "--version"])).is_err() {
        println!("api: left out, since there is no nightly toolchain (`rustup toolchain install nightly`)");
        return Ok(true);
    }
    let mut agree = true;
    // A program has no API.
    let libraries =
        workspace.publishable().filter(|package| targets(package, &TargetKind::Lib).next().is_some());
    for package in libraries {
        let found = list::of(&rustdoc(workspace, package)?)?;
        let path = dir(package).join(FILE);
        if write {
            fs::write(&path, found).with_context(|| format!("cannot write {}", path.display()))?;
            continue;
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        for line in difference(&kept, &found) {
            agree = false;
            println!("{}: {line}", package.name);
        }
    }
    if !agree {
        println!("api: the public API differs from {FILE}; `cargo xtask api --write` takes it over");
    }
    Ok(agree)
}

fn rustup(dir: &Path) -> Command {
    let mut command = Command::new("rustup");
    command.current_dir(dir);
    command
}

/// Builds the JSON of rustdoc in a target directory of its own, so that two compilers do not overwrite each other's
/// work.
fn rustdoc(workspace: &Workspace, package: &Package) -> anyhow::Result<Value> {
    let target = workspace.root.join("target/api");
    let mut command = rustup(&workspace.root);
    command
        .args([
            "run",
            "nightly",
            "cargo",
            "rustdoc",
            "--quiet",
            "--lib",
            "--all-features",
            "-p",
            &package.name,
        ])
        .arg("--target-dir")
        .arg(&target)
        .args(["--", "-Z", "unstable-options", "--output-format", "json", "--cap-lints", "allow"]);
    if !cmd::run(&mut command)?.success {
        bail!("rustdoc failed for {}", package.name);
    }
    let path = target.join("doc").join(package.name.replace('-', "_")).with_extension("json");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

/// Returns the lines that only one list has: `-` for the file, `+` for the code.
fn difference(kept: &str, found: &str) -> Vec<String> {
    let missing = kept.lines().filter(|line| !found.lines().any(|other| other == *line));
    let new = found.lines().filter(|line| !kept.lines().any(|other| other == *line));
    missing.map(|line| format!("- {line}")).chain(new.map(|line| format!("+ {line}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_lines_of_either_side() {
        assert_eq!(difference("a\nb\n", "b\nc\n"), ["- a", "+ c"]);
        assert!(difference("a\nb\n", "b\na\n").is_empty());
    }
}
