//! A bound for calls that must not wait for ever.

use std::{
    panic::resume_unwind,
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

/// More than any call on a hostile directory may take.
const BOUND: Duration = Duration::from_secs(60);

/// Runs a test that says before each step which it is; a step that does not end within the bound fails it.
pub(crate) fn watched<T: Send + 'static>(test: impl FnOnce(&dyn Fn(String)) -> T + Send + 'static) -> T {
    let (sender, steps) = channel();
    let running = thread::spawn(move || {
        test(&|step| {
            let _ = sender.send(step);
        })
    });
    let mut last = "the beginning".to_owned();
    loop {
        match steps.recv_timeout(BOUND) {
            Ok(step) => last = step,
            Err(RecvTimeoutError::Timeout) => panic!("{last} does not end"),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    running.join().unwrap_or_else(|panic| {
        println!("at: {last}");
        resume_unwind(panic)
    })
}
