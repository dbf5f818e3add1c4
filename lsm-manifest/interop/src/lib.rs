//! This package contains only tests. See `tests/engine.rs`.
