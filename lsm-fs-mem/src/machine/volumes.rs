//! Volumes in use: their occupied space and their state.

use std::{
    io,
    path::{Path, PathBuf},
};

use lsm_fs::errno;

use super::errors::os;
use crate::{
    tree::Tree,
    volume::{VolumeOptions, VolumeState},
};

/// A volume in use.
#[derive(Clone, Debug)]
pub(crate) struct Volume {
    options: VolumeOptions,
    /// The directory on which it is mounted.
    path: PathBuf,
    used_bytes: u64,
}

impl Volume {
    fn new(path: &Path, options: VolumeOptions) -> Self {
        Self { options, path: path.to_path_buf(), used_bytes: 0 }
    }

    pub(crate) const fn options(&self) -> &VolumeOptions {
        &self.options
    }

    pub(crate) const fn free_bytes(&self) -> u64 {
        self.options.capacity_bytes.saturating_sub(self.used_bytes)
    }
}

/// All volumes, indexed by the volume number of an inode.
#[derive(Clone, Debug)]
pub(super) struct Volumes(Vec<Volume>);

impl Volumes {
    /// Creates one volume, mounted at `/`.
    pub(super) fn new(root: VolumeOptions) -> Self {
        Self(vec![Volume::new(Path::new("/"), root)])
    }

    /// Adds a volume and returns its number.
    pub(super) fn add(&mut self, path: &Path, options: VolumeOptions) -> io::Result<u32> {
        let number = u32::try_from(self.0.len()).map_err(io::Error::other)?;
        self.0.push(Volume::new(path, options));
        Ok(number)
    }

    /// Returns the volume, unless it is shut down.
    pub(super) fn working(&self, number: u32) -> io::Result<&Volume> {
        let volume = self.0.get(number as usize).ok_or_else(|| os(errno::EIO))?;
        match volume.options.state {
            VolumeState::ShutDown => Err(os(errno::EIO)),
            VolumeState::Working | VolumeState::ReadOnly => Ok(volume),
        }
    }

    /// Returns the volume, if it accepts changes.
    pub(super) fn writable(&self, number: u32) -> io::Result<&Volume> {
        let volume = self.working(number)?;
        match volume.options.state {
            VolumeState::ReadOnly => Err(os(errno::EROFS)),
            _ => Ok(volume),
        }
    }

    /// Returns the volume that is mounted at exactly this path.
    pub(super) fn mounted_at(&self, path: &Path) -> Option<u32> {
        u32::try_from(self.0.iter().position(|volume| volume.path == path)?).ok()
    }

    pub(super) fn reconfigure(&mut self, number: u32, change: impl FnOnce(VolumeOptions) -> VolumeOptions) {
        if let Some(volume) = self.0.get_mut(number as usize) {
            volume.options = change(volume.options.clone());
        }
    }

    /// Updates the occupied space after a file's allocation changed from `before` to `after` bytes.
    pub(super) fn charge(&mut self, number: u32, before: u64, after: u64) {
        debug_assert!((number as usize) < self.0.len(), "an inode of volume {number}, which does not exist");
        if let Some(volume) = self.0.get_mut(number as usize) {
            volume.used_bytes = (volume.used_bytes + after).saturating_sub(before);
        }
    }

    pub(super) fn options(&self) -> Vec<VolumeOptions> {
        self.0.iter().map(|volume| volume.options.clone()).collect()
    }

    /// Sets the options of the volumes that existed when `options` was called. They are the first ones.
    pub(super) fn set_options(&mut self, options: Vec<VolumeOptions>) {
        for (volume, options) in self.0.iter_mut().zip(options) {
            volume.options = options;
        }
    }

    /// Returns the volumes after a restart with this tree. A volume that was shut down works again.
    pub(super) fn restarted(&self, tree: &Tree) -> Self {
        let mut volumes = self.0.clone();
        for (index, volume) in volumes.iter_mut().enumerate() {
            let own = tree.iter().filter(|(_, inode)| inode.volume as usize == index);
            volume.used_bytes = own.map(|(_, inode)| inode.allocated_bytes()).sum();
            if volume.options.state == VolumeState::ShutDown {
                volume.options.state = VolumeState::Working;
            }
        }
        Self(volumes)
    }
}
