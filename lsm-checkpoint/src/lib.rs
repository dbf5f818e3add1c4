#![doc = include_str!("../README.md")]
//!
//! # Modules in reading order
//!
//! - An engine implements [`CheckpointSource`] and [`Snapshot`], and lists each file as a [`SourceFile`].
//!   [`PinnedSnapshot`] is a ready-made [`Snapshot`].
//! - The engine asks a [`DeletionPause`] before it unlinks a file, and writes its manifest to a [`ManifestTarget`].
//! - [`Checkpoint`] takes the checkpoint. [`CheckpointInfo`] is its result, and [`Catalog`] lists the contents on disk.
//! - [`Error`] documents the next step for each failure.
//! - [`adapt`](mod@adapt) builds an adapter step by step. [`threat_model`](mod@threat_model) lists the attacks that a
//!   hostile backup directory can and cannot make.
//! - [`PROTOCOL.md`](https://docs.rs/crate/lsm-checkpoint/latest/source/PROTOCOL.md) describes the protocol, and names
//!   the crash state that each sync prevents.
#![cfg_attr(feature = "conformance", doc = "- [`conformance`] finds the mistakes of an adapter.")]

#[doc = include_str!("../ADAPT.md")]
pub mod adapt {}
#[doc = include_str!("../THREAT_MODEL.md")]
pub mod threat_model {}
mod catalog;
mod checksum;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod info;
mod is_checkpoint;
mod layout;
mod list;
mod method;
mod pause;
mod permissions;
mod plan;
mod pointer;
mod progress;
mod remove;
mod reserved;
mod restore;
mod run;
mod salvage;
mod source;
mod space;
mod staged;
mod sweep;
mod sync;
mod tally;
mod target_life;
mod transfer;
mod verify;
mod view;

pub use catalog::{Attributes, CATALOG_FORMAT, Catalog, CatalogFile, CatalogFolder, CatalogTree};
pub use error::{
    BoxError, CatalogDefect, Change, Error, Occupant, PointerProblem, Result, SnapshotProblem, StagedProblem,
};
pub use info::{BaseReport, CheckpointInfo, Totals};
pub use is_checkpoint::is_checkpoint;
pub use list::{CheckpointState, ListedCheckpoint, ListedContents, list};
pub use method::{Method, Policy};
pub use pause::{DeletionPause, Enqueue, FailedDeletion, PauseGuard, PauseReport, PauseStats};
pub use permissions::RestoredOwner;
pub use progress::{Clock, Progress, SystemClock};
pub use remove::{Removal, RemoveReport, remove};
pub use reserved::CATALOG_FILE;
pub use restore::{CheckpointDir, restore};
pub use run::{Checkpoint, run_checkpoint};
pub use salvage::SalvageReport;
pub use source::{Capture, CheckpointSource, FileKind, PinnedSnapshot, Snapshot, SourceFile, SourceRoot};
pub use staged::ManifestTarget;
pub use sweep::{SweepReport, sweep};
pub use verify::{Defect, Note, Problem, Stranger, Subset, VerifyOptions, VerifyReport, verify};
