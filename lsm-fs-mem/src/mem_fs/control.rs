//! What a test does to the machine under the filesystem: settle it, break its syncs, record it, crash it.

use std::path::Path;

use lsm_fs::{Op, Result};

use super::{MemFs, SyncFailure};
use crate::{
    crash::{
        Survives, assemble,
        recording::{Event, Recorder, Recording},
    },
    profile::SyncCall,
    volume::VolumeOptions,
};

/// What an injected failure of a sync does to the dirty pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DirtyPages {
    /// They may still reach the disk, at any time or never.
    Kept,
    /// They are marked clean, as Linux does: reads show them until they are evicted, no crash and no later sync brings
    /// them back.
    Dropped,
}

impl MemFs {
    /// An independent filesystem that begins as this one is, what is not durable included. Bytes are shared until one
    /// side changes them. Handles and locks stay behind.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::from_state(self.lock().forked())
    }

    /// Makes everything durable, as `sync(2)` does: the end of a test's set-up.
    pub fn settle(&self) {
        self.lock().force(SyncCall::Everything);
    }

    /// Makes everything on the path's volume durable, as `syncfs(2)` does.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    pub fn sync_volume(&self, path: &Path) -> Result<()> {
        self.call(Op::SyncAll, path, |state| {
            let volume = state.volume_at(path)?;
            state.force(SyncCall::Volume(volume));
            Ok(())
        })
    }

    /// Makes a promise: a check of a later crash state will see it, one of an earlier state will not.
    pub fn note(&self, note: impl Into<String>) {
        if let Some(recorder) = &mut self.lock().recorder {
            recorder.push(Event::Note(note.into()));
        }
    }

    /// Starts to record for [`take_recording`](Self::take_recording). A recording under way is dropped. The volumes of
    /// every image that comes of it behave as they do now, whatever is [reconfigured](Self::reconfigure) meanwhile; one
    /// that is shut down works again in them.
    pub fn record(&self) {
        let mut state = self.lock();
        state.disk.absorb();
        let options = state.volumes.iter().map(|volume| volume.options.clone()).collect();
        state.recorder = Some(Recorder::new(options, state.disk.clone()));
    }

    /// Ends the recording and returns it; `None` if there is none.
    #[must_use]
    pub fn take_recording(&self) -> Option<Recording> {
        let mut state = self.lock();
        let Recorder { options, start, events } = state.recorder.take()?;
        let mut machine = state.forked();
        for (volume, options) in machine.volumes.iter_mut().zip(options) {
            volume.options = options;
        }
        Some(Recording { machine, start, events })
    }

    /// Changes how the path's volume behaves, from the next call on: makes it full, read-only, shut down or well again.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    pub fn reconfigure(
        &self,
        path: &Path,
        change: impl FnOnce(VolumeOptions) -> VolumeOptions,
    ) -> Result<()> {
        self.call(Op::VolumeId, path, |state| state.reconfigure(path, change))
    }

    /// Makes the next sync of a path fail with `errno`: of a file through a handle opened by that path, or of a
    /// directory. Nothing needs to have the name yet.
    ///
    /// Every handle of the file that was open then reports the failure once and is poisoned; one opened later syncs
    /// successfully whatever became of the pages. After a failed directory sync each change of a name since the last
    /// one may be durable or not.
    pub fn fail_next_sync(&self, path: &Path, errno: i32, pages: DirtyPages) {
        self.lock().failing.insert(path.to_path_buf(), SyncFailure { errno, pages, once: true });
    }

    /// The same for every sync of the path, until [`heal_syncs`](Self::heal_syncs).
    pub fn fail_syncs(&self, path: &Path, errno: i32, pages: DirtyPages) {
        self.lock().failing.insert(path.to_path_buf(), SyncFailure { errno, pages, once: false });
    }

    /// Ends the failures of a path's syncs.
    pub fn heal_syncs(&self, path: &Path) {
        self.lock().failing.remove(path);
    }

    /// Drops the file from the cache: reads show what the device holds or is yet to get. After a failed sync that
    /// dropped its pages these are the old bytes, or zeros where the file grew.
    ///
    /// # Errors
    ///
    /// `NotFound`; `IsADirectory`.
    pub fn evict(&self, path: &Path) -> Result<()> {
        self.call(Op::Read, path, |state| {
            let ino = state.resolve(path)?;
            state.file(ino).map(drop)?;
            state.evict(ino);
            Ok(())
        })
    }

    /// Crashes the machine and starts it again: returns what the next start finds.
    ///
    /// This filesystem, all its clones, every handle and every lock are dead from now on, and each call on them fails
    /// with `EIO`.
    #[must_use]
    pub fn crash(&self, survives: Survives) -> Self {
        let mut state = self.lock();
        state.disk.absorb();
        let tree = survives.choose(&state.disk);
        let restarted = state.restarted(assemble(&tree, &state.roots()));
        state.kill();
        Self::from_state(restarted)
    }

    /// How many micro-operations wait for a sync.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.lock().disk.absorb().len()
    }
}
