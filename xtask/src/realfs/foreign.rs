//! `cargo xtask realfs --foreign`: filesystems of other systems and of userspace. They are a chore and no step of CI,
//! because their packages differ between machines. A filesystem whose tools are missing is left out with one line.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::cmd;
use crate::install::{self, Tool};
use crate::workspace::Workspace;

/// The crate whose tests use these mounts, and the beginning of the names of these tests.
pub(super) const CRATE: &str = "lsm-checkpoint";
pub(super) const FILTER: &str = "foreign::";

/// The variable that carries the mount points to the tests.
const ENV: &str = "LSM_REALFS_FOREIGN";

/// The variable that carries the mount points of the volumes that a test can fill.
const ENV_SMALL: &str = "LSM_REALFS_FOREIGN_SMALL";

const SIZE: u64 = 256 << 20;

/// The part of a volume with a quota that may be used.
const QUOTA: &str = "64M";

struct Foreign {
    name: &'static str,
    tools: &'static [Tool],
    /// `true` if the mount's own volume is small. The others write through a cache or to the host's disk.
    is_small: bool,
    /// Mounts the filesystem at `point`. `dir` is an empty directory for its images and layers.
    mount: fn(dir: &Path, point: &Path) -> anyhow::Result<()>,
}

const ALL: [Foreign; 8] = [
    Foreign { name: "overlayfs", tools: &[], is_small: true, mount: overlay },
    Foreign {
        name: "exfat",
        tools: &[("mkfs.exfat", "exfatprogs"), ("mount.exfat-fuse", "exfat-fuse")],
        is_small: true,
        mount: exfat,
    },
    Foreign {
        name: "ntfs",
        tools: &[("mkfs.ntfs", "ntfs-3g"), ("ntfs-3g", "ntfs-3g")],
        is_small: true,
        mount: ntfs,
    },
    Foreign { name: "passthrough", tools: &[("bindfs", "bindfs")], is_small: false, mount: passthrough },
    Foreign { name: "rclone", tools: &[("rclone", "rclone"), FUSERMOUNT], is_small: false, mount: rclone },
    Foreign { name: "mergerfs", tools: &[("mergerfs", "mergerfs")], is_small: true, mount: mergerfs },
    Foreign { name: "gocryptfs", tools: &[("gocryptfs", "gocryptfs")], is_small: true, mount: gocryptfs },
    Foreign {
        name: "btrfs-quota",
        tools: &[("mkfs.btrfs", "btrfs-progs"), ("btrfs", "btrfs-progs")],
        is_small: true,
        mount: btrfs_quota,
    },
];

/// The setuid program that mounts FUSE filesystems for ordinary users. Some drivers call it as root, too.
const FUSERMOUNT: Tool = ("fusermount3", "fuse3");

/// Installs the tools of each filesystem. `run_inside` leaves out those that are still missing.
pub(super) fn install() {
    for foreign in ALL {
        if let Err(reason) = install::ensure(foreign.tools) {
            println!("{}: left out, {reason:#}", foreign.name);
        }
    }
}

/// Mounts the filesystems below `dir`, and runs the tests on all of them.
pub(super) fn run_inside(workspace: &Workspace, dir: &Path, filter: &[String]) -> anyhow::Result<bool> {
    let mut points = Vec::new();
    for foreign in ALL.iter().filter(|foreign| install::missing(foreign.tools).is_empty()) {
        let point = Point::new(dir, foreign.name)?;
        match (foreign.mount)(&point.store, &point.path) {
            Ok(()) => points.push((point, foreign.is_small)),
            Err(reason) => println!("{}: left out, {reason:#}", foreign.name),
        }
    }
    let programs = super::programs(workspace)?;
    let found = programs.iter().find(|(package, _)| *package.name == CRATE);
    let (package, program) = found.with_context(|| format!("{CRATE} has no test `realfs`"))?;
    let mut command = super::test_command(package, program);
    let paths = |wanted: &dyn Fn(bool) -> bool| {
        let points = points.iter().filter(|(_, is_small)| wanted(*is_small));
        std::env::join_paths(points.map(|(point, _)| &point.path))
    };
    // The tests share the volumes, and one test fills them, so the tests run one at a time.
    command.args(["--nocapture", "--test-threads=1", FILTER]).args(filter);
    command.env(ENV, paths(&|_| true)?).env(ENV_SMALL, paths(&|is_small| is_small)?);
    Ok(cmd::run(&mut command)?.success)
}

/// A mount point, which is unmounted when this is dropped.
struct Point {
    path: PathBuf,
    store: PathBuf,
}

impl Point {
    fn new(dir: &Path, name: &str) -> anyhow::Result<Self> {
        let point = Self { path: dir.join(name), store: dir.join(format!("{name}-store")) };
        fs::create_dir_all(&point.path)?;
        fs::create_dir_all(&point.store)?;
        Ok(point)
    }
}

