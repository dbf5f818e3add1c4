//! The host by its own calls. `std_fs.rs` has `portable` in the place of this module where they are missing.

#[cfg(unix)]
#[path = "unix/mod.rs"]
mod unix;
#[cfg(windows)]
#[path = "windows/mod.rs"]
mod windows;

#[cfg(unix)]
pub(in crate::std_fs) use unix::*;
#[cfg(windows)]
pub(in crate::std_fs) use windows::*;
