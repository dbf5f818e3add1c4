//! [`Bench`]: a disk that is served, a loop device on it, and a mount point.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};
use fuser::BackgroundSession;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::{
    disk::Disk,
    kind::{Kind, capture, run},
    log::{Log, Serving},
    server::{FILE, serve},
    workdir::Workdir,
};

pub(crate) struct Bench {
    number: usize,
    pub(crate) serving: Serving,
    session: BackgroundSession,
    device: PathBuf,
    /// The mount point of the disk.
    pub(crate) point: PathBuf,
    /// The empty file systems.
    made: BTreeMap<Kind, Disk>,
}

impl Bench {
    pub(crate) fn new(workdir: &Workdir, number: usize) -> anyhow::Result<Self> {
        let (dir, point) =
            (workdir.dir(&format!("served-{number}"))?, workdir.dir(&format!("mounted-{number}"))?);
        let serving = Serving::default();
        let session = serve(serving.clone(), &dir).context("cannot mount a FUSE file system")?;
        let attached = capture(Command::new("losetup").args(["--find", "--show"]).arg(dir.join(FILE)))?;
        let device = PathBuf::from(attached);
        let mut bench = Self { number, serving, session, device, point, made: BTreeMap::new() };
        for kind in Kind::ALL {
            let disk = bench.make(kind).with_context(|| format!("cannot make {kind}"))?;
            bench.made.insert(kind, disk);
        }
        Ok(bench)
    }

    fn make(&self, kind: Kind) -> anyhow::Result<Disk> {
        self.serving.insert(Disk::default());
        kind.make(&self.device, &self.uuid(kind))?;
        self.mount(kind)?;
        // mkfs.ext4 creates this directory, so it would be in every state.
        let _ = std::fs::remove_dir(self.point.join("lost+found"));
        self.unmount()?;
        Ok(self.serving.disk())
    }

    /// Returns a UUID that no other bench has, of this process or another.
    fn uuid(&self, kind: Kind) -> String {
        let (process, number) = (std::process::id(), self.number * 3 + kind as usize);
        format!("{process:08x}-0000-4000-8000-{number:012x}")
    }

    pub(crate) fn mount(&self, kind: Kind) -> anyhow::Result<()> {
        mount(&self.device, &self.point, kind.name(), MountFlags::NOATIME, None)
            .with_context(|| format!("cannot mount {kind}"))?;
        if self.serving.reads() == 0 {
            bail!("the mount has read nothing: the device has a stale cache");
        }
        Ok(())
    }

    pub(crate) fn unmount(&self) -> anyhow::Result<()> {
        unmount(&self.point, UnmountFlags::empty()).context("cannot unmount")
    }

    /// Runs `work` on an empty file system, and returns the log of its disk. Writes of the unmount are not in it.
    pub(crate) fn record(
        &self,
        kind: Kind,
        work: impl FnOnce(&Mounted<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<Log> {
        let disk = self.made.get(&kind).context("it was made")?;
        self.record_on(kind, disk, work)
    }

    /// Runs `work` on a disk, and returns its log.
    pub(crate) fn record_on(
        &self,
        kind: Kind,
        disk: &Disk,
        work: impl FnOnce(&Mounted<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<Log> {
        self.serving.insert(disk.clone());
        self.serving.start_log();
        let result = self.mount(kind).and_then(|()| {
            let result = work(&Mounted { bench: self, kind });
            let log = self.serving.take_log();
            self.unmount()?;
            result.map(|()| log)
        });
        let _ = self.serving.take_log();
        result
    }

    /// Mounts a disk, so that it recovers, and passes the mount point to `look`.
    pub(crate) fn recover<T>(
        &self,
        kind: Kind,
        disk: &Disk,
        look: impl FnOnce(&Path) -> anyhow::Result<T>,
    ) -> anyhow::Result<Result<T, Unmountable>> {
        self.serving.insert(disk.clone());
        if let Err(error) = self.mount(kind) {
            return Ok(Err(Unmountable(format!("{error:#}"))));
        }
        let looked = look(&self.point);
        self.unmount()?;
        looked.map(Ok)
    }

    /// Detaches everything.
    pub(crate) fn close(self) -> anyhow::Result<()> {
        run(Command::new("losetup").arg("-d").arg(&self.device))?;
        drop(self.session);
        Ok(())
    }
}

/// A disk that does not mount, and the reason.
pub(crate) struct Unmountable(pub(crate) String);

/// A file system in use.
pub(crate) struct Mounted<'b> {
    bench: &'b Bench,
    kind: Kind,
}

impl Mounted<'_> {
    pub(crate) fn root(&self) -> &Path {
        &self.bench.point
    }

    /// Records in the log that the workload has reached this step.
    pub(crate) fn mark(&self, step: usize) {
        self.bench.serving.mark(step);
    }

    /// Writes everything to the disk.
    pub(crate) fn settle(&self) -> anyhow::Result<()> {
        rustix::fs::syncfs(std::fs::File::open(self.root())?).context("cannot sync")
    }

    /// Unmounts and mounts again, so that the kernel caches nothing of the disk.
    pub(crate) fn remount(&self) -> anyhow::Result<()> {
        self.bench.unmount()?;
        self.bench.mount(self.kind)
    }

    /// Starts a commit in the background, if the file system has a call for it. Writing the label of a btrfs wakes its
    /// commit thread (`btrfs_label_store` in `fs/btrfs/sysfs.c`), as the ioctl `START_SYNC` does.
    pub(crate) fn start_commit(&self) -> anyhow::Result<()> {
        if self.kind == Kind::Btrfs {
            let uuid = self.bench.uuid(self.kind);
            std::fs::write(format!("/sys/fs/btrfs/{uuid}/label"), "powercut\n")?;
        }
        Ok(())
    }
}
