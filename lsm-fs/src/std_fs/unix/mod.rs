//! The backend for Unix, based on rustix. Differences between Linux and Apple are at single calls in this module. A
//! call that a platform lacks is `Unsupported`.

mod abilities;
mod at;
mod beneath;
mod capabilities;
mod clone;
mod link;
mod link_lookup;
mod lock;
mod permissions;
mod remove;
mod resolver;
mod stat;
mod sync;

use std::{
    fs::{File, Metadata},
    io,
    ops::Range,
    os::unix::fs::MetadataExt,
    path::Path,
};

pub(in crate::std_fs) use abilities::abilities;
pub(in crate::std_fs) use beneath::View;
pub(in crate::std_fs) use capabilities::capabilities;
pub(in crate::std_fs) use clone::reflink;
pub(in crate::std_fs) use link::{hard_link, rename_noreplace};
pub(in crate::std_fs) use lock::DirLock;
pub(in crate::std_fs) use permissions::set_permissions;
pub(in crate::std_fs) use remove::remove_dir_all;
pub(in crate::std_fs) use sync::{start_writeback, sync_all, sync_data, sync_directory};

pub(in crate::std_fs) use crate::std_fs::names::read_dir;
pub(in crate::std_fs) use std::fs::{create_dir, remove_dir, remove_file, rename};

use rustix::io::Errno;

use crate::{FileHint, FileId, FsMetadata, FsOpenOptions, Permissions, std_fs::names};

/// Opens a regular file, without waiting for the other end of a pipe.
pub(in crate::std_fs) fn open_file(path: &Path, options: &FsOpenOptions) -> io::Result<File> {
    at::At::path(path).open_file(options)
}

pub(in crate::std_fs) fn metadata(path: &Path) -> io::Result<FsMetadata> {
    std::fs::metadata(path).map(|m| describe(&m))
}

pub(in crate::std_fs) fn symlink_metadata(path: &Path) -> io::Result<FsMetadata> {
    std::fs::symlink_metadata(path).map(|m| describe(&m))
}

pub(in crate::std_fs) fn file_metadata(file: &File) -> io::Result<FsMetadata> {
    file.metadata().map(|m| describe(&m))
}

fn describe(m: &Metadata) -> FsMetadata {
    FsMetadata {
        link_count: Some(m.nlink()),
        file_id: Some(FileId { volume: m.dev(), inode: m.ino() }),
        // POSIX leaves the unit of `st_blocks` open. Linux (`inode(7)`), Apple and the BSDs count units of 512
        // bytes.
        allocated_bytes: Some(m.blocks().saturating_mul(512)),
        modified: m.modified().ok(),
        permissions: Some(Permissions { mode: m.mode() & 0o7777, owner: m.uid(), group: m.gid() }),
        ..FsMetadata::new(names::file_type(m.file_type()), m.len())
    }
}

pub(in crate::std_fs) fn volume_id(path: &Path) -> io::Result<u64> {
    Ok(std::fs::metadata(path)?.dev())
}

pub(in crate::std_fs) fn available_space(path: &Path) -> io::Result<u64> {
    free_bytes(&rustix::fs::statvfs(path)?)
}

/// Returns the free bytes. A filesystem that does not count its blocks reports 0 total blocks, for example a tmpfs
/// without a limit (`shmem_statfs` in `mm/shmem.c`) and many network filesystems.
fn free_bytes(stat: &rustix::fs::StatVfs) -> io::Result<u64> {
    match stat.f_blocks {
        0 => Err(io::ErrorKind::Unsupported.into()),
        _ => Ok(stat.f_bavail.saturating_mul(stat.f_frsize)),
    }
}

/// Kernels report the misuse of a handle as `EBADF`.
pub(in crate::std_fs) fn handle_error(error: io::Error) -> io::Error {
    error
}

pub(in crate::std_fs) fn set_len(file: &File, _: Option<&Path>, len: u64) -> io::Result<()> {
    file.set_len(len)
}

/// Positional reads and writes, made by the kernel. Only [`next_data`](Self::next_data) moves the position of the file,
/// and the lock admits one caller at a time.
#[derive(Debug, Default)]
pub(in crate::std_fs) struct Positioned(std::sync::Mutex<()>);

#[allow(clippy::unused_self, reason = "the portable twin locks for every call")]
impl Positioned {
    /// Makes the system call directly, because libc's wrapper is a cancellation point and costs more. An empty read
    /// makes one call, too, so that the kernel checks the handle and the offset.
    pub(in crate::std_fs) fn read_at(&self, file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        loop {
            let (_, rest) = buf.split_at_mut(filled);
            match rustix::io::pread(file, rest, offset.saturating_add(filled as u64)) {
                Ok(0) => return Ok(filled),
                Ok(n) => filled += n,
                Err(Errno::INTR) => continue,
                Err(e) => return Err(e.into()),
            }
            if filled >= buf.len() {
                return Ok(filled);
            }
        }
    }

