//! The errnos that decisions are taken on, as the platform numbers them.
//!
//! [`std::io::ErrorKind`] has no variant for some of these (`ENOTTY`, `EIO`), and backends that do not stand on the
//! host need the numbers to report a refusal as the host would. On Windows the constants are the system error codes of
//! the same meaning; those without one are negative and never match.

#[cfg(unix)]
mod codes {
    use rustix::io::Errno;

    pub(super) const EACCES: i32 = Errno::ACCESS.raw_os_error();
    pub(super) const EAGAIN: i32 = Errno::AGAIN.raw_os_error();
    pub(super) const EBADF: i32 = Errno::BADF.raw_os_error();
    pub(super) const EDQUOT: i32 = Errno::DQUOT.raw_os_error();
    pub(super) const EEXIST: i32 = Errno::EXIST.raw_os_error();
    pub(super) const EINTR: i32 = Errno::INTR.raw_os_error();
    pub(super) const EINVAL: i32 = Errno::INVAL.raw_os_error();
    pub(super) const EIO: i32 = Errno::IO.raw_os_error();
    pub(super) const EISDIR: i32 = Errno::ISDIR.raw_os_error();
    pub(super) const ELOOP: i32 = Errno::LOOP.raw_os_error();
    pub(super) const EMLINK: i32 = Errno::MLINK.raw_os_error();
    pub(super) const EMFILE: i32 = Errno::MFILE.raw_os_error();
    pub(super) const ENAMETOOLONG: i32 = Errno::NAMETOOLONG.raw_os_error();
    pub(super) const ENFILE: i32 = Errno::NFILE.raw_os_error();
    pub(super) const ENOENT: i32 = Errno::NOENT.raw_os_error();
    pub(super) const ENOSPC: i32 = Errno::NOSPC.raw_os_error();
    pub(super) const ENOSYS: i32 = Errno::NOSYS.raw_os_error();
    pub(super) const ENOTDIR: i32 = Errno::NOTDIR.raw_os_error();
    pub(super) const ENOTEMPTY: i32 = Errno::NOTEMPTY.raw_os_error();
    pub(super) const ENOTSUP: i32 = Errno::NOTSUP.raw_os_error();
    pub(super) const ENOTTY: i32 = Errno::NOTTY.raw_os_error();
    pub(super) const EOPNOTSUPP: i32 = Errno::OPNOTSUPP.raw_os_error();
    pub(super) const EPERM: i32 = Errno::PERM.raw_os_error();
    pub(super) const EROFS: i32 = Errno::ROFS.raw_os_error();
    pub(super) const EXDEV: i32 = Errno::XDEV.raw_os_error();
}

#[cfg(not(unix))]
mod codes {
    pub(super) const EACCES: i32 = 5; // ERROR_ACCESS_DENIED
    pub(super) const EAGAIN: i32 = -11;
    pub(super) const EBADF: i32 = 6; // ERROR_INVALID_HANDLE
    pub(super) const EDQUOT: i32 = 1295; // ERROR_DISK_QUOTA_EXCEEDED
    pub(super) const EEXIST: i32 = 183; // ERROR_ALREADY_EXISTS
    pub(super) const EINTR: i32 = -4;
    pub(super) const EINVAL: i32 = 87; // ERROR_INVALID_PARAMETER
    pub(super) const EIO: i32 = 1117; // ERROR_IO_DEVICE
    pub(super) const EISDIR: i32 = 336; // ERROR_DIRECTORY_NOT_SUPPORTED
    pub(super) const ELOOP: i32 = 1921; // ERROR_CANT_RESOLVE_FILENAME
    pub(super) const EMLINK: i32 = 1142; // ERROR_TOO_MANY_LINKS
    pub(super) const EMFILE: i32 = 4; // ERROR_TOO_MANY_OPEN_FILES
    pub(super) const ENAMETOOLONG: i32 = 206; // ERROR_FILENAME_EXCED_RANGE
    pub(super) const ENFILE: i32 = -23;
    pub(super) const ENOENT: i32 = 2; // ERROR_FILE_NOT_FOUND
    pub(super) const ENOSPC: i32 = 112; // ERROR_DISK_FULL
    pub(super) const ENOSYS: i32 = 120; // ERROR_CALL_NOT_IMPLEMENTED
    pub(super) const ENOTDIR: i32 = 267; // ERROR_DIRECTORY
    pub(super) const ENOTEMPTY: i32 = 145; // ERROR_DIR_NOT_EMPTY
    pub(super) const ENOTSUP: i32 = 50; // ERROR_NOT_SUPPORTED
    pub(super) const ENOTTY: i32 = 1; // ERROR_INVALID_FUNCTION
    pub(super) const EOPNOTSUPP: i32 = 50; // ERROR_NOT_SUPPORTED
    pub(super) const EPERM: i32 = 1314; // ERROR_PRIVILEGE_NOT_HELD
    pub(super) const EROFS: i32 = 19; // ERROR_WRITE_PROTECT
    pub(super) const EXDEV: i32 = 17; // ERROR_NOT_SAME_DEVICE
}

macro_rules! publish {
    ($($name:ident: $meaning:literal,)+) => {
        $(#[doc = $meaning] pub const $name: i32 = codes::$name;)+
    };
}

publish! {
    EACCES: "Permission denied by the mode bits.",
    EAGAIN: "Not now.",
    EBADF: "The handle was not opened for this.",
    EDQUOT: "The quota is used up.",
    EEXIST: "The name is taken.",
    EINTR: "A signal came before anything was done.",
    EINVAL: "The filesystem does not take this argument.",
    EIO: "The device failed.",
    EISDIR: "A directory stands where a file is wanted.",
    ELOOP: "Symbolic links go round in circles.",
    EMLINK: "The inode has as many names as it can have.",
    EMFILE: "The process has as many files open as it may.",
    ENAMETOOLONG: "A name is longer than the filesystem takes.",
    ENFILE: "The system has as many files open as it can.",
    ENOENT: "Nothing has this name.",
    ENOSPC: "The volume is full.",
    ENOSYS: "The kernel has no such call.",
    ENOTDIR: "Something that is no directory stands in the path.",
    ENOTEMPTY: "The directory holds names.",
    ENOTSUP: "The filesystem cannot do this.",
    ENOTTY: "The filesystem does not know this ioctl.",
    EOPNOTSUPP: "The filesystem cannot do this.",
    EPERM: "Not permitted on this inode or mount, whoever asks.",
    EROFS: "The mount is read-only.",
    EXDEV: "The two paths lie on different mounts.",
}

/// What says "not between these two, not on this mount": see [`Error::allows_fallback`](crate::Error::allows_fallback).
pub(crate) const ALLOWS_FALLBACK: [i32; 9] =
    [EXDEV, EMLINK, EPERM, EACCES, EOPNOTSUPP, ENOTSUP, ENOSYS, EINVAL, ENOTTY];
