//! The log of events: each change on its way to the disk and, while a recording runs, every event in order.

use crate::{
    crash::Disk,
    micro::{Change, Ino, Journal, Micro, Seq},
    profile::{CrashModel, SyncCall},
    tree::FileNode,
    volume::VolumeOptions,
};

/// One entry of a recording.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Micro(Micro),
    Sync(SyncCall),
    /// A failed sync dropped the file's dirty pages.
    Dropped(Ino),
    /// The workload made a promise.
    Note(String),
}

/// The events of a recording in progress, and the disk that it started from.
#[derive(Clone, Debug)]
pub(crate) struct EventLog {
    /// The options of the volumes at the start.
    pub(crate) options: Vec<VolumeOptions>,
    pub(crate) start: Disk,
    pub(crate) events: Vec<Event>,
}

/// The disk that a crash would find, and the events that led to it.
#[derive(Clone, Debug)]
pub(super) struct Log {
    disk: Disk,
    model: CrashModel,
    recording: Option<EventLog>,
    next_seq: Seq,
}

impl Log {
    pub(super) const fn new(disk: Disk, model: CrashModel, next_seq: Seq) -> Self {
        Self { disk, model, recording: None, next_seq }
    }

    pub(super) const fn model(&self) -> CrashModel {
        self.model
    }

    pub(super) const fn next_seq(&self) -> Seq {
        self.next_seq
    }

    /// Numbers a change. It becomes part of the log when it is [appended](Self::append).
    pub(super) const fn number(&mut self, volume: u32, group: Seq, change: Change) -> Micro {
        let micro = Micro { seq: self.next_seq, group, volume, change };
        self.next_seq += 1;
        micro
    }

    pub(super) fn append(&mut self, micro: Micro) {
        if let Some(recording) = &mut self.recording {
            recording.events.push(Event::Micro(micro.clone()));
        }
        self.disk.push(micro);
    }

    pub(super) fn force(&mut self, call: SyncCall) {
        self.record(Event::Sync(call));
        self.disk.sync(call);
    }

    /// Records that a failed sync dropped the file's dirty pages.
    pub(super) fn drop_data(&mut self, ino: Ino) {
        self.record(Event::Dropped(ino));
        self.disk.drop_data(ino);
    }

    pub(super) fn note(&mut self, note: String) {
        self.record(Event::Note(note));
    }

    fn record(&mut self, event: Event) {
        if let Some(recording) = &mut self.recording {
            recording.events.push(event);
        }
    }

    pub(super) fn start_recording(&mut self, options: Vec<VolumeOptions>) {
        self.disk.absorb();
        self.recording = Some(EventLog { options, start: self.disk.clone(), events: Vec::new() });
    }

    pub(super) const fn take_recording(&mut self) -> Option<EventLog> {
        self.recording.take()
    }

    /// Returns the disk, with all events in its journal.
    pub(super) fn disk(&mut self) -> &Disk {
        self.disk.absorb();
        &self.disk
    }

    /// Returns the changes that no sync has forced.
    pub(super) fn journal(&mut self) -> &Journal {
        self.disk.absorb()
    }

    pub(super) fn reread(&mut self, ino: Ino) -> FileNode {
        self.disk.reread(ino)
    }

    /// Puts the root of a new volume on disk without a sync.
    pub(super) fn add_mount_root(&mut self, root: Ino, volume: u32, parent: Ino) {
        self.disk.image.add_mount_root(root, volume, parent);
    }
}
