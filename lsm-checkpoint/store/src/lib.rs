#![doc = include_str!("../README.md")]

mod access;
mod changes;
mod defect;
mod environment;
mod error;
mod format;
mod hex;
mod id;
mod key;
mod location;
mod memory;
mod options;
#[cfg(feature = "proof")]
#[doc(hidden)]
pub mod proof;
mod repository;
mod rules;
mod session;

pub use defect::Defect;
pub use environment::{Environment, SystemEnvironment};
pub use error::{Error, Result, StoreError};
pub use format::{
    Backup, CatalogPlace, Constants, Forgotten, REPOSITORY_FORMAT, RefsPlace, RegisteredWriter, Sha256,
};
pub use id::{BackupId, Nonce, NotAnId, RepositoryId, TransactionId, WriterId};
pub use key::{Key, ObjectName};
pub use location::Location;
pub use options::Options;
pub use repository::{Repository, SourceStatus, Status};
