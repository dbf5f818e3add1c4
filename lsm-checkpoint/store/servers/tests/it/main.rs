//! The store on a real server, behind a proxy with faults.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests stop at the first surprise, and say what they tried"
)]

mod engines;
mod hostile;
mod killed;
mod operator;
mod parts;
mod proxy;
mod racy;
mod resumed;
mod rights;
mod slow;
mod sweep;
mod tours;
