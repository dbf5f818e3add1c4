//! The host through calls of the platform. For other platforms, `std_fs.rs` replaces this module by `portable`.

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
