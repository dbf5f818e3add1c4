//! What a mount can do: by its type where that tells, by trying where it does not.

use std::path::Path;

#[cfg(any(target_os = "linux", target_os = "android"))]
use crate::{Error, Op};
use crate::{FsCapabilities, Result, std_fs::StdFs};

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::std_fs) fn capabilities(fs: &StdFs, path: &Path) -> Result<FsCapabilities> {
    let stat = rustix::fs::statfs(path).map_err(|e| Error::new(Op::Capabilities, path, e))?;
    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the field's type differs between architectures; every magic number has 32 bits"
    )]
    let known = by_type(stat.f_type as u32);
    match known {
        Some(known) if known.reflink == Reflink::Always => Ok(known.capabilities(true)),
        Some(known) if known.reflink == Reflink::Never => Ok(known.capabilities(false)),
        // XFS has reflinks if it was made with them, and only a clone tells.
        Some(known) => Ok(known.capabilities(can_clone(path))),
        None => crate::std_fs::probe::probe(fs, path),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::std_fs) fn capabilities(fs: &StdFs, path: &Path) -> Result<FsCapabilities> {
    crate::std_fs::probe::probe(fs, path)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reflink {
    Always,
    Never,
    Ask,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[derive(Clone, Copy)]
struct Known {
    reflink: Reflink,
    /// Checks blocks as it reads them, scrubs them, writes them elsewhere, and can snapshot a tree.
    copy_on_write: bool,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Known {
    fn capabilities(self, reflink: bool) -> FsCapabilities {
        FsCapabilities {
            reflink,
            hard_link: true,
            rename_noreplace: true,
            punch_hole: true,
            directory_sync: true,
            per_block_integrity_on_read: self.copy_on_write,
            background_scrub: self.copy_on_write,
            copy_on_write: self.copy_on_write,
            native_snapshot: self.copy_on_write,
        }
    }
}

/// The types whose abilities follow from the type (magic numbers: linux/magic.h and the filesystems' own headers).
#[cfg(any(target_os = "linux", target_os = "android"))]
fn by_type(magic: u32) -> Option<Known> {
    const EXT: u32 = 0xEF53;
    const XFS: u32 = 0x5846_5342;
    const BTRFS: u32 = 0x9123_683E;
    const TMPFS: u32 = 0x0102_1994;
    const F2FS: u32 = 0xF2F5_2010;
    const BCACHEFS: u32 = 0xCA45_1A4E;
    let known = |reflink, copy_on_write| Some(Known { reflink, copy_on_write });
    match magic {
        EXT | TMPFS | F2FS => known(Reflink::Never, false),
        XFS => known(Reflink::Ask, false),
        BTRFS | BCACHEFS => known(Reflink::Always, true),
        _ => None,
    }
}

/// Clones one block between two files that never have a name, so a crash leaves nothing.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn can_clone(dir: &Path) -> bool {
    use rustix::fs::{Mode, OFlags, ioctl_ficlone, open};
    let unnamed = || open(dir, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, Mode::from_raw_mode(0o600));
    let cloned = unnamed().and_then(|source| {
        rustix::io::write(&source, &[1; 4096])?;
        ioctl_ficlone(unnamed()?, source)
    });
    cloned.is_ok()
}
