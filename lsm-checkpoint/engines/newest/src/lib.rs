//! The adapter for version 7 of coordinode's engine, built with the newest release. It shares the sources of
//! `lsm-checkpoint-engines`.

#[path = "../../src/coordinode_v7.rs"]
pub mod coordinode_v7;
#[path = "../../src/options.rs"]
pub mod options;
