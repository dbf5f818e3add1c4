//! What handles share: locks, failed syncs, and the calls a test makes on a volume or a mount.

use std::{io, path::Path};

use super::{DirtyPages, state::State};
use crate::{crash::recording::Event, micro::Ino, volume::VolumeOptions};

/// What a new handle of a file needs to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenFile {
    pub(crate) ino: Ino,
    pub(crate) handle: u64,
    /// How many syncs had failed before it was opened: of those it will not hear.
    pub(crate) seen: u32,
}

/// How syncs of a path fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SyncFailure {
    pub(crate) errno: i32,
    pub(crate) pages: DirtyPages,
    pub(crate) once: bool,
}

impl State {
    /// The failure that a sync of the path is to meet.
    pub(crate) fn take_failure(&mut self, path: &Path) -> Option<SyncFailure> {
        let failure = *self.failing.get(path)?;
        if failure.once {
            self.failing.remove(path);
        }
        Some(failure)
    }

    pub(crate) fn take_file(&mut self, ino: Ino) -> OpenFile {
        let seen = self.tree.get(ino).map_or(0, |slot| slot.failed_syncs);
        OpenFile { ino, handle: self.take_handle(), seen }
    }

    /// Takes the owner lock for a handle; the handle that has it may take it again.
    pub(crate) fn try_lock(&mut self, ino: Ino, handle: u64) -> bool {
        *self.locks.entry(ino).or_insert(handle) == handle
    }

    /// Ends a handle: its lock, and its hold on the inode.
    pub(crate) fn close(&mut self, ino: Ino, handle: u64) {
        if self.locks.get(&ino) == Some(&handle) {
            self.locks.remove(&ino);
        }
        self.release(ino);
    }

    pub(crate) fn fail_sync(&mut self, ino: Ino, pages: DirtyPages) {
        if let Some(slot) = self.tree.get_mut(ino) {
            slot.failed_syncs += 1;
        }
        if pages == DirtyPages::Dropped {
            if let Some(recorder) = &mut self.recorder {
                recorder.push(Event::Dropped(ino));
            }
            self.disk.drop_data(ino);
        }
    }

    /// The path's volume, whatever state it is in.
    pub(crate) fn volume_at(&self, path: &Path) -> io::Result<u32> {
        // A volume that is shut down answers no lookup, and must be found to be started again.
        match self.volumes.iter().position(|volume| volume.path == path) {
            Some(index) => u32::try_from(index).map_err(io::Error::other),
            None => Ok(self.volume_of(self.resolve(path)?)),
        }
    }

    pub(crate) fn reconfigure(
        &mut self,
        path: &Path,
        change: impl FnOnce(VolumeOptions) -> VolumeOptions,
    ) -> io::Result<()> {
        let index = self.volume_at(path)? as usize;
        if let Some(volume) = self.volumes.get_mut(index) {
            volume.options = change(volume.options.clone());
        }
        Ok(())
    }

    pub(crate) fn mount_at(&mut self, path: &Path, options: VolumeOptions) -> io::Result<()> {
        let covered = self.resolve_dir(path)?;
        if self.is_mount_point(covered) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.mount(covered, path, options)
    }
}
