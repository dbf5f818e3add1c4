//! The host by its own calls. `std_fs.rs` has `portable` in the place of this module where they are missing.

#[path = "unix/mod.rs"]
mod unix;

pub(in crate::std_fs) use unix::*;
