//! Makes filesystems in image files and mounts them.
//!
//! An image loses its name as soon as it is mounted: the loop device keeps it alive, and a killed run leaves no data.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::cmd;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The volumes to mount.
#[derive(Debug)]
pub(crate) struct Plan(Vec<Volume>);

#[derive(Debug)]
struct Volume {
    name: &'static str,
    /// The environment variable that carries the mount point.
    env: &'static str,
    kind: Kind,
    size: u64,
    options: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ext4,
    Xfs,
    Btrfs,
    Tmpfs,
    /// ext4 with a known tree, mounted read-only.
    ReadOnly,
    /// ext4 on a device whose image lies on a tmpfs that is smaller than the device.
    BadDevice,
}

impl Plan {
    /// Returns the volumes of the tests: small ones, and three at which calls fail: a full volume, a read-only one, and
    /// a bad device.
    pub(crate) fn tests() -> Self {
        Self(vec![
            // The chore with 200 backups of fjall fills 1 GiB on a quiet machine.
            volume("ext4", "LSM_REALFS_EXT4", Kind::Ext4, 3 * GIB, "loop"),
            volume("xfs", "LSM_REALFS_XFS", Kind::Xfs, 3 * GIB, "loop"),
            // btrfs frees the space of removed files only when it commits.
            volume("btrfs", "LSM_REALFS_BTRFS", Kind::Btrfs, 3 * GIB, "loop"),
            volume("tmpfs", "LSM_REALFS_TMPFS", Kind::Tmpfs, GIB, "size=1g"),
            volume("ext4-b", "LSM_REALFS_EXT4_B", Kind::Ext4, GIB, "loop"),
            volume("full", "LSM_REALFS_FULL", Kind::Ext4, 32 * MIB, "loop"),
            volume("ro", "LSM_REALFS_RO", Kind::ReadOnly, 32 * MIB, "loop"),
            // `discard` gives the space of a deleted file back to the device, so one test does not starve the next.
            volume("baddev", "LSM_REALFS_BADDEV", Kind::BadDevice, 512 * MIB, "loop,errors=continue,discard"),
        ])
    }

    /// Returns the volumes of the benches: large ones, with room on one of them for 10 GiB and a copy. Without the
    /// option `ssd`, btrfs takes a loop device for a rotating disk.
    pub(crate) fn benches() -> Self {
        Self(vec![
            volume("ext4", "LSM_REALFS_EXT4", Kind::Ext4, 24 * GIB, "loop"),
            volume("xfs", "LSM_REALFS_XFS", Kind::Xfs, 12 * GIB, "loop"),
            volume("btrfs", "LSM_REALFS_BTRFS", Kind::Btrfs, 12 * GIB, "loop,ssd"),
            volume("tmpfs", "LSM_REALFS_TMPFS", Kind::Tmpfs, 6 * GIB, "size=6g"),
            volume("ext4-b", "LSM_REALFS_EXT4_B", Kind::Ext4, 12 * GIB, "loop"),
        ])
    }
}

/// Mounted filesystems, which are unmounted when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Mounts {
    /// In the order of mounting.
    points: Vec<PathBuf>,
    /// The mount point of the device whose requests are limited.
    limited: Option<PathBuf>,
    env: Vec<(&'static str, PathBuf)>,
    description: Vec<String>,
}

impl Mounts {
    /// Mounts the volumes of `plan` below `dir`. After an error it unmounts them again.
    pub(crate) fn set_up(dir: &Path, plan: &Plan) -> anyhow::Result<Self> {
        fs::create_dir_all(dir)?;
        let mut mounts = Self::default();
        for volume in &plan.0 {
            let point =
                mounts.add(dir, volume).with_context(|| format!("cannot set up `{}`", volume.name))?;
            mounts.env.push((volume.env, point));
            let origin = if volume.kind == Kind::Tmpfs { "" } else { " on a sparse image" };
            let size = volume.size / MIB;
            mounts.description.push(format!("{}: {size} MiB{origin}, -o {}", volume.name, volume.options));
        }
        Ok(mounts)
    }

    /// The mount points, by the variables that the tests read.
    pub(crate) fn env(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        self.env.iter().map(|(name, path)| (*name, path.as_path()))
    }

    /// The size and the options of each mount, for the reader of a benchmark.
    pub(crate) fn description(&self) -> &[String] {
        &self.description
    }

    /// Checks the bad device: fsync fails for more data than the tmpfs below it can hold, and small files still work.
    ///
    /// On a kernel that behaves differently the tests of failed syncs would otherwise pass without testing anything.
    pub(crate) fn check_bad_device(&self) -> anyhow::Result<()> {
        let Some((_, point)) = self.env().find(|(name, _)| *name == "LSM_REALFS_BADDEV") else {
            return Ok(());
        };
        let path = point.join("probe");
        let large = write_and_sync(&path, 100 * MIB);
        fs::remove_file(&path)?;
        // Deleted blocks are free once the journal commits. The failed pages make this sync return an error. The mount
        // discards the blocks in the background (ext4_discard_work, fs/ext4/mballoc.c). `fstrim` discards them before
        // it returns.
        let _ = cmd::capture(cmd::tool("sync").arg("-f").arg(point));
        cmd::capture(cmd::tool("fstrim").arg(point))?;
        if large.is_ok() {
            bail!(
                "the bad device took 100 MiB and fsync reported no error; failed syncs cannot be tested here"
            );
        }
        write_and_sync(&path, MIB).context("the bad device still fails after the large file was removed")?;
        Ok(fs::remove_file(&path)?)
    }

