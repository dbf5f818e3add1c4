//! Distinguishes a name that the target's filesystem refuses from other failures to make an entry.

use std::{ffi::OsStr, io, path::Path};

use lsm_fs::{Fs, Op, errno};

use crate::{Error, StagedProblem, layout};

/// Explains the failure of a call that makes an entry in a staged directory.
///
/// If the name is taken by an entry with another spelling, the filesystem folds two names into one
/// ([`StagedMismatch`](Error::StagedMismatch)). If a name is reported as missing or invalid although its directory
/// exists, the filesystem refuses the name ([`NameRefused`](Error::NameRefused)). Any other error is returned
/// unchanged.
pub(super) fn explain(fs: &dyn Fs, dir: &Path, error: Error) -> Error {
    let Error::Fs(failure) = error else { return error };
    let Some(path) = made_by(&failure).filter(|path| path.starts_with(dir)) else { return failure.into() };
    let path = path.to_path_buf();
    match failure.kind() {
        io::ErrorKind::AlreadyExists if is_folded(fs, &path) => {
            Error::StagedMismatch { path, problem: StagedProblem::Folded }
        }
        _ if may_be_refusal(&failure) && is_free(fs, &path) => Error::NameRefused { path, source: failure },
        _ => failure.into(),
    }
}

/// Returns the path that a failed call was to make.
fn made_by(failure: &lsm_fs::Error) -> Option<&Path> {
    match failure.op() {
        Op::Open | Op::CreateDir => Some(failure.path()),
        Op::HardLink | Op::ReflinkFile => failure.other_path(),
        _ => None,
    }
}

/// Returns `true` if the failure may be a refused name. Filesystems report `EINVAL` or `NotFound`. For example, exFAT
/// reports the first for a forbidden character, and the second for a name of dots (`__exfat_resolve_path` in
/// `fs/exfat/namei.c`).
fn may_be_refusal(failure: &lsm_fs::Error) -> bool {
    failure.kind() == io::ErrorKind::NotFound || failure.raw_os_error() == Some(errno::EINVAL)
}

/// Returns `true` if an entry with another spelling has taken the name.
fn is_folded(fs: &dyn Fs, path: &Path) -> bool {
    let Some(name) = path.file_name() else { return false };
    let fold = |name: &OsStr| name.to_str().map(layout::fold);
    fs.read_dir(lsm_fs::parent_of(path)).is_ok_and(|entries| {
        entries.iter().all(|entry| entry.name != name)
            && (entries.iter().any(|entry| fold(&entry.name) == fold(name))
                || fs.symlink_metadata(path).is_ok())
    })
}

/// Returns `true` if the directory exists and no entry in it has the name.
fn is_free(fs: &dyn Fs, path: &Path) -> bool {
    let entries = fs.read_dir(lsm_fs::parent_of(path));
    entries.is_ok_and(|entries| entries.iter().all(|entry| Some(entry.name.as_os_str()) != path.file_name()))
}