    pub(in crate::std_fs) fn write_at(&self, file: &File, buf: &[u8], offset: u64) -> io::Result<()> {
        let mut written = 0;
        loop {
            let (_, rest) = buf.split_at(written);
            match rustix::io::pwrite(file, rest, offset.saturating_add(written as u64)) {
                Ok(0) if !rest.is_empty() => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => written += n,
                Err(Errno::INTR) => continue,
                Err(e) => return Err(e.into()),
            }
            if written >= buf.len() {
                return Ok(());
            }
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple", target_os = "freebsd"))]
    pub(in crate::std_fs) fn next_data(
        &self,
        file: &File,
        offset: u64,
        len: u64,
    ) -> io::Result<Option<Range<u64>>> {
        use rustix::fs::{SeekFrom, seek};
        let _only = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // The kernel reports the result by moving the position that reads and writes use.
        let position = rustix::fs::tell(file)?;
        let found = match seek(file, SeekFrom::Data(offset)) {
            Ok(start) => seek(file, SeekFrom::Hole(start)).map(|end| Some(start..end)),
            Err(Errno::NXIO) => Ok(None),
            Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(Some(offset..len)),
            Err(e) => Err(e),
        };
        seek(file, SeekFrom::Start(position))?;
        Ok(found?)
    }

    #[cfg(not(any(
        target_os = "linux",
        target_os = "android",
        target_vendor = "apple",
        target_os = "freebsd"
    )))]
    pub(in crate::std_fs) fn next_data(
        &self,
        _: &File,
        offset: u64,
        len: u64,
    ) -> io::Result<Option<Range<u64>>> {
        Ok(Some(offset..len))
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::std_fs) fn punch_hole(file: &File, offset: u64, len: u64) -> io::Result<()> {
    use rustix::fs::FallocateFlags;
    Ok(rustix::fs::fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, offset, len)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::std_fs) fn punch_hole(_: &File, _: u64, _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Enables direct transfers after the open. With the flag in `open`, a mount without direct I/O may create the file and
/// then refuse it. Returns `false` if the mount refuses.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::std_fs) fn bypass_cache(file: &File, append: bool) -> bool {
    use rustix::fs::OFlags;
    // std sets no other flag that can be changed here (`fcntl(2)`, `F_SETFL`).
    let flags = if append { OFlags::APPEND } else { OFlags::empty() };
    // The flag is a hint, so a refusal leaves an ordinary handle.
    rustix::fs::fcntl_setfl(file, flags | OFlags::DIRECT).is_ok()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::std_fs) fn bypass_cache(_: &File, _: bool) -> bool {
    false
}

/// Disables direct transfers.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::std_fs) fn use_cache(file: &File) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(file)?;
    Ok(rustix::fs::fcntl_setfl(file, flags - rustix::fs::OFlags::DIRECT)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::std_fs) fn use_cache(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub(in crate::std_fs) fn hint(file: &File, hint: FileHint) -> io::Result<()> {
    use rustix::fs::Advice;
    let advice = match hint {
        FileHint::Sequential => Advice::Sequential,
        FileHint::Random => Advice::Random,
        FileHint::WillNeed => Advice::WillNeed,
        FileHint::DontNeed => Advice::DontNeed,
    };
    match rustix::fs::fadvise(file, 0, None, advice) {
        Ok(()) | Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
pub(in crate::std_fs) fn hint(_: &File, _: FileHint) -> io::Result<()> {
    Ok(())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::std_fs) fn disable_cow(path: &Path) -> io::Result<bool> {
    disable_cow_at(&at::At::path(path))
}

/// Sets the flag on a file or directory.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn disable_cow_at(at: &at::At<'_>) -> io::Result<bool> {
    use rustix::fs::{IFlags, Mode, OFlags, ioctl_getflags, ioctl_setflags};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = at.open(flags, Mode::empty())?;
    let set = ioctl_getflags(&file).and_then(|flags| ioctl_setflags(&file, flags | IFlags::NOCOW));
    match set {
        // Filesystems without the flag ignore it silently.
        Ok(()) => Ok(ioctl_getflags(&file)?.contains(IFlags::NOCOW)),
        Err(Errno::NOTTY | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::std_fs) fn disable_cow(path: &Path) -> io::Result<bool> {
    std::fs::metadata(path).map(|_| false)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn disable_cow_at(at: &at::At<'_>) -> io::Result<bool> {
    use rustix::fs::{Mode, OFlags};
    at.open(OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?;
    Ok(false)
}

/// Lets the kernel copy up to `len` bytes to the same offset of another file. Returns `None` if it cannot copy between
/// these files.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::std_fs) fn copy_range(
    from: &File,
    to: &File,
    offset: u64,
    len: usize,
) -> io::Result<Option<usize>> {
    let (mut read_at, mut write_at) = (offset, offset);
    let copied = rustix::io::retry_on_intr(|| {
        rustix::fs::copy_file_range(from, Some(&mut read_at), to, Some(&mut write_at), len)
    });
    match copied {
        Ok(moved) => Ok(Some(moved)),
        Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::std_fs) fn copy_range(_: &File, _: &File, _: u64, _: usize) -> io::Result<Option<usize>> {
    Ok(None)
}
