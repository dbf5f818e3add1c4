#![doc = include_str!("../README.md")]
//!
//! # Modules in reading order
//!
//! Start with [`ManifestDirectory`], which takes an engine's directory from an empty one to its latest version. It
//! builds on [`ManifestArchiveWriter`], whose result is a [`DurableArchive`], and on [`publish_current`], which accepts
//! only that type. [`ManifestArchiveReader`] reads an archive. [`open_current`] and [`recover`] read the archive that
//! CURRENT names. [`inspect`] and [`repair`] handle damaged files. [`format`](mod@format) defines the layout, and
//! [`block`] and [`FooterPayload`] convert between bytes and values.

mod archive_file;
pub mod block;
mod block_type;
mod current;
mod defect;
mod digest;
mod directory;
mod durable;
mod ecc;
mod encoder;
mod encryption;
mod error;
mod footer;
pub mod format;
mod found_names;
mod inspect;
mod names;
mod options;
mod publish;
mod reader;
mod recover;
mod repair;
mod stale;
mod survey;
mod writer;

pub use current::{Current, read_current};
pub use defect::{Damage, Defect};
pub use digest::{ChecksumType, canonical_input, current_digest};
pub use directory::{DirectoryOptions, ManifestDirectory};
pub use durable::DurableArchive;
pub use encoder::encode_archive;
#[cfg(feature = "aes-gcm")]
pub use encryption::{Aes256GcmProvider, Envelope};
pub use encryption::{BlockIdentity, CryptError, EncryptionProvider};
pub use error::{Error, NameProblem, Result};
pub use footer::{FooterPayload, FooterSource, TocEntry};
pub use found_names::FoundNames;
pub use inspect::{BlockState, Report, SectionReport, inspect};
pub use names::{
    BLOBS_FOLDER, CURRENT_VERSION_FILE, TABLES_FOLDER, UNFINISHED_FILE, edits_file_name, version_file_name,
};
pub use options::{ReadOptions, WriteOptions};
pub use publish::publish_current;
pub use reader::{ManifestArchiveReader, Section};
pub use recover::{Recovered, open_current, open_highest, recover};
pub use repair::{Repair, RepairedPart, repair};
pub use stale::{next_version_id, remove_stale, republish_current, versions};
pub use writer::{ManifestArchiveWriter, SectionWriter};
