#![doc = include_str!("../README.md")]
//!
//! # Modules in reading order
//!
//! [`Fs`] is names in directories, [`FsFile`] the bytes of one file; [`FsExt`] and [`FsFileExt`] are what can be said
//! in terms of these. [`StdFs`] is the host's filesystem. [`batch`] and [`copy`] do many files in one call. [`Error`]
//! and [`errno`] say what failed.
#![cfg_attr(
    feature = "conformance",
    doc = "[`conformance`] drives any backend through every line of the contract."
)]

pub mod batch;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod copy;
pub mod errno;
mod error;
mod ext;
mod file;
mod forward;
mod fs;
mod handoff;
mod metadata;
mod options;
mod std_fs;

pub use batch::{LinkReport, MetadataReport, NamePair, SyncReport};
pub use copy::{Copied, CopyJob, CopyObserver, CopyOptions, CopyReport};
pub use error::{Error, Op, Result, raw_os_error};
pub use ext::{FsExt, FsFileExt, is_leftover, parent_of};
pub use file::{FsFile, ReadRequest};
pub use fs::{Fs, FsDirLock};
pub use metadata::{FileId, FsCapabilities, FsDirEntry, FsFileType, FsMetadata};
pub use options::{DirectorySync, FileHint, FsOpenOptions, SyncMode};
pub use std_fs::StdFs;
