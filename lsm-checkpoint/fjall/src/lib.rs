#![doc = include_str!("../README.md")]

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

pub use backup::{Backup, backup};
pub use database::AsDatabase;
pub use error::{Changing, Error, Result};
pub use info::BackupInfo;
pub use offline::backup_closed;
pub use restore::restore;
