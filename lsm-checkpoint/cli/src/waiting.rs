//! [`wait`]: waits for a call that cannot be cancelled, until a signal arrives.

use std::{
    io, panic,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use crate::{
    exit::Exit,
    failure::{Failure, Result},
    signals::Signals,
};

/// The time until the person is told that the call is still running.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The time between two looks at the signals.
const PAUSE: Duration = Duration::from_millis(20);

/// Runs a call in a thread of its own, and returns its result. Fails once a signal has arrived: the end of the process
/// then ends the call. So the call must only read, or be safe to kill at any point, as the creation of a repository is.
pub(crate) fn wait<T: Send + 'static>(
    signals: &Signals,
    patience: Duration,
    call: impl FnOnce() -> T + Send + 'static,
    tell: impl FnOnce(),
) -> Result<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let work = move || {
        // The receiver is gone if a signal has ended the wait.
        let _ = sender.send(call());
    };
    let thread = thread::Builder::new().spawn(work).map_err(|error| no_thread(&error))?;
    let (begun, mut tell) = (Instant::now(), Some(tell));
    loop {
        match receiver.recv_timeout(PAUSE) {
            Ok(result) => {
                signals.check()?;
                return Ok(result);
            }
            Err(RecvTimeoutError::Timeout) => signals.check()?,
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if begun.elapsed() >= patience
            && let Some(tell) = tell.take()
        {
            tell();
        }
    }
    match thread.join() {
        Err(panicked) => panic::resume_unwind(panicked),
        Ok(()) => Err(no_result()),
    }
}

pub(crate) fn no_thread(error: &io::Error) -> Failure {
    Failure::new(Exit::Io, "other", format!("cannot start a thread: {error}"))
        .hint("raise the limit of processes (`ulimit -u`), or run fewer jobs at a time")
}

pub(crate) fn no_result() -> Failure {
    Failure::new(Exit::Io, "other", "a thread of the command ended without a result")
        .hint("run the command again, and report this defect of the program")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_result_is_handed_on() {
        assert_eq!(wait(&Signals::default(), PATIENCE, || 7, || {}).unwrap(), 7);
    }

    #[test]
    fn a_result_after_a_signal_is_dropped() {
        let signals = Signals::default();
        signals.pretend(2);
        assert_eq!(wait(&signals, PATIENCE, || 7, || {}).unwrap_err().exit, Exit::Cancelled);
    }

    /// The call never returns, as on a server that does not answer.
    #[test]
    fn a_signal_ends_the_wait() {
        let (_open, never) = mpsc::channel::<()>();
        let signals = Signals::default();
        let is_told = Cell::new(false);
        let failure = wait(
            &signals,
            Duration::ZERO,
            move || never.recv(),
            || {
                is_told.set(true);
                signals.pretend(15);
            },
        );
        assert_eq!(failure.unwrap_err().exit, Exit::Cancelled);
        assert!(is_told.get());
    }
}
