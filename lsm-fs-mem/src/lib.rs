#![doc = include_str!("../README.md")]
//!
//! The rules of a crash and their sources are in
//! [`MODEL.md`](https://docs.rs/crate/lsm-fs-mem/latest/source/MODEL.md).

#[doc = include_str!("guide.md")]
pub mod guide {}

#[doc = include_str!("../MODEL.md")]
pub mod model {}

mod access;
mod audit;
mod crash;
mod errno_name;
mod fault_fs;
mod found;
mod hash;
mod machine;
mod mem_fs;
mod micro;
mod pages;
mod profile;
mod recording;
mod refusal;
mod sweep;
mod trace_fs;
mod tree;
mod volume;

pub use audit::{DurabilityAudit, DurabilityViolation, Undurable, UndurablePart};
pub use crash::{Budget, ParseStateIdError, StateId, Survives};
pub use fault_fs::{
    Fault, FaultCheckError, FaultEffect, FaultFs, FaultId, FaultReport, FaultSweepError, InjectedFault,
    ParseFaultEffectError, ParseFaultIdError, ShortTransfer, fault_replay, fault_sweep,
};
pub use found::FoundTree;
pub use machine::DirtyPages;
pub use mem_fs::{MemFs, SpecialFile};
pub use profile::{CrashModel, Profile, UnknownProfile};
pub use recording::Recording;
pub use refusal::Refusal;
pub use sweep::{
    CrashSweep, Failure, ForeignSync, Notes, ParseScheduleError, ProfileReport, Schedule, Schedules, Step,
    SweepError, SweepReport, crash_sweep, interleavings, replay,
};
pub use trace_fs::TraceFs;
pub use volume::{MemFsOptions, VolumeOptions, VolumeState};
