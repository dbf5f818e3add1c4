#![doc = include_str!("../README.md")]
//!
//! # Modules in reading order
//!
//! [`format`](mod@format) is the layout; [`block`] and [`FooterPayload`] are bytes to bytes. [`ManifestArchiveWriter`]
//! ends in a [`DurableArchive`], which [`publish_current`] takes; [`ManifestArchiveReader`] and [`open_current`] read.
//! [`inspect`] and [`repair`] are for damaged files.

mod archive_file;
pub mod block;
mod current;
mod defect;
mod digest;
mod durable;
mod ecc;
mod encryption;
mod error;
mod footer;
pub mod format;
mod inspect;
mod options;
mod reader;
mod recover;
mod repair;
mod writer;

pub use current::{CURRENT_VERSION_FILE, Current, publish_current, read_current};
pub use defect::{Damage, Defect};
pub use digest::{ChecksumType, canonical_input, current_digest};
pub use durable::DurableArchive;
#[cfg(feature = "aes-gcm")]
pub use encryption::{Aes256GcmProvider, Envelope};
pub use encryption::{BlockIdentity, CryptError, EncryptionProvider};
pub use error::{Error, NameProblem, Result};
pub use footer::{FooterPayload, FooterSource, TocEntry};
pub use inspect::{BlockState, Report, SectionReport, inspect};
pub use options::{ReadOptions, WriteOptions};
pub use reader::{ManifestArchiveReader, Section};
pub use recover::{
    BLOBS_FOLDER, Recovered, TABLES_FOLDER, open_current, open_highest, recover, remove_stale,
    republish_current, version_file_name, versions,
};
pub use repair::{Part, Repair, repair};
pub use writer::{ManifestArchiveWriter, SectionWriter};
