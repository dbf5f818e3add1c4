//! The operations that std has on no platform. Each is `Unsupported`, or gets the cautious answer.

use std::{fs::File, io, path::Path};

use crate::{Error, FileHint, FsAbilities, Op, Permissions, PermissionsSet, Result, StdFs};

pub(in crate::std_fs) fn unsupported<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

/// std has no calls by directory handle, and no switch for copy-on-write.
pub(in crate::std_fs) fn abilities(_: &StdFs) -> Option<&dyn FsAbilities> {
    None
}

pub(in crate::std_fs) fn rename_noreplace(from: &Path, _: &Path) -> io::Result<()> {
    std::fs::symlink_metadata(from)?;
    unsupported()
}

pub(in crate::std_fs) fn reflink(from: &Path, to: &Path) -> Result<()> {
    let refused = std::fs::metadata(from).and_then(|_| unsupported());
    refused.map_err(|e| Error::with_paths(Op::ReflinkFile, from, to, e))
}

pub(in crate::std_fs) fn punch_hole(_: &File, _: u64, _: u64) -> io::Result<()> {
    unsupported()
}

pub(in crate::std_fs) fn set_permissions(_: &File, _: &Permissions) -> io::Result<PermissionsSet> {
    Ok(PermissionsSet::default())
}

pub(in crate::std_fs) fn bypass_cache(_: &File, _: bool) -> bool {
    false
}

pub(in crate::std_fs) fn use_cache(_: &File) -> io::Result<()> {
    Ok(())
}

pub(in crate::std_fs) fn hint(_: &File, _: FileHint) -> io::Result<()> {
    Ok(())
}

pub(in crate::std_fs) fn start_writeback(_: &File, _: u64, _: u64) -> io::Result<()> {
    Ok(())
}

pub(in crate::std_fs) fn copy_range(_: &File, _: &File, _: u64, _: usize) -> io::Result<Option<usize>> {
    Ok(None)
}
