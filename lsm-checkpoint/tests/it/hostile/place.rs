//! The two namespaces for hostile directories: the host and a filesystem in memory.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use lsm_fs::{Fs, StdFs};
use lsm_fs_mem::{MemFs, SpecialFile};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

/// A filesystem on which a test can create more than files and folders.
pub(crate) trait Place: Fs + Clone + 'static {
    /// Creates a symbolic link.
    fn link(&self, to: &Path, at: &Path);

    /// Creates a pipe, a socket or a device. Returns `false` if this is not allowed here.
    fn special(&self, kind: SpecialFile, at: &Path) -> bool;

    /// Mounts one file or folder over another. Returns `false` if this is not allowed here.
    fn mount(&self, from: &Path, at: &Path) -> bool;

    /// Unmounts everything below a folder.
    fn unmount_below(&self, root: &Path);

    /// Returns the text of a symbolic link, if it can be read.
    fn link_text(&self, at: &Path) -> Option<PathBuf>;
}

impl Place for StdFs {
    fn link(&self, to: &Path, at: &Path) {
        symlink(to, at).unwrap();
    }

    fn special(&self, kind: SpecialFile, at: &Path) -> bool {
        let file_type = match kind {
            SpecialFile::Pipe => FileType::Fifo,
            SpecialFile::Socket => FileType::Socket,
            _ => FileType::CharacterDevice,
        };
        // The device is /dev/zero, which is endless.
        let device = if file_type == FileType::CharacterDevice { makedev(1, 5) } else { 0 };
        let made = mknodat(CWD, at, file_type, Mode::RUSR | Mode::WUSR, device);
        assert!(made.is_ok() || kind == SpecialFile::Device, "{}: {made:?}", at.display());
        made.is_ok()
    }

    fn mount(&self, from: &Path, at: &Path) -> bool {
        mount(&["--bind".as_ref(), from.as_os_str(), at.as_os_str()], "mount")
    }

    fn unmount_below(&self, root: &Path) {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let points = mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from);
        let below: Vec<_> = points.filter(|point| point.starts_with(root)).collect();
        for point in below.iter().rev() {
            assert!(mount(&[point.as_os_str()], "umount"), "{}", point.display());
        }
    }

    fn link_text(&self, at: &Path) -> Option<PathBuf> {
        fs::read_link(at).ok()
    }
}

fn mount(args: &[&std::ffi::OsStr], command: &str) -> bool {
    let run = Command::new(command).args(args).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}

impl Place for MemFs {
    fn link(&self, to: &Path, at: &Path) {
        self.make_symlink(to, at).unwrap();
    }

    fn special(&self, kind: SpecialFile, at: &Path) -> bool {
        self.make_special(at, kind).unwrap();
        true
    }

    /// The volumes of a `MemFs` exist from the start, so nothing can be mounted.
    fn mount(&self, _: &Path, _: &Path) -> bool {
        false
    }

    fn unmount_below(&self, _: &Path) {}

    fn link_text(&self, _: &Path) -> Option<PathBuf> {
        None
    }
}
