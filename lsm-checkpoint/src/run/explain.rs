//! A name that the target's filesystem does not take, told from other failures of the call that makes it.

use std::{ffi::OsStr, io, path::Path};

use lsm_fs::{Fs, Op, errno};

use crate::{Error, StagedProblem, layout};

/// Looks at the failure of a call that was to make something in a staged directory.
///
/// An obstacle that is there under another spelling is a [`StagedMismatch`](Error::StagedMismatch): two names are one.
/// If a name is missing or invalid although its directory is there, the filesystem refuses the name
/// ([`NameRefused`](Error::NameRefused)). Any other error is returned as it is.
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

/// The path that a failed call was to make.
fn made_by(failure: &lsm_fs::Error) -> Option<&Path> {
    match failure.op() {
        Op::Open | Op::CreateDir => Some(failure.path()),
        Op::HardLink | Op::ReflinkFile => failure.other_path(),
        _ => None,
    }
}

/// Some filesystems say of a name with a character that they do not take that it is not there.
fn may_be_refusal(failure: &lsm_fs::Error) -> bool {
    failure.kind() == io::ErrorKind::NotFound || failure.raw_os_error() == Some(errno::EINVAL)
}

/// Tells if the name is taken by one that is spelled otherwise.
fn is_folded(fs: &dyn Fs, path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let fold = |name: &OsStr| name.to_str().map(layout::fold);
    fs.read_dir(lsm_fs::parent_of(path)).is_ok_and(|entries| {
        entries.iter().all(|entry| entry.name != name)
            && (entries.iter().any(|entry| fold(&entry.name) == fold(name))
                || fs.symlink_metadata(path).is_ok())
    })
}

/// Tells if nothing has the name, in a directory that is there.
fn is_free(fs: &dyn Fs, path: &Path) -> bool {
    let entries = fs.read_dir(lsm_fs::parent_of(path));
    entries.is_ok_and(|entries| entries.iter().all(|entry| Some(entry.name.as_os_str()) != path.file_name()))
}
