//! What happened, in order: enough to say what a crash at any moment would leave, under any profile.

use crate::{
    VolumeOptions,
    crash::Disk,
    mem_fs::State,
    micro::{Ino, Micro},
    profile::SyncCall,
};

#[derive(Clone, Debug)]
pub(crate) enum Event {
    Micro(Micro),
    Sync(SyncCall),
    /// A failed sync dropped the file's dirty pages.
    Dropped(Ino),
    /// The workload made a promise.
    Note(String),
}

/// Events under way, and the disk they started from.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    /// How the volumes behaved then.
    pub(crate) options: Vec<VolumeOptions>,
    pub(crate) start: Disk,
    pub(crate) events: Vec<Event>,
}

impl Recorder {
    pub(crate) fn new(options: Vec<VolumeOptions>, start: Disk) -> Self {
        Self { options, start, events: Vec::new() }
    }

    pub(crate) fn push(&mut self, event: Event) {
        self.events.push(event);
    }
}

/// What a workload did to a [`MemFs`](crate::MemFs), from [`MemFs::record`](crate::MemFs::record) to
/// [`MemFs::take_recording`](crate::MemFs::take_recording).
#[derive(Clone, Debug)]
pub struct Recording {
    /// The machine at the end, with the options of the start: what starts from an image of the recording is configured
    /// as the recording began.
    pub(crate) machine: State,
    pub(crate) start: Disk,
    pub(crate) events: Vec<Event>,
}
