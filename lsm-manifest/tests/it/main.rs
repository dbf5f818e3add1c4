//! The tests of this crate that see it from outside.

mod archive;
mod fixtures;
mod support;
