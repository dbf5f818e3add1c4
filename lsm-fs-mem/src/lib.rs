//! An in-memory filesystem that yields every legal crash state, injects faults and traces calls, from a seed.

mod audit;
mod fault_fs;
mod tap;
mod trace_fs;

pub use audit::{DurabilityAudit, DurabilityViolation, Undurable, UndurablePart};
pub use fault_fs::{
    Fault, FaultCheckError, FaultEffect, FaultFs, FaultId, FaultReport, FaultSweepError, InjectedFault,
    ParseFaultEffectError, ParseFaultIdError, ShortTransfer, fault_replay, fault_sweep,
};
pub use trace_fs::TraceFs;
