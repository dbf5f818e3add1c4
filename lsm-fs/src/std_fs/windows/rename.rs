//! Renames and links.

use std::{fs, io, path::Path};

use super::{
    error::{Refusal, refine},
    name, not_a_directory,
    remove::unhindered,
    stat::symlink_metadata,
};
use crate::{FsMetadata, errno};

/// Renames a file or directory. std replaces an open file, and an empty directory, by a rename with POSIX semantics
/// where the filesystem has it (`windows-hardware/drivers/ddi/ntifs/ns-ntifs-_file_rename_information`).
pub(in crate::std_fs) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    name::check(from)?;
    name::check(to)?;
    if let (Ok(source), Ok(target)) = (symlink_metadata(from), symlink_metadata(to)) {
        // Windows would let a directory replace a file.
        match (source.is_dir(), target.is_dir()) {
            (true, false) => return Err(not_a_directory()),
            (false, true) => return Err(io::Error::from_raw_os_error(errno::EISDIR)),
            (false, false) if are_two_names(from, &source, to, &target) => return Ok(()),
            _ => {}
        }
    }
    unhindered(to, &|| fs::rename(from, to), &|e| refusal(from, to, e)).map_err(|e| refine_pair(from, to, e))
}

/// Returns `true` if the paths are two hard links of one file, and not one name in two spellings.
fn are_two_names(from: &Path, source: &FsMetadata, to: &Path, target: &FsMetadata) -> bool {
    source.file_id == target.file_id
        && source.link_count.is_some_and(|names| names > 1)
        && matches!((fs::canonicalize(from), fs::canonicalize(to)), (Ok(from), Ok(to)) if from != to)
}

/// Decides if a refused rename may succeed later, and finds the POSIX error if not. Windows has one error for many
/// reasons.
fn refusal(from: &Path, to: &Path, error: io::Error) -> Refusal {
    if !symlink_metadata(from).is_ok_and(|source| source.is_dir()) {
        return Refusal::MayPass(error);
    }
    if is_below(from, to) {
        return Refusal::Final(io::Error::from_raw_os_error(errno::EINVAL));
    }
    match fs::read_dir(to).map(|mut names| names.next().is_some()) {
        Ok(true) => Refusal::Final(io::Error::from_raw_os_error(errno::ENOTEMPTY)),
        _ => Refusal::MayPass(error),
    }
}

fn is_below(from: &Path, to: &Path) -> bool {
    let parent = match to.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return false,
    };
    matches!((fs::canonicalize(from), fs::canonicalize(parent)), (Ok(from), Ok(parent)) if parent.starts_with(&from))
}

fn refine_pair(from: &Path, to: &Path, error: io::Error) -> io::Error {
    refine(if fs::symlink_metadata(from).is_ok() { to } else { from }, error)
}

/// Links a file. Refuses a symbolic link, because Microsoft's documentation does not say if the call would follow it.
pub(in crate::std_fs) fn hard_link(from: &Path, to: &Path) -> io::Result<()> {
    name::check(to)?;
    let source = symlink_metadata(from)?;
    if source.file_type.is_symlink() {
        return super::unsupported();
    }
    if source.is_dir() {
        return Err(io::Error::from_raw_os_error(errno::EACCES));
    }
    fs::hard_link(from, to).map_err(|e| refine_pair(from, to, e))
}
