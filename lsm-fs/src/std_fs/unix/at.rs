//! A name in an open directory, and files that are opened by it.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, openat, statat},
    io::{Errno, retry_on_intr},
};

use super::{beneath::guard::Guard, stat};
use crate::{FsFileType, FsOpenOptions, errno, std_fs::not_a_file};

/// A name relative to an open directory, or a path relative to the working directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    pub(super) dir: BorrowedFd<'a>,
    pub(super) name: &'a OsStr,
    /// Of a name in a view: how it is opened.
    pub(super) guard: Option<Guard>,
}

impl<'a> At<'a> {
    /// A path as the process sees it.
    pub(super) fn path(path: &'a Path) -> Self {
        Self { dir: CWD, name: path.as_os_str(), guard: None }
    }

    /// A name of a directory.
    pub(super) fn name(dir: &'a OwnedFd, name: &'a OsStr, guard: Option<Guard>) -> Self {
        Self { dir: dir.as_fd(), name, guard }
    }

    /// A signal may interrupt an open where a server is asked, as with FUSE and SMB.
    pub(super) fn open(&self, flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
        match &self.guard {
            None => retry_on_intr(|| openat(self.dir, self.name, flags, mode)),
            Some(guard) => guard.open(self.dir, Path::new(self.name), flags, mode),
        }
    }

    /// Opens a regular file and nothing else, without waiting for the other end of a pipe.
    pub(super) fn open_file(&self, options: &FsOpenOptions) -> io::Result<File> {
        let flags = flags(options);
        let mode = Mode::from_raw_mode(0o666);
        if options.create_new {
            // Nothing that is there already can be opened.
            return Ok(self.open(flags, mode)?.into());
        }
        let file = self.open_without_waiting(flags | OFlags::NONBLOCK | OFlags::NOCTTY, mode)?;
        match FileType::from_raw_mode(fstat(&file)?.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Err(io::Error::from_raw_os_error(errno::EISDIR)),
            _ => return Err(not_a_file()),
        }
        // Of the flags that can be set here, the file has no other.
        rustix::fs::fcntl_setfl(&file, if options.append { OFlags::APPEND } else { OFlags::empty() })?;
        Ok(file.into())
    }

    fn open_without_waiting(&self, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
        let started = Instant::now();
        loop {
            match self.open(flags, mode) {
                // A pipe that nobody reads, a socket, a device without a driver or on a mount without devices.
                Err(Errno::NXIO | Errno::NODEV | Errno::ACCESS) if self.is_special() => {
                    return Err(not_a_file());
                }
                // Another process has a lease on the file, which the kernel takes back (fcntl(2), F_SETLEASE).
                Err(Errno::AGAIN) if started.elapsed() < LEASE_BREAK_TIME => {
                    thread::sleep(Duration::from_millis(5));
                }
                opened => return Ok(opened?),
            }
        }
    }
}

impl At<'_> {
    /// Whether something other than a file or a directory has the name.
    fn is_special(&self) -> bool {
        let found = match &self.guard {
            None => statat(self.dir, self.name, AtFlags::empty()).map(|stat| stat::file_type(&stat)).ok(),
            Some(guard) => guard.stat(self.dir, Path::new(self.name)).map(|m| m.file_type).ok(),
        };
        found == Some(FsFileType::Other)
    }
}

/// The kernel gives the holder of a lease 45 seconds (/proc/sys/fs/lease-break-time).
const LEASE_BREAK_TIME: Duration = Duration::from_secs(60);

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
