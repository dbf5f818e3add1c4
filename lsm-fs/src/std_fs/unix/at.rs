//! A name in an open directory, and opening files by such a name.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, openat, statat},
    io::{Errno, retry_on_intr},
};

use super::{resolver::Resolver, stat};
use crate::{FsFileType, FsOpenOptions, Permissions, errno, std_fs::not_a_file};

/// Returns the mode to create a file with. Without a request, only the owner can use the file.
pub(super) fn created_with(mode: Option<u32>) -> Mode {
    let mode = mode.unwrap_or(0o600) & Permissions::SETTABLE;
    // The type of a mode is smaller on some platforms.
    Mode::from_raw_mode(mode as _)
}

/// A name relative to an open directory, or a path relative to the working directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    pub(super) dir: BorrowedFd<'a>,
    pub(super) name: &'a OsStr,
    /// The resolver that opens the name, if it is in a view.
    pub(super) resolver: Option<Resolver>,
}

impl<'a> At<'a> {
    /// A path, as the process resolves it.
    pub(super) fn path(path: &'a Path) -> Self {
        Self { dir: CWD, name: path.as_os_str(), resolver: None }
    }

    /// A name in a directory.
    pub(super) fn name(dir: &'a OwnedFd, name: &'a OsStr, resolver: Option<Resolver>) -> Self {
        Self { dir: dir.as_fd(), name, resolver }
    }

    /// Opens the name. A signal may interrupt an open that waits for a server, as on FUSE and SMB.
    pub(super) fn open(&self, flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
        match &self.resolver {
            None => retry_on_intr(|| openat(self.dir, self.name, flags, mode)),
            Some(resolver) => resolver.open(self.dir, Path::new(self.name), flags, mode),
        }
    }

    /// Opens a regular file and nothing else, without waiting for the other end of a pipe.
    pub(super) fn open_file(&self, options: &FsOpenOptions) -> io::Result<File> {
        let flags = flags(options);
        let mode = match options.private {
            true => created_with(options.created_with),
            false => Mode::from_raw_mode(0o666),
        };
        if options.create_new {
            // The call creates the file, so it cannot open a pipe or a device.
            return Ok(self.open(flags, mode)?.into());
        }
        let file = self.open_without_waiting(flags | OFlags::NONBLOCK | OFlags::NOCTTY, mode)?;
        match FileType::from_raw_mode(fstat(&file)?.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Err(io::Error::from_raw_os_error(errno::EISDIR)),
            _ => return Err(not_a_file()),
        }
        // Clears `O_NONBLOCK`. Of the other flags that `F_SETFL` sets (`fcntl(2)`), the file can have `O_APPEND`.
        rustix::fs::fcntl_setfl(&file, if options.append { OFlags::APPEND } else { OFlags::empty() })?;
        Ok(file.into())
    }

    fn open_without_waiting(&self, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
        match self.open(flags, mode) {
            // The errors for a pipe without a reader, a socket, and a device without a driver or on a `nodev` mount
            // (open(2), ENXIO and EACCES).
            Err(Errno::NXIO | Errno::NODEV | Errno::ACCESS) if self.is_special() => Err(not_a_file()),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Err(Errno::AGAIN) => self.open_leased(flags),
            opened => Ok(opened?),
        }
    }

    /// Opens a file on which another process holds a lease, after waiting for the kernel to break the lease
    /// (`fcntl(2)`, `F_SETLEASE`). Only regular files have leases. The handle ensures that the second open gets the
    /// file that was checked.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn open_leased(&self, flags: OFlags) -> io::Result<OwnedFd> {
        let named = self.open(OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        if !FileType::from_raw_mode(fstat(&named)?.st_mode).is_file() {
            return Err(not_a_file());
        }
        let again = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&named));
        let flags = flags - (OFlags::NONBLOCK | OFlags::CREATE);
        Ok(retry_on_intr(|| openat(CWD, again.as_str(), flags, Mode::empty()))?)
    }
}

impl At<'_> {
    /// Returns `true` if the name is neither a file nor a directory nor a link to one.
    fn is_special(&self) -> bool {
        let found = match &self.resolver {
            None => statat(self.dir, self.name, AtFlags::empty()).map(|stat| stat::file_type(&stat)).ok(),
            Some(resolver) => resolver.stat(self.dir, Path::new(self.name)).map(|m| m.file_type).ok(),
        };
        found == Some(FsFileType::Other)
    }
}

fn flags(options: &FsOpenOptions) -> OFlags {
    let mut flags = OFlags::CLOEXEC;
    flags |= match (options.read, options.write || options.append) {
        (true, true) => OFlags::RDWR,
        (false, true) => OFlags::WRONLY,
        _ => OFlags::RDONLY,
    };
    flags.set(OFlags::APPEND, options.append);
    flags.set(OFlags::CREATE, options.create || options.create_new);
    flags.set(OFlags::EXCL, options.create_new);
    // A new file is empty anyway.
    flags.set(OFlags::TRUNC, options.truncate && !options.create_new);
    flags
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    /// rustix cannot take a lease, so the test calls the second open directly.
    #[test]
    fn only_a_regular_file_is_opened_after_a_lease() {
        let dir = tempfile::tempdir().unwrap();
        let (file, pipe) = (dir.path().join("file"), dir.path().join("pipe"));
        std::fs::write(&file, "bytes").unwrap();
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC | OFlags::NONBLOCK;
        let opened = At::path(&file).open_leased(flags).unwrap();
        assert!(!rustix::fs::fcntl_getfl(&opened).unwrap().contains(OFlags::NONBLOCK));
        assert_eq!(std::fs::read(&file).unwrap(), b"");
        let refused = At::path(&pipe).open_leased(OFlags::RDONLY).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn an_open_file_is_blocking_and_keeps_its_other_flags() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "bytes").unwrap();
        let opened = |options: FsOpenOptions| {
            let file = At::path(&path).open_file(&options).unwrap();
            rustix::fs::fcntl_getfl(&file).unwrap()
        };
        let append = opened(FsOpenOptions::new().append(true));
        assert!(append.contains(OFlags::APPEND) && !append.contains(OFlags::NONBLOCK), "{append:?}");
        let both = opened(FsOpenOptions::new().read(true).write(true));
        assert!(both.contains(OFlags::RDWR) && !both.contains(OFlags::NONBLOCK), "{both:?}");
    }
}
