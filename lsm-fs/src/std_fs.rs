//! [`StdFs`]: the host's filesystem.
#![allow(
    clippy::disallowed_methods,
    reason = "this module is what the rest of the project reaches std::fs through"
)]

mod file;
mod lexical;
mod names;
// Chooses the platform: rustix on Unix, std and winapi-util on Windows. On the five Unix systems below, everywhere
// else, and with `--cfg lsm_fs_portable`, std alone.
#[cfg_attr(
    any(
        not(any(unix, windows)),
        lsm_fs_portable,
        target_os = "dragonfly",
        target_os = "haiku",
        target_os = "redox",
        target_os = "solaris",
        target_os = "illumos"
    ),
    path = "std_fs/portable/mod.rs"
)]
mod platform;
mod probe;

use std::{io, num::NonZeroUsize, path::Path};

use file::StdFile;

use crate::{
    DirectorySync, Error, Fs, FsAbilities, FsCapabilities, FsDirEntry, FsDirLock, FsFile, FsMetadata,
    FsOpenOptions, Op, Result, SyncMode, errno,
};

/// The host's filesystem, as the process sees it. Relative paths start at the working directory.
///
/// The type has no state, so all its values are the same backend.
///
/// # Platforms
///
/// | | Linux | macOS, iOS | the BSDs | Windows | others |
/// |---|---|---|---|---|---|
/// | how it is checked | conformance on ext4, XFS, btrfs, tmpfs | compiles, follows the manual | FreeBSD compiles, follows the manual | conformance under wine, with a list of exceptions | the portable code passes conformance on Linux |
/// | `rename_noreplace` | `renameat2` | `renameatx_np` | `Unsupported` | `Unsupported` | `Unsupported` |
/// | a rename over an open file | yes | yes | yes | yes on NTFS since Windows 10 | as the platform |
/// | a rename of a directory with open files | yes | yes | yes | fails (`rename_open_tree`) | as the platform |
/// | `beneath` | `openat2`, or a handle for each component | a handle for each component | a handle for each component | a check of each component before the call | a check of each component before the call |
/// | `beneath` stops at | every mount | mounts of other devices | mounts of other devices | no mount | no mount |
/// | an open of a pipe | never waits | never waits | never waits | refused after the open | checks before it opens |
/// | `reflink_file` | `FICLONE` | `fclonefileat` | `Unsupported` | `Unsupported` | `Unsupported` |
/// | `sync_directory` | `fsync` | `fsync`, `F_FULLFSYNC` for `Full` | `fsync` | `NotSupported` | `NotSupported`, but `fsync` on Unix |
/// | `try_lock_directory` | `flock` | `flock` | `flock` | a handle that is not shared for writing | `Unsupported` |
/// | `link_count`, `file_id`, `volume_id` | yes | yes | yes | yes | unknown, so `truncate_file` is `Unsupported` |
/// | `set_permissions`, private files | `fchown`, `fchmod` | `fchown`, `fchmod` | `fchown`, `fchmod` | ignored | ignored |
/// | `punch_hole` | `fallocate` | `Unsupported` | `Unsupported` | `Unsupported` | `Unsupported` |
/// | a sync through a read-only handle | yes | yes | yes | through a second handle, while the file has its name | as the platform |
/// | `try_lock_exclusive` | advisory | advisory | advisory | keeps readers out (`advisory_locks`) | as the platform |
/// | `next_data` | `SEEK_DATA` | `SEEK_DATA` | `SEEK_DATA` on FreeBSD, elsewhere all is data | all is data | all is data |
/// | `start_writeback` | `posix_fadvise` | nothing | nothing | nothing | nothing |
/// | `direct_io` | `O_DIRECT` | ignored | ignored | ignored | ignored |
/// | `available_space` | `statvfs` | `statvfs` | `statvfs` | `Unsupported` | `Unsupported` |
///
/// "Others" is the portable code, which uses only std. [PLATFORMS.md] shows how far each operation is tested on each
/// platform, and the last results of these tests.
///
/// [PLATFORMS.md]: https://docs.rs/crate/lsm-fs/latest/source/PLATFORMS.md
///
/// # Windows
///
/// - **Names.** A name that Windows would change or take for something else is refused as `InvalidFilename`: a trailing
///   dot or space, a colon, a wildcard, a device such as `NUL`. Paths may be longer than 260 characters.
/// - **Other processes.** A virus scanner may hold a file open for a moment. A rename, an open, or the removal of one
///   name that is refused for this reason is repeated for at most half a second. A read-only file takes two such
///   attempts. `remove_dir_all` repeats nothing.
/// - **Names are not durable.** `sync_directory` returns [`NotSupported`](DirectorySync::NotSupported). NTFS would
///   persist the names when the directory is flushed. Other filesystems of Windows report success and do nothing, and
///   std does not tell which filesystem it is.
/// - **Identity.** `file_id` has the 64 bits of `BY_HANDLE_FILE_INFORMATION`. On ReFS, two files can have the same id.
/// - **Read-only files** can be renamed, replaced and removed, as on Unix.
/// - **A directory lock** does not keep the directory from being renamed or removed, but its parents cannot be renamed.
///
/// # Views
///
/// On Linux, a view ([`beneath`](Fs::beneath)) resolves each path with at most one call of `openat2(2)`. If the kernel
/// is older than 5.6, if a seccomp filter refuses the call, and on other Unix systems, a view opens one component after
/// the other. Both methods are safe against concurrent changes of the directory. `openat2` distinguishes two mounts of
/// one device. The other method does so from Linux 5.8 on, by the number of the mount.
///
/// On Windows, and in the portable code, a view checks each component before the call. **If another process replaces a
/// directory by a link between the check and the call, the call leaves the root.** There is no handle, so a root does
/// not follow its directory through a rename. Mounts are not distinguished. `remove_dir_all` keeps one handle open for
/// each level of the tree.
///
/// # Opening
///
/// If an open finds a device, the driver sees an open and a close before the call is refused. On Linux, an open waits
/// if another process holds a lease on the file, until the kernel has broken the lease (`fcntl(2)`, `F_SETLEASE`).
///
/// # Write-back
///
/// On Linux, `start_writeback` is `POSIX_FADV_DONTNEED`. It starts asynchronous write-back of the dirty pages in the
/// range without waiting, and drops the clean ones. `sync_file_range(2)` would keep the clean pages, but it has no safe
/// binding.
///
/// # Errors
///
/// If a mount cannot sync directories (`EINVAL` from FUSE or SMB), `sync_directory` returns
/// [`NotSupported`](DirectorySync::NotSupported) instead of success.
///
/// # Examples
///
/// ```
/// use lsm_fs::{Fs, FsExt, StdFs, SyncMode};
///
/// # fn main() -> lsm_fs::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// let current = dir.path().join("current");
/// let _ = StdFs.rewrite_atomic(&current, b"v7", SyncMode::Normal)?;
/// assert_eq!(StdFs.read_to_vec(&current, 64)?, b"v7");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StdFs;

