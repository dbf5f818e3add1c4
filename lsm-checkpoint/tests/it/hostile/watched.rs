//! A time limit for calls that must not wait forever.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

/// A limit that no call on a hostile directory may reach.
const BOUND: Duration = Duration::from_secs(60);

/// Runs a test that announces each step. A step that exceeds the limit fails the test.
pub(crate) fn watched<T: Send + 'static>(test: impl FnOnce(&dyn Fn(String)) -> T + Send + 'static) -> T {
    within(BOUND, test)
}

fn within<T: Send + 'static>(bound: Duration, test: impl FnOnce(&dyn Fn(String)) -> T + Send + 'static) -> T {
    let (sender, steps) = channel();
    let running = thread::spawn(move || {
        test(&|step| {
            let _ = sender.send(step);
        })
    });
    let mut last = "the beginning".to_owned();
    loop {
        match steps.recv_timeout(bound) {
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

#[test]
fn a_step_that_does_not_end_is_noticed() {
    let (end, ended) = channel::<()>();
    let waits = move |step: &dyn Fn(String)| {
        step("a call".to_owned());
        ended.recv()
    };
    let bound = Duration::from_millis(1);
    let noticed = catch_unwind(AssertUnwindSafe(|| within(bound, waits))).unwrap_err();
    drop(end);
    let message = noticed.downcast_ref::<String>().unwrap();
    assert!(message.ends_with("does not end"), "{message}");
}
