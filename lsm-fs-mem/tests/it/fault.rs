//! `FaultFs` and `fault_sweep`.

mod plan;
mod reach;
mod sweep;