/// The number of the namespace of the host's paths. Any fixed number works, if no other namespace has it.
const HOST_NAMESPACE: u64 = u64::from_le_bytes(*b"host\0fs\0");

fn on<T>(op: Op, path: &Path, result: io::Result<T>) -> Result<T> {
    result.map_err(|e| Error::new(op, path, e))
}

fn between<T>(op: Op, from: &Path, to: &Path, result: io::Result<T>) -> Result<T> {
    result.map_err(|e| Error::with_paths(op, from, to, e))
}

impl Fs for StdFs {
    fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>> {
        on(Op::Beneath, root, platform::View::plain().with_root(root)).map(|view| Box::new(view) as _)
    }

    fn open(&self, path: &Path, options: &FsOpenOptions) -> Result<Box<dyn FsFile>> {
        on(Op::Open, path, StdFile::open(path, options)).map(|file| Box::new(file) as _)
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        on(Op::CreateDir, path, platform::create_dir(path))
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>> {
        on(Op::ReadDir, path, platform::read_dir(path))
    }

    fn metadata(&self, path: &Path) -> Result<FsMetadata> {
        on(Op::Metadata, path, platform::metadata(path))
    }

    fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata> {
        on(Op::SymlinkMetadata, path, platform::symlink_metadata(path))
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        on(Op::RemoveFile, path, platform::remove_file(path))
    }

    fn remove_dir(&self, path: &Path) -> Result<()> {
        on(Op::RemoveDir, path, platform::remove_dir(path))
    }

    fn remove_dir_all(&self, path: &Path) -> Result<()> {
        on(Op::RemoveDirAll, path, platform::remove_dir_all(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        between(Op::Rename, from, to, platform::rename(from, to))
    }

    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()> {
        between(Op::RenameNoreplace, from, to, platform::rename_noreplace(from, to))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
        between(Op::HardLink, from, to, platform::hard_link(from, to))
    }

    fn reflink_file(&self, from: &Path, to: &Path) -> Result<()> {
        platform::reflink(from, to).map(drop)
    }

    fn sync_directory(&self, path: &Path, mode: SyncMode) -> Result<DirectorySync> {
        on(Op::SyncDirectory, path, platform::sync_directory(path, mode))
    }

    fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
        let locked = on(Op::TryLockDirectory, path, platform::DirLock::try_lock(path))?;
        Ok(locked.map(|lock| Box::new(lock) as _))
    }

    fn backend_id(&self) -> Option<u64> {
        Some(HOST_NAMESPACE)
    }

    fn volume_id(&self, path: &Path) -> Result<u64> {
        on(Op::VolumeId, path, platform::volume_id(path))
    }

    fn capabilities(&self, path: &Path) -> Result<FsCapabilities> {
        // A missing directory is an error, whatever the mount can do.
        on(Op::Capabilities, path, platform::metadata(path))?;
        platform::capabilities(self, path)
    }

    fn available_space(&self, path: &Path) -> Result<u64> {
        on(Op::AvailableSpace, path, platform::available_space(path))
    }

    fn punch_hole(&self, path: &Path, offset: u64, len: u64) -> Result<()> {
        on(Op::PunchHole, path, names::punch_hole(|options| platform::open_file(path, options), offset, len))
    }

    fn truncate_file(&self, path: &Path, len: u64) -> Result<()> {
        on(Op::TruncateFile, path, names::truncate_file(|options| platform::open_file(path, options), len))
    }

    fn concurrency(&self) -> NonZeroUsize {
        CONCURRENCY
    }

    fn abilities(&self) -> Option<&dyn FsAbilities> {
        platform::abilities(self)
    }
}

/// Calls mostly wait for the device, so many of them can share few cores.
const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(80).unwrap();

/// Lets the kernel copy bytes between two open files. Returns `None` if it cannot.
pub(crate) fn copy_range(
    from: &std::fs::File,
    to: &std::fs::File,
    offset: u64,
    len: usize,
) -> io::Result<Option<usize>> {
    platform::copy_range(from, to, offset, len)
}

/// The error for a path that leads to a pipe, a socket or a device.
fn not_a_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "a pipe, a socket or a device, not a regular file")
}

/// The error for a change of an inode with several names.
fn shared_inode() -> io::Error {
    io::Error::from_raw_os_error(errno::EMLINK)
}
