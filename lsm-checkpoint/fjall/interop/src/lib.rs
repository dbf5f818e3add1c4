//! This package contains only tests: `tests/without_lz4.rs`.
