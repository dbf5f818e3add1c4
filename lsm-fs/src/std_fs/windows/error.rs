//! Translates errors of Windows into errors of the contract, and repeats calls whose refusal may pass.

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

/// Translates the error of a call on a handle. The contract wants `EBADF` if the handle was not opened for the
/// operation, and `EINVAL` for an impossible offset.
pub(in crate::std_fs) fn handle_error(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(ACCESS_DENIED) => io::Error::from_raw_os_error(errno::EBADF),
        Some(NEGATIVE_SEEK) => io::Error::from_raw_os_error(errno::EINVAL),
        _ => error,
    }
}

/// The maximum time for which a refused call is repeated. Virus scanners and indexers open a file only for a moment.
/// The caller gets a refusal that lasts longer.
const PATIENCE: Duration = Duration::from_millis(500);

/// The number of attempts without a pause between them. A reader that opens and closes a file again and again leaves
/// only short gaps.
const AT_ONCE: u32 = 64;

const PAUSE: Duration = Duration::from_millis(1);

/// Repeats a call while it is refused because of another process's handle. Windows does not report when a handle is
/// closed, so the call is simply tried again. `judge` decides which refusals are final.
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
