//! The life of a repository, in memory and on a local disk: push, list, restore, forget, undo, collect, heal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    reason = "a test panics where a library may not, and damages files as another process would"
)]

mod cancel;
mod clock;
mod collect;
mod cost;
mod counted;
mod crowd;
mod engine;
mod errors;
mod failed;
mod golden;
mod ground;
mod heal;
mod hooked;
mod init;
mod leftovers;
mod refused;
mod restore;
mod resume;
mod round;
mod runtimes;
mod state;
