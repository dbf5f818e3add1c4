//! Links and clones, a directory at a time.

use std::{
    ffi::OsStr,
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use lsm_fs::{
    DirPair, Fs, NamePair,
    batch::{hard_link_batch, metadata_batch, reflink_batch},
    errno,
};

use super::{Done, Group, Transfer};
use crate::{Method, Result, SourceFile, source::Content};

/// What a method did for a group.
pub(super) struct Outcome {
    /// Positions that it did not serve.
    pub(super) left: Vec<usize>,
    /// Whether it is no use between these volumes at all.
    pub(super) by_volume: bool,
    /// One refusal.
    pub(super) refusal: Option<lsm_fs::Error>,
}

impl<'a> Transfer<'a> {
    /// Links or clones the files of a group.
    pub(super) fn share(&mut self, group: &Group<'_>, method: Method, items: &[usize]) -> Result<Outcome> {
        let pairs: Vec<NamePair<'_>> = items.iter().filter_map(|&at| self.names(at)).collect();
        let to_dir =
            self.means.dir.join(self.plan.dirs.get(group.dir).map_or(Path::new(""), PathBuf::as_path));
        let mut outcome = Outcome { left: Vec::new(), by_volume: false, refusal: None };
        let mut served = vec![false; items.len()];
        let (fs, mode) = (self.means.fs, self.means.mode);
        let mut report = |index: usize, result: lsm_fs::Result<()>| {
            let Some(&at) = items.get(index) else { return ControlFlow::Continue(()) };
            match result {
                Ok(()) => {
                    if let Some(served) = served.get_mut(index) {
                        *served = true;
                    }
                    self.shared(at, group.fs, method)
                }
                Err(refusal) if refusal.allows_fallback() => {
                    let by_volume = is_of_volumes(&refusal);
                    outcome.by_volume |= by_volume;
                    outcome.refusal = Some(refusal);
                    // A file with too many names says nothing about the next one.
                    if by_volume { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                }
                Err(error) => {
                    let error = self.blame(at, error);
                    self.stop_with(error)
                }
            }
        };
        let dirs = DirPair { from: &group.from_dir, to: &to_dir };
        match method {
            Method::HardLink => hard_link_batch(fs, dirs, &pairs, &mut report),
            _ => reflink_batch(fs, dirs, &pairs, mode, &mut report),
        }
        if let Some(error) = self.stop.take() {
            return Err(error);
        }
        outcome.left = items.iter().zip(&served).filter(|(_, served)| !**served).map(|(&at, _)| at).collect();
        Ok(outcome)
    }

    /// The name in the source and the one in the target.
    fn names(&self, at: usize) -> Option<NamePair<'a>> {
        let (item, file) = self.item(at)?;
        Some(NamePair { from: file.path()?.file_name()?, to: OsStr::new(&item.name) })
    }

    /// A file has its name in the target.
    pub(super) fn shared(&mut self, at: usize, fs: &dyn Fs, method: Method) -> ControlFlow<()> {
        let counted = self.len_of(at, fs).and_then(|len| {
            let checksum = self.item(at).and_then(|(_, file)| file.checksum);
            self.finish(at, Done { method, len, checksum, linkable: true }, len)
        });
        match counted {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => self.stop_with(error),
        }
    }

    /// Looks up the lengths that the snapshot does not know, a directory at a time.
    pub(super) fn measure(&mut self, group: &Group<'_>) -> Result<()> {
        let unknown = |&at: &usize| match self.item(at) {
            Some((_, SourceFile { content: Content::Immutable { len: None, .. }, .. })) => {
                Some((at, self.names(at)?.from))
            }
            _ => None,
        };
        let (unknown, names): (Vec<usize>, Vec<&OsStr>) = group.items.iter().filter_map(unknown).unzip();
        if unknown.is_empty() {
            return Ok(());
        }
        metadata_batch(group.fs, &group.from_dir, &names, &mut |index, found| {
            let Some(&at) = unknown.get(index) else { return ControlFlow::Continue(()) };
            match found {
                Ok(metadata) => {
                    if let Some(len) = self.lens.get_mut(at) {
                        *len = Some(metadata.len);
                    }
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    let error = self.blame(at, error);
                    self.stop_with(error)
                }
            }
        });
        self.stop.take().map_or(Ok(()), Err)
    }

    /// The length that the snapshot knows; otherwise that of the file, which does not change.
    pub(super) fn len_of(&self, at: usize, fs: &dyn Fs) -> Result<u64> {
        if let Some(len) = self.lens.get(at).copied().flatten() {
            return Ok(len);
        }
        match self.item(at).map(|(_, file)| &file.content) {
            Some(Content::Immutable { len: Some(len), .. } | Content::Prefix { len, .. }) => Ok(*len),
            Some(Content::Immutable { path, .. }) => {
                fs.metadata(path).map(|metadata| metadata.len).map_err(|e| self.blame(at, e))
            }
            _ => Ok(0),
        }
    }
}

/// Whether a refusal speaks of the two volumes, and not of one file: not of its number of names, its owner, its flags,
/// its blocks that are not written yet.
fn is_of_volumes(refusal: &lsm_fs::Error) -> bool {
    let of_file = [errno::EMLINK, errno::EACCES, errno::EAGAIN, errno::EINVAL, errno::EPERM];
    match refusal.raw_os_error() {
        Some(code) => !of_file.contains(&code),
        None => refusal.kind() == io::ErrorKind::Unsupported,
    }
}
