//! Runs the fuzz targets with a stable compiler, by mutating the corpus.

#[path = "../../tests/it/entries.rs"]
mod entries;

use std::{path::Path, process::ExitCode};

fn main() -> ExitCode {
    let targets: &[lsm_manifest_fuzz::Target] = &[
        ("archive", entries::archive),
        ("block", entries::block),
        ("current", entries::current),
        ("footer", entries::footer),
    ];
    lsm_manifest_fuzz::run(Path::new(env!("CARGO_MANIFEST_DIR")), targets)
}
