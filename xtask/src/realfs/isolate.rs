//! Runs this program again in new mount and process namespaces.
//!
//! The kernel cleans up, by a chain of deaths:
//!
//! 1. The outer process dies: the signal that `setpriv` has set up kills `unshare`.
//! 2. `unshare` dies: `--kill-child` kills the first process of the new namespace.
//! 3. That process dies: the kernel kills the others and drops the mounts.
//! 4. A mount of `mount -o loop` ends: its loop device detaches itself.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::cmd;

const WORKDIR: &str = "LSM_XTASK_WORKDIR";
const OUTER_NAMESPACE: &str = "LSM_XTASK_OUTER_NAMESPACE";

/// The working directory, if this process is the inner one.
///
/// The variables alone do not prove that. Outside of a private namespace, mounts would outlive a killed run.
pub(crate) fn inside() -> Option<PathBuf> {
    let outer = std::env::var_os(OUTER_NAMESPACE)?;
    let dir = std::env::var_os(WORKDIR)?;
    (mount_namespace().ok()? != outer).then(|| dir.into())
}

/// The command that starts the inner process.
///
/// The signal of `setpriv` fires when the *thread* that started it ends, so this belongs on the main thread.
pub(super) fn command(dir: &Path, args: &[String]) -> anyhow::Result<Command> {
    let mut command = cmd::tool("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private"]);
    command.args(["--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--"]);
    command.arg(own_program()?).args(args);
    command.env(WORKDIR, dir).env(OUTER_NAMESPACE, mount_namespace()?);
    Ok(command)
}

fn mount_namespace() -> anyhow::Result<OsString> {
    let link = fs::read_link("/proc/self/ns/mnt").context("cannot read /proc/self/ns/mnt")?;
    Ok(link.into_os_string())
}

/// The path of this program. Cargo may have rebuilt it under the running one, which Linux shows as a deleted file.
fn own_program() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?;
    let text = path.to_string_lossy();
    Ok(text.strip_suffix(" (deleted)").map_or_else(|| path.clone(), PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_of_deaths_is_complete() {
        let command = command(Path::new("/w"), &["realfs".to_owned()]).unwrap();
        let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect();
        for link in ["--pdeathsig", "--mount", "private", "--pid", "--kill-child=KILL"] {
            assert!(args.iter().any(|arg| arg == link), "{link} is missing from {args:?}");
        }
    }
}
