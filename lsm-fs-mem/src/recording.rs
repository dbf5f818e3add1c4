//! [`Recording`]: the events of a workload, from which every crash state can be derived.

mod admits;
mod describe;
mod explore;
mod kill;

pub(crate) use explore::Explorer;

use crate::{
    crash::Disk,
    machine::{Event, EventLog, Hardware},
    mem_fs::MemFs,
};

/// The events of a workload on a [`MemFs`](crate::MemFs), from [`MemFs::record`](crate::MemFs::record) to
/// [`MemFs::take_recording`](crate::MemFs::take_recording).
#[derive(Clone, Debug)]
pub struct Recording {
    /// The machine, with the volume options from the start of the recording. Every image is configured in this way.
    pub(crate) hardware: Hardware,
    pub(crate) start: Disk,
    pub(crate) events: Vec<Event>,
    /// The number of events of the first process, if it was killed.
    pub(crate) killed_after: Option<usize>,
}

impl MemFs {
    /// Starts a recording for [`take_recording`](Self::take_recording) and discards one that is in progress.
    ///
    /// The volumes of every image made from the recording behave as they do now, even if they are
    /// [reconfigured](Self::reconfigure) later. A volume that is shut down now works again in the images.
    pub fn record(&self) {
        self.lock().storage_mut().start_recording();
    }

    /// Ends the recording and returns it. Returns `None` if there is none.
    #[must_use]
    pub fn take_recording(&self) -> Option<Recording> {
        let mut machine = self.lock();
        let EventLog { options, start, events } = machine.storage_mut().take_recording()?;
        Some(Recording {
            hardware: machine.hardware().with_options(options),
            start,
            events,
            killed_after: None,
        })
    }
}

#[cfg(test)]
mod tests;
