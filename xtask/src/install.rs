//! The tools of the system that the chores need, the Debian package of each, and the way to get them.

use std::path::Path;

use anyhow::bail;

use crate::cmd;

/// A program and the Debian package that brings it.
pub(crate) type Tool = (&'static str, &'static str);

/// The programs that the real-filesystem tests and the benches run.
pub(crate) const FILESYSTEM_TOOLS: &[Tool] = &[
    ("mkfs.ext4", "e2fsprogs"),
    ("filefrag", "e2fsprogs"),
    ("chattr", "e2fsprogs"),
    ("mkfs.xfs", "xfsprogs"),
    ("mkfs.btrfs", "btrfs-progs"),
    ("mount", "mount"),
    ("umount", "mount"),
    ("losetup", "mount"),
    ("findmnt", "util-linux"),
    ("fstrim", "util-linux"),
    ("unshare", "util-linux"),
    ("setpriv", "util-linux"),
];

/// The programs that checking the fuzzers needs. Their engine is written in C++.
pub(crate) const FUZZ_TOOLS: &[Tool] = &[("c++", "g++")];

/// Packages of the tools that are not on the search path, each once.
pub(crate) fn missing(tools: &[Tool]) -> Vec<&'static str> {
    let path = cmd::search_path();
    let found = |name: &str| std::env::split_paths(&path).any(|dir| dir.join(name).is_file());
    let mut packages: Vec<_> =
        tools.iter().filter(|(name, _)| !found(name)).map(|&(_, package)| package).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

/// Installs the missing `tools` where this is possible. Otherwise the error says in one line how to get them.
pub(crate) fn ensure(tools: &[Tool]) -> anyhow::Result<()> {
    let packages = missing(tools);
    if packages.is_empty() {
        return Ok(());
    }
    let list = packages.join(" ");
    let apt = Path::new("/usr/bin/apt-get").exists();
    if !is_root() || !apt {
        let way =
            if apt { format!("sudo apt-get install {list}") } else { "your package manager".to_owned() };
        bail!("missing: {list} (Debian names); get them with: {way}");
    }
    // A fresh image has no package lists, and a stale one lists versions that are gone. One refresh cures both.
    if install(&packages).is_err() {
        cmd::capture(cmd::tool("apt-get").args(["update", "-q"]))?;
        install(&packages)?;
    }
    match missing(tools).as_slice() {
        [] => Ok(()),
        rest => bail!("apt-get installed {list}, but these still lack their programs: {}", rest.join(" ")),
    }
}

fn install(packages: &[&str]) -> anyhow::Result<()> {
    let mut apt = cmd::tool("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt.args(["install", "-q", "-y", "--no-install-recommends"]).args(packages);
    cmd::capture(&mut apt).map(drop)
}

/// Installs the component of rustup that holds a cargo subcommand, if it is missing.
pub(crate) fn ensure_component(root: &Path, subcommand: &str, component: &str) -> anyhow::Result<()> {
    let is_there = || cmd::capture(cmd::cargo(root).args([subcommand, "--version"])).is_ok();
    if is_there() {
        return Ok(());
    }
    let added = cmd::capture(cmd::tool("rustup").current_dir(root).args(["component", "add", component]));
    if !is_there() {
        let cause = added.err().map(|error| format!(" ({error:#})")).unwrap_or_default();
        bail!("missing: {component}{cause}; get it with: rustup component add {component}");
    }
    Ok(())
}

/// Returns `true` if this process may mount and install.
pub(crate) fn is_root() -> bool {
    cmd::capture(cmd::tool("id").arg("-u")).is_ok_and(|uid| uid.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_each_missing_package_once() {
        let tools = [("sh", "dash"), ("no-such-tool-1", "odd-package"), ("no-such-tool-2", "odd-package")];
        assert_eq!(missing(&tools), ["odd-package"]);
    }
}
