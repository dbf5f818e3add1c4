//! The file systems: how each is made and mounted.

use std::{fmt, path::Path, process::Command};

use anyhow::{Context, bail};
use lsm_fs_mem::Profile;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Ext4,
    Xfs,
    Btrfs,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Ext4, Self::Xfs, Self::Btrfs];

    /// The name of the file system for `mount` and `mkfs`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
        }
    }

    pub(crate) const fn profile(self) -> Profile {
        match self {
            Self::Ext4 => Profile::Ext4,
            Self::Xfs => Profile::Xfs,
            Self::Btrfs => Profile::Btrfs,
        }
    }

    /// The options of `mkfs` that differ from its defaults. By default, ext4 zeroes its inode tables in the background
    /// after the mount (`lazy_itable_init` in mke2fs(8)), which would add writes to the log.
    pub(crate) const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Ext4 => &["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"],
            Self::Xfs => &["-q", "-f", "-K"],
            Self::Btrfs => &["-q", "-f", "-K"],
        }
    }

    /// Makes a file system on a device. Each needs its own UUID, because XFS and btrfs refuse to mount two file systems
    /// with the same one.
    pub(crate) fn make(self, device: &Path, uuid: &str) -> anyhow::Result<()> {
        let mut command = Command::new(format!("mkfs.{}", self.name()));
        command.args(self.options());
        match self {
            Self::Xfs => command.args(["-m", &format!("uuid={uuid}"), "-d", "size=300m"]).arg(device),
            Self::Btrfs => command.args(["-U", uuid, "-b", "134217728"]).arg(device),
            Self::Ext4 => command.args(["-U", uuid]).arg(device).arg("32M"),
        };
        run(&mut command)
    }

    /// The offset of the superblock.
    pub(crate) const fn superblock(self) -> u64 {
        match self {
            Self::Ext4 => 1024,
            Self::Xfs => 0,
            Self::Btrfs => 64 << 10,
        }
    }

    /// Returns whether a write at this place touches a superblock. If one is torn, its checksum fails, and nothing
    /// mounts.
    pub(crate) const fn is_superblock(self, offset: u64, len: usize) -> bool {
        let start = self.superblock();
        offset <= start && start < offset + len as u64
    }
}

/// Runs a tool of the system. An error carries its output.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    capture(command).map(drop)
}

/// Runs a tool of the system and returns its output. Must not be called while a bench works: see [`on_benches`].
///
/// [`on_benches`]: crate::benches::on_benches
pub(crate) fn capture(command: &mut Command) -> anyhow::Result<String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let command = command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    let shown = format!("{command:?}");
    let output = command.output().with_context(|| format!("cannot start {shown}"))?;
    if !output.status.success() {
        bail!("{shown}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
