//! The conformance suite, run on the three engines in a directory of the host.

mod fjall;
mod numbered;
mod v5;
mod v7;
