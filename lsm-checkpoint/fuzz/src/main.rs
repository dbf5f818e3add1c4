//! Runs the fuzz target on a stable compiler, in a loop that mutates the stored corpus.

#[path = "../../tests/it/entries.rs"]
#[allow(dead_code, reason = "tests use more of it")]
mod entries;

use std::{path::Path, process::ExitCode};

fn main() -> ExitCode {
    let targets: &[lsm_manifest_fuzz::Target] = &[("catalog", entries::catalog)];
    lsm_manifest_fuzz::run(Path::new(env!("CARGO_MANIFEST_DIR")), targets)
}
