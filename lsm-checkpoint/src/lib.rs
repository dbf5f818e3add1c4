#![doc = include_str!("../README.md")]
//!
//! # Modules in reading order
//!
//! [`CheckpointSource`], [`Snapshot`] and [`SourceFile`] are what an engine supplies, [`PinnedSnapshot`] is a snapshot
//! of parts that are at hand, [`DeletionPause`] is what the engine asks before it unlinks a file, [`ManifestTarget`] is
//! where it writes its manifest. [`Checkpoint`] takes the checkpoint, [`CheckpointInfo`] says what it holds,
//! [`Catalog`] says so on disk. [`Error`] says what to do next. [`adapt`](mod@adapt) walks through an adapter,
//! [`threat_model`](mod@threat_model) says what a hostile backup directory can do.
//! [`PROTOCOL.md`](https://docs.rs/crate/lsm-checkpoint/latest/source/PROTOCOL.md) describes the protocol, and names the
//! crash state that each sync prevents.
#![cfg_attr(feature = "conformance", doc = "[`conformance`] finds the mistakes of an adapter.")]

#[doc = include_str!("../ADAPT.md")]
pub mod adapt {}
#[doc = include_str!("../THREAT_MODEL.md")]
pub mod threat_model {}
mod catalog;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod info;
mod is_checkpoint;
mod layout;
mod list;
mod method;
mod pause;
mod plan;
mod pointer;
mod progress;
mod remove;
mod reserved;
mod restore;
mod run;
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
mod zeros;

pub use catalog::{Attributes, CATALOG_FORMAT, Catalog, CatalogFile, CatalogFolder, CatalogTree};
pub use error::{
    BoxError, CatalogDefect, Change, Error, Occupant, PointerProblem, Result, SnapshotProblem, StagedProblem,
};
pub use info::{CheckpointInfo, Totals};
pub use is_checkpoint::is_checkpoint;
pub use list::{CheckpointState, ListedCheckpoint, ListedContents, list};
pub use method::{Method, Policy};
pub use pause::{DeletionPause, Enqueue, FailedDeletion, PauseGuard, PauseReport, PauseStats};
pub use progress::{Clock, Progress, SystemClock};
pub use remove::{Removal, RemoveReport, remove};
pub use reserved::CATALOG_FILE;
pub use restore::{CheckpointDir, restore};
pub use run::{Checkpoint, run_checkpoint};
pub use source::{Capture, CheckpointSource, FileKind, PinnedSnapshot, Snapshot, SourceFile, SourceRoot};
pub use staged::ManifestTarget;
pub use sweep::{SweepReport, sweep};
pub use verify::{Defect, Note, Problem, Stranger, VerifyOptions, VerifyReport, verify};