impl Drop for Point {
    fn drop(&mut self) {
        // The namespace ends the mounts of a driver that is still busy.
        for path in [&self.path, &self.store] {
            let _ = cmd::capture(cmd::tool("umount").args(["-l", "-q"]).arg(path));
        }
    }
}

/// The layers lie on a tmpfs. The disk of a container may be an overlay, which cannot be the upper layer of another
/// one.
fn overlay(store: &Path, point: &Path) -> anyhow::Result<()> {
    mount(&["-t", "tmpfs", "-o", "size=256m", "lsm-xtask"], store)?;
    for layer in ["lower", "upper", "work"] {
        fs::create_dir(store.join(layer))?;
    }
    let at = |layer: &str| store.join(layer).display().to_string();
    let options = format!("lowerdir={},upperdir={},workdir={}", at("lower"), at("upper"), at("work"));
    mount(&["-t", "overlay", "-o", &options, "lsm-xtask"], point)
}

/// The driver takes block devices only. It keeps the loop device open, which detaches itself when the driver ends.
fn exfat(store: &Path, point: &Path) -> anyhow::Result<()> {
    let image = image(store)?;
    cmd::capture(cmd::tool("mkfs.exfat").arg(&image))?;
    let device = cmd::capture(cmd::tool("losetup").args(["--find", "--show"]).arg(&image))?;
    let mounted = run(cmd::tool("mount.exfat-fuse").arg(device.trim()).arg(point));
    cmd::capture(cmd::tool("losetup").args(["--detach", device.trim()]))?;
    mounted
}

fn ntfs(store: &Path, point: &Path) -> anyhow::Result<()> {
    let image = image(store)?;
    cmd::capture(cmd::tool("mkfs.ntfs").args(["-F", "-Q", "-q"]).arg(&image))?;
    run(cmd::tool("ntfs-3g").arg(image).arg(point))
}

fn passthrough(store: &Path, point: &Path) -> anyhow::Result<()> {
    run(cmd::tool("bindfs").arg(store).arg(point))
}

/// Mounts a local folder through rclone. Without rclone's cache, files could not be written at an offset.
fn rclone(store: &Path, point: &Path) -> anyhow::Result<()> {
    let data = store.join("data");
    fs::create_dir(&data)?;
    let mut command = cmd::tool("rclone");
    command.args(["mount", "--daemon", "--vfs-cache-mode", "writes", "--cache-dir"]);
    run(command.arg(store.join("cache")).arg(format!(":local:{}", data.display())).arg(point))
}

fn mergerfs(store: &Path, point: &Path) -> anyhow::Result<()> {
    mount(&["-t", "tmpfs", "-o", "size=64m", "lsm-xtask"], store)?;
    let branches = ["first", "second"].map(|name| store.join(name));
    branches.iter().try_for_each(fs::create_dir)?;
    let [first, second] = branches.each_ref().map(|branch| branch.display());
    run(cmd::tool("mergerfs").args(["-o", "minfreespace=0"]).arg(format!("{first}:{second}")).arg(point))
}

fn gocryptfs(store: &Path, point: &Path) -> anyhow::Result<()> {
    mount(&["-t", "tmpfs", "-o", "size=64m", "lsm-xtask"], store)?;
    let phrase = ["-q", "-extpass", "echo lsm-xtask"];
    run(cmd::tool("gocryptfs").args(phrase).arg("-init").arg(store))?;
    run(cmd::tool("gocryptfs").args(phrase).arg(store).arg(point))
}

/// Mounts a subvolume with a quota. At the limit, even a rename is refused.
fn btrfs_quota(store: &Path, point: &Path) -> anyhow::Result<()> {
    let (image, whole) = (image(store)?, store.join("whole"));
    cmd::capture(cmd::tool("mkfs.btrfs").args(["-q", "--mixed"]).arg(&image))?;
    fs::create_dir(&whole)?;
    mount(&["-o", "loop", &image.display().to_string()], &whole)?;
    let limited = whole.join("limited");
    run(cmd::tool("btrfs").args(["quota", "enable"]).arg(&whole))?;
    run(cmd::tool("btrfs").args(["subvolume", "create"]).arg(&limited))?;
    run(cmd::tool("btrfs").args(["qgroup", "limit", QUOTA]).arg(&limited))?;
    mount(&["--bind", &limited.display().to_string()], point)
}

fn image(store: &Path) -> anyhow::Result<PathBuf> {
    let image = store.join("image");
    File::create_new(&image)?.set_len(SIZE)?;
    Ok(image)
}

fn mount(args: &[&str], point: &Path) -> anyhow::Result<()> {
    run(cmd::tool("mount").args(args).arg(point))
}

/// Runs a command without an output, because a FUSE driver goes on in the background and would keep the output open.
fn run(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_owned();
    let status = command.stdout(Stdio::null()).status()?;
    anyhow::ensure!(status.success(), "{} failed ({status})", program.display());
    Ok(())
}
