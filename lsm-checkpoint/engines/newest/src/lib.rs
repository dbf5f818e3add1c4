//! The adapter for version 7 of coordinode's engine, built with the newest release. It shares the sources of
//! `lsm-checkpoint-engines`.

#[path = "../../src/coordinode_v7.rs"]
pub mod coordinode_v7;
#[path = "../../src/engine.rs"]
pub mod engine;
#[path = "../../src/key_value.rs"]
pub mod key_value;
#[path = "../../src/kind.rs"]
pub mod kind;
#[path = "../../src/options.rs"]
pub mod options;
#[path = "../../src/owner.rs"]
pub mod owner;
#[path = "../../src/readers.rs"]
mod readers;
#[path = "../../src/tree_v7.rs"]
pub mod tree_v7;
