//! The two directories of a batch, opened by handle if the backend supports it, and addressed by path otherwise.

use std::{ffi::OsStr, path::PathBuf};

use super::{LinkReport, NamePair, remove_after};
use crate::{DirPair, Fs, FsAbilities, FsFile, FsOpenOptions, OpenDirPair, Result};

/// Opens both directories. If that fails, falls back to paths: each call then fails in the same way and names its own
/// file.
pub(super) fn open_pair<'a, F: Fs + ?Sized>(fs: &'a F, dirs: DirPair<'a>) -> Box<dyn OpenDirPair + 'a> {
    let opened = fs.abilities().and_then(FsAbilities::bulk).and_then(|bulk| bulk.open_pair(dirs).ok());
    opened.unwrap_or_else(|| Box::new(ByPath { fs, dirs }))
}

/// An [`OpenDirPair`] that calls the backend with two paths.
struct ByPath<'a, F: ?Sized> {
    fs: &'a F,
    dirs: DirPair<'a>,
}

impl<F: ?Sized> ByPath<'_, F> {
    fn paths(&self, names: &NamePair<'_>) -> (PathBuf, PathBuf) {
        (self.dirs.from.join(names.from), self.dirs.to.join(names.to))
    }
}

impl<F: Fs + ?Sized> OpenDirPair for ByPath<'_, F> {
    fn hard_link_each(&self, names: &[NamePair<'_>], report: LinkReport<'_>) {
        for (index, pair) in names.iter().enumerate() {
            let (from, to) = self.paths(pair);
            if report(index, self.fs.hard_link(&from, &to)).is_break() {
                return;
            }
        }
    }

    fn reflink_file(&self, names: &NamePair<'_>, _: Option<u32>) -> Result<Box<dyn FsFile>> {
        let (from, to) = self.paths(names);
        self.fs.reflink_file(&from, &to)?;
        let mut unready = Unready { open: self, name: names.to, armed: true };
        let opened = self.fs.open(&to, &FsOpenOptions::new().write(true));
        unready.armed = false;
        opened.map_err(|e| remove_after(self.fs, &to, e))
    }

    fn remove_target(&self, name: &OsStr) -> Result<()> {
        self.fs.remove_file(&self.dirs.to.join(name))
    }
}

/// Removes a clone if the call that follows the clone panics. It is armed after the clone has succeeded: until then,
/// the name may belong to a file that was there before.
pub(super) struct Unready<'a> {
    pub(super) open: &'a dyn OpenDirPair,
    pub(super) name: &'a OsStr,
    pub(super) armed: bool,
}

impl Drop for Unready<'_> {
    fn drop(&mut self) {
        if self.armed {
            // The panic matters more than a failed removal.
            let _ = self.open.remove_target(self.name);
        }
    }
}
