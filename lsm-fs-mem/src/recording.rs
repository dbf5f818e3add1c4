//! [`Recording`]: what happened, in order, which is enough to tell what a crash at any moment would leave.

mod describe;
mod explore;
mod kill;

pub(crate) use explore::Explorer;

use crate::{
    crash::Disk,
    machine::{Event, EventLog, Hardware},
    mem_fs::MemFs,
};

/// What a workload did to a [`MemFs`](crate::MemFs), from [`MemFs::record`](crate::MemFs::record) to
/// [`MemFs::take_recording`](crate::MemFs::take_recording).
#[derive(Clone, Debug)]
pub struct Recording {
    /// The machine, with the options of the start: what starts from an image of the recording is configured as the
    /// recording began.
    pub(crate) hardware: Hardware,
    pub(crate) start: Disk,
    pub(crate) events: Vec<Event>,
    /// The number of events of a first process, if it was killed then.
    pub(crate) killed_after: Option<usize>,
}

impl MemFs {
    /// Starts to record for [`take_recording`](Self::take_recording). A recording under way is dropped. The volumes of
    /// every image that comes of it behave as they do now, whatever is [reconfigured](Self::reconfigure) meanwhile; one
    /// that is shut down works again in them.
    pub fn record(&self) {
        self.lock().storage_mut().start_recording();
    }

    /// Ends the recording and returns it; `None` if there is none.
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
