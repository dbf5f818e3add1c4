//! [`Workdir`]: the directory of the mount points, and its clean-up.
//!
//! A second process, the cleaner, waits for the end of this process, whether normal or not. Then it unmounts and
//! detaches everything below the directory. It also cleans up after normal runs, so this code is exercised often.
//!
//! If this process is killed, one of its threads may be waiting for the disk that another of its threads served. The
//! process then never ends. The cleaner therefore waits for a third process, the watch, which the kernel kills when the
//! main thread of this process ends (`PR_SET_PDEATHSIG` in prctl(2)). The cleaner aborts the FUSE connection of the
//! disk, and the waiting thread gets an error.

use std::{
    fs,
    io::Read,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, bail};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::kind::run;

const PREFIX: &str = "lsm-powercut-";
/// The argument that starts the cleaner.
pub(crate) const CLEAN: &str = "--clean";

pub(crate) struct Workdir {
    path: PathBuf,
    watch: Child,
    cleaner: Child,
}

impl Workdir {
    /// Creates the directory. Also cleans up after earlier runs whose cleaner was killed.
    pub(crate) fn create() -> anyhow::Result<Self> {
        let base = std::env::temp_dir();
        for entry in fs::read_dir(&base)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let owner = name.strip_prefix(PREFIX).and_then(|pid| pid.parse::<u32>().ok());
            if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
                clean(&path)?;
            }
        }
        let path = base.join(format!("{PREFIX}{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "sleep", "infinity"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut watch = command.process_group(0).spawn().context("cannot start setpriv")?;
        let end = watch.stdout.take().context("it has a pipe")?;
        let mut command = Command::new("/proc/self/exe");
        // The cleaner has its own process group, so that signals from the terminal do not reach it.
        command.arg(CLEAN).arg(&path).stdin(Stdio::from(end)).process_group(0);
        let cleaner = command.spawn().context("cannot start the cleaner")?;
        Ok(Self { path, watch, cleaner })
    }

    /// Creates a directory in the working directory.
    pub(crate) fn dir(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(path)
    }

    /// Cleans everything up, and waits for the end of the clean-up.
    pub(crate) fn close(mut self) -> anyhow::Result<()> {
        self.watch.kill()?;
        self.watch.wait()?;
        if !self.cleaner.wait()?.success() {
            bail!("{} was not cleaned up", self.path.display());
        }
        Ok(())
    }
}

/// Waits for the end of the watch, then cleans up.
pub(crate) fn wait_and_clean(dir: &Path) -> anyhow::Result<()> {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    clean(dir)
}

/// Ends all requests to the disks below a directory with an error. Otherwise they would wait for a dead server forever.
fn abort(dir: &Path) -> anyhow::Result<()> {
    let control = dir.join("control");
    fs::create_dir_all(&control)?;
    mount("fusectl", &control, "fusectl", MountFlags::empty(), None)?;
    for line in fs::read_to_string("/proc/self/mountinfo")?.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [_, _, device, _, point, ..] = fields.as_slice() else { continue };
        if Path::new(point).starts_with(dir) && line.contains(" fuse lsm-powercut ") {
            let number = device.split(':').nth(1).unwrap_or_default();
            let _ = fs::write(control.join(number).join("abort"), "1");
        }
    }
    unmount(&control, UnmountFlags::empty())?;
    Ok(())
}

fn clean(dir: &Path) -> anyhow::Result<()> {
    if fs::read_to_string("/proc/self/mounts")?.lines().any(|line| line.contains(&*dir.to_string_lossy())) {
        abort(dir)?;
    }
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let fields = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let device = fields.next()?;
        let point = Path::new(fields.next()?);
        point.starts_with(dir).then(|| (device == "lsm-powercut", point.to_owned()))
    });
    let (disks, mounted): (Vec<_>, Vec<_>) = fields.partition(|(is_disk, _)| *is_disk);
    for (_, point) in mounted.iter().rev() {
        let _ = unmount(point, UnmountFlags::empty()).or_else(|_| unmount(point, UnmountFlags::DETACH));
    }
    for device in attached(dir)? {
        let _ = run(Command::new("losetup").arg("-d").arg(device));
    }
    for (_, point) in &disks {
        let _ = unmount(point, UnmountFlags::empty()).or_else(|_| unmount(point, UnmountFlags::DETACH));
    }
    if let Some(device) = attached(dir)?.first() {
        bail!("{} stays attached", device.display());
    }
    fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))
}

/// Returns the loop devices whose file lies below a directory, without those that detach themselves when closed.
fn attached(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/sys/block")? {
        let entry = entry?;
        let read = |name: &str| fs::read_to_string(entry.path().join(name)).unwrap_or_default();
        let (file, autoclear) = (read("loop/backing_file"), read("loop/autoclear"));
        if Path::new(file.trim()).starts_with(dir) && autoclear.trim() != "1" {
            found.push(Path::new("/dev").join(entry.file_name()));
        }
    }
    Ok(found)
}
