//! [`Signals`]: SIGINT and SIGTERM cancel the run.

use std::{
    io,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

use crate::failure::Failure;

/// The signals that arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    /// The number of the last signal, or 0.
    last: Arc<AtomicUsize>,
}

impl Signals {
    /// Starts to catch both signals. The first one cancels the run, and a second one ends the process at once.
    pub(crate) fn catch() -> io::Result<Self> {
        let signals = Self::default();
        let again = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // The handlers of a signal run in this order, so the first signal finds the flag unset.
            flag::register_conditional_default(signal, Arc::clone(&again))?;
            flag::register(signal, Arc::clone(&again))?;
            let number = usize::try_from(signal).unwrap_or_default();
            flag::register_usize(signal, Arc::clone(&signals.last), number)?;
        }
        Ok(signals)
    }

    /// Acts as if a signal had arrived.
    #[cfg(test)]
    pub(crate) fn pretend(&self, signal: usize) {
        self.last.store(signal, Ordering::Relaxed);
    }

    /// Returns the number of the signal that arrived last.
    pub(crate) fn arrived(&self) -> Option<u8> {
        u8::try_from(self.last.load(Ordering::Relaxed)).ok().filter(|&number| number != 0)
    }

    /// Returns the answer to a progress report: break if a signal has arrived.
    pub(crate) fn flow(&self) -> ControlFlow<()> {
        if self.arrived().is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Fails if a signal has arrived. Called between two steps, so that the run ends there.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.arrived().is_some() { Err(Failure::cancelled()) } else { Ok(()) }
    }
}
