//! Checks the four core crates for other platforms than this machine, and runs part of their tests under wine and qemu.
//!
//! Missing tools of the system are installed as Debian packages, if this process is root. Everything else that it
//! fetches or builds lies below `target/platforms`. The installed toolchain stays as it is.

mod check;
mod record;
mod runs;
mod setup;
mod shell;
mod tests_of;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};

use record::Row;

const USAGE: &str = "usage: cargo xtask platforms [--write] [WORD…]\n\
    A WORD limits the run to the targets whose name holds it. --write records the results in lsm-fs/PLATFORMS.md.";

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("platforms: cannot run here: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Returns `false` if a check or a test has failed.
fn run(mut words: Vec<String>) -> anyhow::Result<bool> {
    let write = words.iter().any(|word| word == "--write");
    words.retain(|word| word != "--write");
    if let Some(unknown) = words.iter().find(|word| word.starts_with('-')) {
        bail!("{unknown} is no option\n{USAGE}");
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!("cross builds are set up for Linux on x86-64");
    }
    let root = root()?;
    let toolchain = setup::toolchain(&root)?;
    let wanted = |target: &str| words.is_empty() || words.iter().any(|word| target.contains(word.as_str()));
    let mut rows = Vec::new();
    for target in check::TARGETS.iter().filter(|target| wanted(target.triple)) {
        rows.push(Row::of(target.triple, "check", check::run(&toolchain, target)));
    }
    for group in runs::GROUPS.iter().filter(|group| wanted(group.triple)) {
        rows.extend(runs::run(&toolchain, group));
    }
    for row in &rows {
        println!("{row}");
    }
    if write {
        record::write(&root.join("lsm-fs/PLATFORMS.md"), &toolchain.version, &rows)?;
    }
    Ok(rows.iter().all(Row::is_good))
}

fn root() -> anyhow::Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map(Path::to_path_buf).context("the package lies outside of its workspace")
}
