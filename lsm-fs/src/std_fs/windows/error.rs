//! Errors of Windows in the terms of the contract, and refusals that pass by themselves.

use std::{
    fs, io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::errno;

// `windows/win32/debug/system-error-codes--0-499-`
pub(super) const PATH_NOT_FOUND: i32 = 3;
pub(super) const ACCESS_DENIED: i32 = 5;
pub(super) const SHARING_VIOLATION: i32 = 32;
const NEGATIVE_SEEK: i32 = 131;

/// Distinguishes a file in the middle of a path from a missing directory. Windows has one error for both.
pub(super) fn refine(path: &Path, error: io::Error) -> io::Error {
    let leads_through_a_file = || {
        let nearest = path.ancestors().skip(1).find_map(|above| fs::metadata(above).ok());
        nearest.is_some_and(|found| !found.is_dir())
    };
    if error.raw_os_error() == Some(PATH_NOT_FOUND) && leads_through_a_file() {
        return super::not_a_directory();
    }
    error
}

/// A handle that was not opened for an operation is `EBADF` in the contract, and an impossible offset is `EINVAL`.
pub(in crate::std_fs) fn handle_error(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(ACCESS_DENIED) => io::Error::from_raw_os_error(errno::EBADF),
        Some(NEGATIVE_SEEK) => io::Error::from_raw_os_error(errno::EINVAL),
        _ => error,
    }
}

/// Virus scanners and indexers open files for a moment. A refusal that lasts longer than this is the caller's to
/// handle.
const PATIENCE: Duration = Duration::from_millis(500);

/// So many calls are made at once, since a reader that opens and closes a file leaves only short gaps.
const AT_ONCE: u32 = 64;

const PAUSE: Duration = Duration::from_millis(1);

/// Repeats a call while another process's handle stands in its way. Windows tells nobody when a handle is closed, so
/// there is nothing to wait for. `judge` names the refusals that no waiting cures.
pub(super) fn patiently<T>(
    mut call: impl FnMut() -> io::Result<T>,
    judge: impl Fn(io::Error) -> Refusal,
) -> io::Result<T> {
    let start = Instant::now();
    let mut attempts = 0_u32;
    loop {
        let error = match call() {
            Err(e) if matches!(e.raw_os_error(), Some(ACCESS_DENIED | SHARING_VIOLATION)) => e,
            done => return done,
        };
        match judge(error) {
            Refusal::MayPass(_) if attempts < AT_ONCE => thread::yield_now(),
            Refusal::MayPass(_) if start.elapsed() < PATIENCE => thread::park_timeout(PAUSE),
            Refusal::MayPass(e) | Refusal::Final(e) => return Err(e),
        }
        attempts += 1;
    }
}

/// A refused call.
pub(super) enum Refusal {
    /// Another process may close its handle soon.
    MayPass(io::Error),
    Final(io::Error),
}
