//! `cargo xtask realfs --foreign`: filesystems of other systems and of userspace. They are a chore and no step of CI,
//! because their packages differ between machines. A filesystem whose tools are missing is left out with one line.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cmd;

use crate::install::{self, Tool};
use crate::workspace::Workspace;

/// The crate whose tests use these mounts, and the beginning of the names of these tests.
pub(super) const CRATE: &str = "lsm-checkpoint";
pub(super) const FILTER: &str = "foreign::";

/// The variable that carries the mount points to the tests.
const ENV: &str = "LSM_REALFS_FOREIGN";

const SIZE: u64 = 256 << 20;

struct Foreign {
    name: &'static str,
    tools: &'static [Tool],
    /// Mounts the filesystem at `point`. `dir` is an empty directory for its images and layers.
    mount: fn(dir: &Path, point: &Path) -> anyhow::Result<()>,
}

const ALL: [Foreign; 4] = [
    Foreign { name: "overlayfs", tools: &[], mount: overlay },
    Foreign {
        name: "exfat",
        tools: &[("mkfs.exfat", "exfatprogs"), ("mount.exfat-fuse", "exfat-fuse")],
        mount: exfat,
    },
    Foreign { name: "ntfs", tools: &[("mkfs.ntfs", "ntfs-3g"), ("ntfs-3g", "ntfs-3g")], mount: ntfs },
    Foreign { name: "passthrough", tools: &[("bindfs", "bindfs")], mount: passthrough },
];

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
            Ok(()) => points.push(point),
            Err(reason) => println!("{}: left out, {reason:#}", foreign.name),
        }
    }
    let mut command = super::test_command(workspace, CRATE);
    let paths = std::env::join_paths(points.iter().map(|point| &point.path))?;
    command.args(["--", "--nocapture", FILTER]).args(filter).env(ENV, paths);
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

/// The layers lie on a tmpfs, because an overlay cannot be the upper layer of another one.
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

fn image(store: &Path) -> anyhow::Result<PathBuf> {
    let image = store.join("image");
    File::create_new(&image)?.set_len(SIZE)?;
    Ok(image)
}

fn mount(args: &[&str], point: &Path) -> anyhow::Result<()> {
    run(cmd::tool("mount").args(args).arg(point))
}

/// The driver goes on in the background and keeps its output open, so it gets none.
fn run(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_owned();
    let status = command.stdout(Stdio::null()).status()?;
    anyhow::ensure!(status.success(), "{} failed ({status})", program.display());
    Ok(())
}
