//! Errno names as POSIX defines them, which are the same on every machine.

use lsm_fs::errno::{
    EACCES, EAGAIN, EBADF, EDQUOT, EEXIST, EINTR, EINVAL, EIO, EISDIR, ELOOP, EMFILE, EMLINK, ENAMETOOLONG,
    ENFILE, ENOENT, ENOSPC, ENOSYS, ENOTDIR, ENOTEMPTY, ENOTSUP, ENOTTY, EOPNOTSUPP, EPERM, EROFS, EXDEV,
};

/// If two names share a number, the first one is printed and both are parsed.
const NAMES: [(&str, i32); 25] = [
    ("EACCES", EACCES),
    ("EAGAIN", EAGAIN),
    ("EBADF", EBADF),
    ("EDQUOT", EDQUOT),
    ("EEXIST", EEXIST),
    ("EINTR", EINTR),
    ("EINVAL", EINVAL),
    ("EIO", EIO),
    ("EISDIR", EISDIR),
    ("ELOOP", ELOOP),
    ("EMFILE", EMFILE),
    ("EMLINK", EMLINK),
    ("ENAMETOOLONG", ENAMETOOLONG),
    ("ENFILE", ENFILE),
    ("ENOENT", ENOENT),
    ("ENOSPC", ENOSPC),
    ("ENOSYS", ENOSYS),
    ("ENOTDIR", ENOTDIR),
    ("ENOTEMPTY", ENOTEMPTY),
    ("EOPNOTSUPP", EOPNOTSUPP),
    ("ENOTSUP", ENOTSUP),
    ("ENOTTY", ENOTTY),
    ("EPERM", EPERM),
    ("EROFS", EROFS),
    ("EXDEV", EXDEV),
];

/// Returns the name of an errno, such as `EIO`. A number that is not in `NAMES` is printed as digits after an `E`.
pub(crate) fn errno_name(code: i32) -> String {
    let name = NAMES.iter().find(|(_, number)| *number == code);
    name.map_or_else(|| format!("E{code}"), |(name, _)| (*name).to_owned())
}

/// Parses a name that [`errno_name`] printed.
pub(crate) fn errno_by_name(name: &str) -> Option<i32> {
    let known = NAMES.iter().find(|(known, _)| *known == name);
    known.map(|(_, number)| *number).or_else(|| name.strip_prefix('E')?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errno_names_round_trip() {
        for (name, number) in NAMES {
            assert_eq!(errno_by_name(name), Some(number));
            assert_eq!(errno_by_name(&errno_name(number)), Some(number));
        }
        assert_eq!(errno_by_name(&errno_name(4321)), Some(4321));
        assert_eq!(errno_by_name("EWHAT"), None);
    }
}
