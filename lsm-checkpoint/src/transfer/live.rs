//! [`Unconfined`]: the way to live files that lie below the target's parent.

use std::{io, path::Path};

use lsm_fs::Fs;

use super::Group;
use crate::{Result, view::may_confine};

/// The filesystem that the caller passed, and the target's parent.
///
/// A transfer works on a view of the parent, which follows no symbolic link and enters no mount. Live files may lie
/// below the parent, too. Their directories are trusted, so each of them becomes a root of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unconfined<'a> {
    pub(crate) fs: &'a dyn Fs,
    pub(crate) parent: &'a Path,
}

impl<'a> Unconfined<'a> {
    /// Opens a view of the directory of live files, if a view of the parent could refuse the way to it. The caller
    /// opens a view of the parent on top.
    ///
    /// Returns `None` if the directory is missing, because the calls for its files report that.
    pub(super) fn source_dir(&self, group: &Group<'_>) -> Result<Option<Box<dyn Fs + 'a>>> {
        if !group.is_live || !may_confine(self.parent, group.from_dir) {
            return Ok(None);
        }
        match self.fs.beneath(group.from_dir) {
            Ok(view) => Ok(Some(view)),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }
}