    fn add(&mut self, dir: &Path, volume: &Volume) -> anyhow::Result<PathBuf> {
        let point = dir.join(volume.name);
        fs::create_dir(&point)?;
        if volume.kind == Kind::Tmpfs {
            self.mount(&["-t", "tmpfs", "-o", volume.options, "lsm-xtask"], &point)?;
            return Ok(point);
        }
        let mut image = dir.join(format!("{}.img", volume.name));
        if volume.kind == Kind::BadDevice {
            let store = dir.join(format!("{}-store", volume.name));
            fs::create_dir(&store)?;
            self.mount(&["-t", "tmpfs", "-o", "size=48m", "lsm-xtask"], &store)?;
            image = store.join("image");
        }
        File::create_new(&image)?.set_len(volume.size)?;
        make_filesystem(volume.kind, &image)?;
        self.mount(&["-o", volume.options, path_text(&image)?], &point)?;
        fs::remove_file(&image)?;
        // A limit that another run has set outlives its mount, and that run may have been killed.
        limit_requests(&point, if volume.kind == Kind::BadDevice { PAGE_KIB } else { REQUEST_KIB })?;
        if volume.kind == Kind::BadDevice {
            self.limited = Some(point.clone());
        }
        if volume.kind == Kind::ReadOnly {
            fs::create_dir(point.join("dir"))?;
            fs::write(point.join("dir/file"), "content")?;
            cmd::capture(cmd::tool("mount").args(["-o", "remount,ro"]).arg(&point))?;
        }
        Ok(point)
    }

    fn mount(&mut self, args: &[&str], point: &Path) -> anyhow::Result<()> {
        cmd::capture(cmd::tool("mount").args(args).arg(point))?;
        self.points.push(point.to_owned());
        Ok(())
    }
}

impl Drop for Mounts {
    fn drop(&mut self) {
        if let Some(point) = &self.limited
            && let Err(error) = limit_requests(point, REQUEST_KIB)
        {
            eprintln!("warning: {error:#}");
        }
        for point in self.points.iter().rev() {
            let plain = cmd::capture(cmd::tool("umount").arg(point));
            // A left-over process keeps the mount busy. It dies with the namespace, and a lazy unmount waits for that.
            if let Err(busy) = plain
                && let Err(error) = cmd::capture(cmd::tool("umount").arg("-l").arg(point))
            {
                eprintln!("warning: {busy:#}; {error:#}");
            }
        }
    }
}

/// The loop driver reports a partly served request as complete (`lo_complete_rq`, drivers/block/loop.c). A request of
/// one page is served whole or not at all, so write errors reach the filesystem.
const PAGE_KIB: u32 = 4;

/// The kernel's default for a loop device.
const REQUEST_KIB: u32 = 1280;

/// Limits the requests to the loop device under a mount. The limit stays with the device's number, for its next user
/// too.
fn limit_requests(point: &Path, kib: u32) -> anyhow::Result<()> {
    let device = cmd::capture(cmd::tool("findmnt").args(["-n", "-o", "SOURCE"]).arg(point))?;
    let name = device.trim().trim_start_matches("/dev/");
    let queue = Path::new("/sys/block").join(name).join("queue");
    let most = fs::read_to_string(queue.join("max_hw_sectors_kb")).ok();
    let most = most.and_then(|most| most.trim().parse().ok()).unwrap_or(kib);
    fs::write(queue.join("max_sectors_kb"), kib.min(most).to_string())
        .with_context(|| format!("cannot limit the requests of {name}"))
}

fn volume(name: &'static str, env: &'static str, kind: Kind, size: u64, options: &'static str) -> Volume {
    Volume { name, env, kind, size, options }
}

fn make_filesystem(kind: Kind, image: &Path) -> anyhow::Result<()> {
    let (program, args): (_, &[&str]) = match kind {
        Kind::Ext4 | Kind::ReadOnly => ("mkfs.ext4", &["-q", "-F"]),
        Kind::Xfs => ("mkfs.xfs", &["-q", "-f", "-m", "reflink=1"]),
        Kind::Btrfs => ("mkfs.btrfs", &["-q", "-f"]),
        Kind::BadDevice => {
            const PACKED: &str = "nodiscard,lazy_itable_init=0,lazy_journal_init=0,packed_meta_blocks=1";
            ("mkfs.ext4", &["-q", "-F", "-m", "0", "-N", "2048", "-J", "size=4", "-E", PACKED])
        }
        Kind::Tmpfs => return Ok(()),
    };
    cmd::capture(cmd::tool(program).args(args).arg(image))?;
    if kind == Kind::BadDevice {
        // The journal and the tables lie packed at the front. Writing them out reserves their share of the small store,
        // so that only data fails. A journal that fails turns the whole mount read-only.
        let (from, to) = (format!("if={}", path_text(image)?), format!("of={}", path_text(image)?));
        cmd::capture(cmd::tool("dd").args([&from, &to]).args([
            "bs=1M",
            "count=8",
            "conv=notrunc",
            "status=none",
        ]))?;
    }
    Ok(())
}

fn write_and_sync(path: &Path, size: u64) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    let chunk = vec![b'x'; 1 << 20];
    for _ in 0..size / MIB {
        file.write_all(&chunk)?;
    }
    file.sync_all()
}

fn path_text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_volume_has_a_name_and_a_variable_of_its_own() {
        for plan in [Plan::tests(), Plan::benches()] {
            for (at, volume) in plan.0.iter().enumerate() {
                let twins = plan.0.iter().skip(at + 1);
                assert!(twins.clone().all(|twin| twin.name != volume.name && twin.env != volume.env));
            }
        }
    }

    #[test]
    fn only_the_benches_call_btrfs_a_solid_state_disk() {
        let ssd = |plan: Plan| plan.0.iter().any(|volume| volume.options.contains("ssd"));
        assert!(ssd(Plan::benches()));
        assert!(!ssd(Plan::tests()));
    }
}
