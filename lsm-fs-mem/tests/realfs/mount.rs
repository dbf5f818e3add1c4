//! The mounts, and the operations on them.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Serialises the tests, because they shut mounted filesystems down.
static TURN: Mutex<()> = Mutex::new(());

/// A mounted filesystem.
pub(crate) struct Mount {
    pub(crate) point: PathBuf,
    device: String,
    kind: String,
    _turn: Option<MutexGuard<'static, ()>>,
}

impl Mount {
    /// Returns the mount that the environment variable names.
    pub(crate) fn of(variable: &str) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let point = std::env::var_os(variable)
            .unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask realfs`"));
        let point = PathBuf::from(point);
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        let mut fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let own = fields.rfind(|fields| Path::new(fields[1]) == point).unwrap();
        Self { device: own[0].to_owned(), kind: own[2].to_owned(), point, _turn: Some(turn) }
    }

    /// Creates a directory on the mount.
    pub(crate) fn dir(&self, name: &str) -> PathBuf {
        let dir = self.point.join(name);
        std::fs::create_dir(&dir).unwrap();
        dir
    }

    pub(crate) fn is_in_memory(&self) -> bool {
        self.kind == "tmpfs"
    }

    /// Writes everything out and drops the cache.
    pub(crate) fn cool_down(&self) {
        self.sync();
        std::fs::write("/proc/sys/vm/drop_caches", "3").unwrap();
    }

    pub(crate) fn sync(&self) {
        run("sync", &["-f", self.point.to_str().unwrap()]);
    }

    /// Shuts the filesystem down as a power cut would: pending changes are lost, and the journal is not written out.
    pub(crate) fn shut_down(&self) {
        run("xfs_io", &["-x", "-c", "shutdown", self.point.to_str().unwrap()]);
    }

    /// Unmounts and mounts again, which replays the journal.
    pub(crate) fn remount(&self) {
        // Keeps the device open. Otherwise the loop device would detach itself at the unmount, and its backing file has
        // no name.
        let held = File::open(&self.device).unwrap();
        let point = self.point.to_str().unwrap();
        run("umount", &[point]);
        run("mount", &["-t", &self.kind, &self.device, point]);
        drop(held);
    }
}

/// A btrfs whose device is a file on an XFS. A copy of that file is the state of the device at one moment, which stands
/// in for a shutdown that btrfs does not offer.
pub(crate) struct Copied {
    store: Mount,
    image: PathBuf,
    pub(crate) btrfs: Mount,
}

impl Copied {
    pub(crate) fn on(store: Mount) -> Self {
        let dir = store.dir("device");
        let (image, point) = (dir.join("image"), dir.join("btrfs"));
        std::fs::create_dir(&point).unwrap();
        File::create(&image).unwrap().set_len(256 << 20).unwrap();
        run("mkfs.btrfs", &["-q", "-f", image.to_str().unwrap()]);
        run("mount", &["-o", "loop", image.to_str().unwrap(), point.to_str().unwrap()]);
        let btrfs = Mount { point, device: String::new(), kind: "btrfs".to_owned(), _turn: None };
        Self { store, image, btrfs }
    }

    /// Mounts the current state of the device, as after a power cut.
    pub(crate) fn crash(&self) {
        let moment = self.store.point.join("device/moment");
        let (image, copy) = (self.image.to_str().unwrap(), moment.to_str().unwrap());
        run("cp", &["--reflink=always", image, copy]);
        let point = self.btrfs.point.to_str().unwrap();
        run("umount", &[point]);
        std::fs::rename(&moment, &self.image).unwrap();
        run("mount", &["-o", "loop", image, point]);
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        run("umount", &[self.btrfs.point.to_str().unwrap()]);
    }
}

fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {error}");
}
