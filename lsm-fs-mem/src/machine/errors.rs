//! Errors as the kernel returns them: an errno and nothing else.

use std::io;

pub(super) fn os(code: i32) -> io::Error {
    io::Error::from_raw_os_error(code)
}
