//! The base of a checkpoint: required or optional, and opened.

use std::path::Path;

use lsm_fs::Fs;

use super::Checkpoint;
use crate::{CheckpointInfo, Error, Result, transfer::Base, view};

/// The base that the caller names.
#[derive(Clone, Copy, Debug)]
pub(super) struct BaseChoice<'a> {
    pub(super) dir: &'a Path,
    /// `true` if the checkpoint goes on without a base that cannot be used.
    pub(super) is_optional: bool,
}

impl BaseChoice<'_> {
    /// Reports a base that cannot be used, or returns the reason if the checkpoint goes on without it.
    fn unusable(&self, error: Error) -> Result<String> {
        if self.is_optional {
            return Ok(error.to_string());
        }
        Err(Error::BaseUnusable { base: self.dir.to_path_buf(), source: Box::new(error) })
    }
}

/// A base that was opened, or the reason why there is none.
#[derive(Debug, Default)]
pub(super) struct OpenedBase {
    pub(super) base: Option<Base>,
    pub(super) unusable: Option<String>,
}

/// A callback that gets a filesystem with a view of the base, and the reason if there is no such view.
pub(super) type OnBaseView<'f> = &'f mut dyn FnMut(&dyn Fs, Option<String>) -> Result<CheckpointInfo>;

impl Checkpoint<'_> {
    /// Calls `act` with a view that resolves paths below the base from a handle, if there is one.
    pub(super) fn with_base(&self, fs: &dyn Fs, act: OnBaseView<'_>) -> Result<CheckpointInfo> {
        let Some(base) = self.base else { return act(fs, None) };
        match view::beneath_checkpoint(fs, base.dir) {
            Ok(view) => act(&*view, None),
            Err(error) => act(fs, Some(base.unusable(error)?)),
        }
    }

    pub(super) fn open_base(&self, fs: &dyn Fs, unusable: Option<String>) -> Result<OpenedBase> {
        let Some(choice) = self.base.filter(|_| unusable.is_none()) else {
            return Ok(OpenedBase { base: None, unusable });
        };
        match Base::open(fs, choice.dir, self.verifies_base) {
            Ok(base) => Ok(OpenedBase { base: Some(base), unusable }),
            Err(error) => Ok(OpenedBase { base: None, unusable: Some(choice.unusable(error)?) }),
        }
    }
}
