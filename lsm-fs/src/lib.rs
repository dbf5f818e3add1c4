#![doc = include_str!("../README.md")]
//!
//! # Modules in reading order
//!
//! [`Fs`] is names in directories, [`FsFile`] the bytes of one file. [`FsAbilities`] are the optional abilities of a
//! backend. [`FsExt`] and [`FsFileExt`] are conveniences over these. [`StdFs`] is the host's filesystem. [`batch`] and
//! [`copy`] work on many files in one call. [`intercept`] makes wrappers that count, trace or fail the calls of any
//! backend. [`Error`] and [`errno`] name a failure.
//!
//! The decisions behind the crate and their reasons are in
//! [`DESIGN.md`](https://docs.rs/crate/lsm-fs/latest/source/DESIGN.md).
#![cfg_attr(
    feature = "conformance",
    doc = "[`conformance`] drives any backend through every line of the contract."
)]

mod abilities;
pub mod batch;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod copy;
pub mod errno;
mod error;
mod ext;
mod file;
mod fs;
pub mod intercept;
mod metadata;
mod options;
mod pipeline;
mod pointers;
mod std_fs;

pub use abilities::{DirPair, FsAbilities, FsAttributes, FsBulk, OpenDirPair};
pub use batch::{LinkReport, MetadataReport, NamePair, SyncReport};
pub use copy::{Copied, CopyJob, CopyObserver, CopyOptions, CopyReport};
pub use error::{Error, Op, Result, raw_os_error};
pub use ext::{FsExt, FsFileExt, is_leftover, parent_of};
pub use file::{FsFile, ReadRequest};
pub use fs::{Fs, FsDirLock};
pub use metadata::{FileId, FsCapabilities, FsDirEntry, FsFileType, FsMetadata};
pub use options::{DirectorySync, FileHint, FsOpenOptions, SyncMode};
pub use std_fs::StdFs;
