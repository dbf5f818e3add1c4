//! `FaultFs` and `fault_sweep`.

mod plan;
mod sweep;
