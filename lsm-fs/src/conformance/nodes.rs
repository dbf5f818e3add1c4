//! [`HostNodes`].

use std::path::{Path, PathBuf};

use super::OddNodes;

/// Creates special entries on the host's filesystem: symbolic links, a pipe, a socket, and a device if the process has
/// permission.
#[derive(Clone, Copy, Debug)]
pub struct HostNodes;

impl OddNodes for HostNodes {
    #[allow(clippy::panic, reason = "a subject that cannot be prepared fails its test")]
    fn symlink(&self, target: &Path, link: &Path) {
        if let Err(e) = std::os::unix::fs::symlink(target, link) {
            panic!("symlink {}: {e}", link.display());
        }
    }

    fn special(&self, dir: &Path) -> Vec<PathBuf> {
        let mut made = nodes(dir);
        let socket = dir.join("socket");
        // The socket is left out if its path is longer than a socket address can be.
        if std::os::unix::net::UnixListener::bind(&socket).is_ok() {
            made.push(socket);
        }
        made
    }
}

#[cfg(not(target_vendor = "apple"))]
fn nodes(dir: &Path) -> Vec<PathBuf> {
    use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
    let mode = Mode::from_raw_mode(0o600);
    // The device is `/dev/full`, which refuses accidental writes. Creating it requires `CAP_MKNOD`.
    let kinds = [("pipe", FileType::Fifo, 0), ("device", FileType::CharacterDevice, makedev(1, 7))];
    let made = kinds.into_iter().filter_map(|(name, kind, device)| {
        let path = dir.join(name);
        mknodat(CWD, &path, kind, mode, device).is_ok().then_some(path)
    });
    made.collect()
}

/// rustix has no `mknod` on this platform.
#[cfg(target_vendor = "apple")]
fn nodes(_: &Path) -> Vec<PathBuf> {
    Vec::new()
}
