//! Nothing but tests: see `tests/engine.rs`.
