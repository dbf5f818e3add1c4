//! The error numbers by which callers decide, with the values of the platform.
//!
//! [`std::io::ErrorKind`] has no variant for some of them (`ENOTTY`, `EIO`). Backends that do not run on the host use
//! these numbers to report a refusal in the same way as the host. On Windows, the constants are the system error codes
//! with the same meaning. Constants without such a code are negative and match nothing.

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
    EAGAIN: "The resource is temporarily unavailable.",
    EBADF: "The handle was not opened for this operation.",
    EDQUOT: "The quota is exceeded.",
    EEXIST: "The name exists.",
    EINTR: "A signal interrupted the call before it did anything.",
    EINVAL: "The filesystem does not accept this argument.",
    EIO: "The device failed.",
    EISDIR: "The path leads to a directory, but a file is required.",
    ELOOP: "Symbolic links form a loop, or a link is not followed.",
    EMLINK: "The inode has the maximum number of names.",
    EMFILE: "The process has the maximum number of open files.",
    ENAMETOOLONG: "A name is longer than the filesystem allows.",
    ENFILE: "The system has the maximum number of open files.",
    ENOENT: "The name does not exist.",
    ENOSPC: "The volume is full.",
    ENOSYS: "The kernel does not have this call.",
    ENOTDIR: "A component of the path is not a directory.",
    ENOTEMPTY: "The directory is not empty.",
    ENOTSUP: "The filesystem does not support this operation.",
    ENOTTY: "The filesystem does not support this ioctl.",
    EOPNOTSUPP: "The filesystem does not support this operation.",
    EPERM: "The operation is not permitted on this inode or mount, even for the owner.",
    EROFS: "The mount is read-only.",
    EXDEV: "The two paths are on different mounts.",
}

/// Errors that concern only this pair of files or this mount. See
/// [`Error::allows_fallback`](crate::Error::allows_fallback).
pub(crate) const ALLOWS_FALLBACK: [i32; 9] =
    [EXDEV, EMLINK, EPERM, EACCES, EOPNOTSUPP, ENOTSUP, ENOSYS, EINVAL, ENOTTY];
