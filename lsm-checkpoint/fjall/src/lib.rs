#![doc = include_str!("../README.md")]

/// The load tests import this crate by its name.
#[cfg(test)]
extern crate self as lsm_checkpoint_fjall;

mod backup;
mod cut;
mod database;
mod error;
mod identity;
mod info;
mod journal;
mod manifest;
mod offline;
mod online;
mod restore;
mod root;
mod steps;
mod stored;
#[cfg(test)]
mod tests;
mod tree;

/// The programs of `UPSTREAM.md` run as documentation tests. If a release of fjall fixes a bug, the program of that bug
/// fails.
#[cfg(doctest)]
#[doc = include_str!("../UPSTREAM.md")]
mod upstream {}

pub use backup::{Backup, backup};
pub use database::AsDatabase;
pub use error::{Changing, Error, Result};
pub use info::BackupInfo;
pub use offline::backup_closed;
pub use restore::restore;
