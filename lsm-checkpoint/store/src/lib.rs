#![doc = include_str!("../README.md")]
//!
//! # Modules in reading order
//!
//! - [`Location`] names a store, and [`Options`] sets the limits of a client.
//! - [`Repository`] has the verbs, such as push, list and collect. [`blocking`] has the same for programs without async
//!   code.
//! - [`RepositoryFs`] reads a backup.
//! - [`Error`] documents the next step for each failure, and [`Defect`] the damage of an object.
//! - [`Environment`] replaces randomness, time and threads in tests.

mod access;
mod audit;
mod background;
pub mod blocking;
mod catalogs;
mod changes;
mod collect;
mod defect;
mod environment;
mod error;
#[cfg_attr(not(feature = "proof"), allow(unreachable_pub, reason = "the proof makes the codecs public"))]
mod format;
mod hex;
mod id;
mod key;
mod location;
mod memory;
mod meter;
mod options;
#[cfg(feature = "proof")]
#[doc(hidden)]
pub mod proof;
mod push;
mod reader;
mod repository;
#[cfg_attr(not(feature = "proof"), allow(unreachable_pub, reason = "the proof leaves rules out"))]
mod rules;
mod session;

pub use audit::{CheckOptions, CheckReport, DamagedObject, VerifyOptions};
pub use collect::{CollectOptions, CollectReport};
pub use defect::Defect;
pub use environment::{Environment, SystemEnvironment};
pub use error::{Error, Result, StoreError};
pub use format::{
    Backup, CatalogPlace, Constants, Forgotten, REPOSITORY_FORMAT, RefsPlace, RegisteredWriter, Sha256,
};
pub use id::{BackupId, Nonce, NotAnId, RepositoryId, TransactionId, WriterId};
pub use key::{Key, ObjectName};
pub use location::{Location, Retries};
pub use meter::OnProgress;
pub use options::Options;
pub use push::{PushOptions, Pushed};
pub use reader::{ReadOptions, RepositoryFs};
pub use repository::{Repository, SourceStatus, Status};
