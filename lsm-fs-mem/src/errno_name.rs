//! Errnos by the names that POSIX gives them, which are the same on every machine.

use lsm_fs::errno::{
    EACCES, EBADF, EDQUOT, EEXIST, EINTR, EINVAL, EIO, EISDIR, ELOOP, EMLINK, ENAMETOOLONG, ENOENT, ENOSPC,
    ENOSYS, ENOTDIR, ENOTEMPTY, ENOTSUP, ENOTTY, EOPNOTSUPP, EPERM, EROFS, EXDEV,
};

/// Where two names share a number, the first is printed and both are read.
const NAMES: [(&str, i32); 22] = [
    ("EACCES", EACCES),
    ("EBADF", EBADF),
    ("EDQUOT", EDQUOT),
    ("EEXIST", EEXIST),
    ("EINTR", EINTR),
    ("EINVAL", EINVAL),
    ("EIO", EIO),
    ("EISDIR", EISDIR),
    ("ELOOP", ELOOP),
    ("EMLINK", EMLINK),
    ("ENAMETOOLONG", ENAMETOOLONG),
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

/// `EIO` and the like, or the bare number of one that has no constant in [`lsm_fs::errno`].
pub(crate) fn errno_name(code: i32) -> String {
    let name = NAMES.iter().find(|(_, number)| *number == code);
    name.map_or_else(|| format!("E{code}"), |(name, _)| (*name).to_owned())
}

/// The number that [`errno_name`] printed.
pub(crate) fn errno_by_name(name: &str) -> Option<i32> {
    let known = NAMES.iter().find(|(known, _)| *known == name);
    known.map(|(_, number)| *number).or_else(|| name.strip_prefix('E')?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_number() {
        for (name, number) in NAMES {
            assert_eq!(errno_by_name(name), Some(number));
            assert_eq!(errno_by_name(&errno_name(number)), Some(number));
        }
        assert_eq!(errno_by_name(&errno_name(4321)), Some(4321));
        assert_eq!(errno_by_name("EWHAT"), None);
    }
}
