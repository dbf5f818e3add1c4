//! Online checkpoints of a live LSM tree: absent or complete after every crash; verify, restore, sweep.

mod pause;
mod sync;

pub use pause::{DeletionPause, Enqueue, FailedDeletion, PauseGuard, PauseReport, PauseStats};
