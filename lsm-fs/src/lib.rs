#![doc = include_str!("../README.md")]
//!
//! # Modules in reading order
//!
//! Start with [`Fs`], which works on names in directories, and [`FsFile`], which works on the bytes of one file.
//! [`FsAbilities`] contains the optional abilities of a backend. [`FsExt`] and [`FsFileExt`] are conveniences on top of
//! these traits. [`StdFs`] is the host's filesystem. [`batch`] and [`copy`] process many files in one call.
//! [`intercept`] builds wrappers that count, trace or fail the calls of any backend. [`Error`] and [`errno`] describe
//! failures.
//!
//! The decisions behind the crate and their reasons are in
//! [`DESIGN.md`](https://docs.rs/crate/lsm-fs/latest/source/DESIGN.md). [`backends`] explains how to write a backend.
#![cfg_attr(
    feature = "conformance",
    doc = "[`conformance`] checks the contract of [`Fs`] and [`FsFile`] on any backend, except durability."
)]

mod abilities;
#[doc = include_str!("../BACKENDS.md")]
pub mod backends {}
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
mod names;
mod options;
mod permissions;
mod pipeline;
mod pointers;
mod std_fs;

pub use abilities::{FsAbilities, FsAttributes, FsBulk, FsPermissions, OpenDirPair};
pub use batch::{MetadataReport, SyncReport};
pub use copy::{Copied, CopyJob, CopyObserver, CopyOptions, CopyReport};
pub use error::{Error, Op, Result, raw_os_error};
pub use ext::{FsExt, FsFileExt, is_leftover, parent_of};
pub use file::{FsFile, ReadRequest};
pub use fs::{Fs, FsDirLock};
pub use metadata::{FileId, FsCapabilities, FsDirEntry, FsFileType, FsMetadata};
pub use names::{DirPair, LinkReport, NamePair};
pub use options::{DirectorySync, FileHint, FsOpenOptions, SyncMode};
pub use permissions::{Permissions, PermissionsSet};
pub use std_fs::StdFs;
