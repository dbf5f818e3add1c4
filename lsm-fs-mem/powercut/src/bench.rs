//! [`Bench`]: a place to test on, with a served disk, a loop device on it, and a mount point.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};
use fuser::BackgroundSession;
use rustix::{
    fs::{FallocateFlags, OFlags, fallocate},
    io::Errno,
    mount::{MountFlags, UnmountFlags, mount, unmount},
};

use crate::{
    disk::Disk,
    kind::{Kind, capture, run},
    log::{Log, Serving},
    server::{FILE, SIZE, serve},
    workdir::Workdir,
};

pub(crate) struct Bench {
    number: usize,
    pub(crate) serving: Serving,
    device: PathBuf,
    /// The open device. It detaches itself when the last file of it is closed, even if this process is killed.
    opened: File,
    session: BackgroundSession,
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
        let opened = OpenOptions::new().read(true).write(true).open(&device)?;
        // The kernel detaches an open device when it is closed (`loop_clr_fd` in `drivers/block/loop.c`).
        run(Command::new("losetup").arg("-d").arg(&device))?;
        let mut bench = Self { number, serving, device, opened, session, point, made: BTreeMap::new() };
        for kind in Kind::ALL {
            let disk = bench.make(kind).with_context(|| format!("cannot make {kind}"))?;
            bench.made.insert(kind, disk);
        }
        Ok(bench)
    }

    fn make(&self, kind: Kind) -> anyhow::Result<Disk> {
        self.serving.insert(Disk::default());
        self.drop_cache()?;
        kind.make(&self.device, &self.uuid(kind))?;
        self.opened.sync_all()?;
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

    fn mount(&self, kind: Kind) -> anyhow::Result<()> {
        self.try_mount(kind)?.with_context(|| format!("cannot mount {kind}"))
    }

    /// Mounts the disk as it is now. The inner error is an answer of the file system, and the outer one is a failure of
    /// the test itself.
    fn try_mount(&self, kind: Kind) -> anyhow::Result<Result<(), Errno>> {
        self.serving.forget_reads();
        self.drop_cache()?;
        match mount(&self.device, &self.point, kind.name(), MountFlags::NOATIME, None) {
            Err(Errno::BUSY) => bail!("{} is in use", self.device.display()),
            Err(error) => return Ok(Err(error)),
            Ok(()) => {}
        }
        if !self.serving.has_read(kind.superblock()) {
            self.unmount()?;
            bail!("the mount of {kind} has not read the superblock: the device has a stale cache");
        }
        Ok(Ok(()))
    }

    /// Drops all that the kernel has cached of the device, because the content of the disk was replaced without its
    /// knowledge.
    ///
    /// ext4 reads its superblock from this cache and leaves it there when it is unmounted. The kernel drops the cache
    /// at the last close of the device, but another program may have it open just then (`mkfs.btrfs`, `blkid`,
    /// `losetup -a`, and `mount -o loop` open every loop device). With the superblock of an unmounted disk, ext4 does
    /// not replay the journal of a disk after a power cut, and all that is only in the journal is missing.
    ///
    /// `fallocate` of a block device truncates the cache before it asks the device to punch (`blkdev_fallocate` in
    /// `block/fops.c`), which this device refuses. `BLKFLSBUF` would leave pages that are in use. The exclusive open
    /// fails if the device is still mounted anywhere.
    fn drop_cache(&self) -> anyhow::Result<()> {
        let flags = OFlags::EXCL.bits().cast_signed();
        let device = OpenOptions::new().read(true).write(true).custom_flags(flags).open(&self.device);
        let device = device.with_context(|| format!("{} is still in use", self.device.display()))?;
        match fallocate(&device, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, SIZE) {
            Err(Errno::OPNOTSUPP) => Ok(()),
            Err(error) => Err(error).context("cannot drop the cache of the device"),
            Ok(()) => bail!("the device has punched a hole"),
        }
    }

    fn unmount(&self) -> anyhow::Result<()> {
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
        if let Err(error) = self.try_mount(kind)? {
            return Ok(Err(Unmountable(format!("cannot mount {kind}: {error}"))));
        }
        let looked = look(&self.point);
        self.unmount()?;
        looked.map(Ok)
    }

    /// Detaches everything.
    pub(crate) fn close(self) {
        drop(self.opened);
        drop(self.session);
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
