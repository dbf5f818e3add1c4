//! `cargo xtask realfs`: the `realfs` test targets on real filesystems.
//!
//! Two processes share the work. The outer one builds the tests, and owns the working directory. The inner one, which
//! is the same program, runs in its own mount and process namespaces: it mounts, runs the tests and unmounts. If either
//! of them dies, the kernel ends the namespaces, and with them every mount, loop device and left-over process.

mod foreign;
mod isolate;
mod mounts;
mod workdir;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cmd::{self, Outcome};
use crate::workspace::{Package, TargetKind, Workspace, dir};
use anyhow::bail;

pub(crate) use isolate::inside;
pub(crate) use mounts::{Mounts, Plan};

use crate::install;

/// Kind and name of the targets that need the mounts.
pub(crate) static TESTS: (TargetKind, &str) = (TargetKind::Test, "realfs");

/// Fails if real filesystems cannot be mounted here, with the reason and the cure.
pub(crate) fn possible(workspace: &Workspace, (kind, name): &(TargetKind, &str)) -> anyhow::Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("mounting ext4, XFS and btrfs needs Linux");
    }
    if !install::is_root() {
        bail!("mounting needs root: sudo -E env PATH=\"$PATH\" cargo xtask …");
    }
    if workspace.with_target(kind, name).next().is_none() {
        bail!("no crate has a {kind:?} target named `{name}`");
    }
    Ok(())
}

/// Runs the tests. Returns `false` if one failed.
pub(crate) fn run(workspace: &Workspace, filter: &[String]) -> anyhow::Result<bool> {
    if let Some(dir) = inside() {
        return run_inside(workspace, &dir, filter);
    }
    possible(workspace, &TESTS)?;
    install::ensure(install::FILESYSTEM_TOOLS)?;
    Ok(test(workspace, filter)?.success)
}

/// Runs the tests of other filesystems. Returns `false` if one failed.
pub(crate) fn run_foreign(workspace: &Workspace, filter: &[String]) -> anyhow::Result<bool> {
    if let Some(dir) = inside() {
        return foreign::run_inside(workspace, &dir, filter);
    }
    possible(workspace, &TESTS)?;
    foreign::install();
    programs(workspace)?;
    let mut args = vec!["realfs".to_owned(), "--foreign".to_owned(), "--".to_owned()];
    args.extend_from_slice(filter);
    Ok(within_namespaces(&args, &mut |_| ())?.success)
}

/// Builds the tests, then runs them in new namespaces.
pub(crate) fn test(workspace: &Workspace, filter: &[String]) -> anyhow::Result<Outcome> {
    programs(workspace)?;
    let mut args = vec!["realfs".to_owned(), "--".to_owned()];
    args.extend_from_slice(filter);
    within_namespaces(&args, &mut |_| ())
}

/// Runs this program again with `args` in new namespaces, and removes the working directory in any case.
pub(crate) fn within_namespaces(args: &[String], on_line: &mut dyn FnMut(&str)) -> anyhow::Result<Outcome> {
    let dir = workdir::Workdir::create(&workdir::base())?;
    let outcome = cmd::run_with(&mut isolate::command(dir.path(), args)?, on_line);
    let left = workdir::detach_leftovers(dir.path());
    drop(dir);
    if !left.is_empty() {
        bail!("loop devices stay attached: {}; detach each with losetup -d", left.join(" "));
    }
    outcome
}

/// Each crate gets fresh filesystems, so that the files of one crate, above all on the full volume, do not affect the
/// next.
fn run_inside(workspace: &Workspace, dir: &Path, filter: &[String]) -> anyhow::Result<bool> {
    let mut success = true;
    for (package, program) in programs(workspace)? {
        let mounts = Mounts::set_up(&dir.join(&*package.name), &Plan::tests())?;
        mounts.check_bad_device()?;
        let mut command = test_command(package, &program);
        command.args(["--skip", foreign::FILTER]).args(filter).envs(mounts.env());
        success &= cmd::run(&mut command)?.success;
    }
    Ok(success)
}

/// Builds the tests, and returns the program of each package.
fn programs(workspace: &Workspace) -> anyhow::Result<Vec<(&Package, PathBuf)>> {
    workspace.test_programs(TESTS.1)
}

/// Returns the command of a package's tests, which run in the package's directory, as under `cargo test`.
fn test_command(package: &Package, program: &Path) -> Command {
    // The tests run tools of the system themselves.
    let mut command = cmd::tool(program);
    command.current_dir(dir(package));
    command
}
