//! The memory of a checkpoint of many files, measured in a separate process that runs this test binary again.

use std::{path::Path, process::Command};

use lsm_checkpoint::{Checkpoint, Policy, Snapshot};
use lsm_fs::StdFs;

use crate::{
    flat::{Flat, Version},
    mounts::{TMPFS, scratch},
};

const DIR: &str = "LSM_CHECKPOINT_MEMORY_DIR";
const FILES: &str = "LSM_CHECKPOINT_MEMORY_FILES";
const MANY: usize = 100_000;
const FEW: usize = 10_000;

/// Returns a figure of this process, in bytes.
fn status(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// Returns the growth of memory at the peak of a piece of work.
fn peak_of(work: impl FnOnce()) -> u64 {
    let before = status("VmRSS:");
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    work();
    status("VmHWM:").saturating_sub(before)
}

/// The side of the child. In an ordinary test run it does nothing.
#[test]
fn measure_if_asked() {
    let (Ok(dir), Ok(files)) = (std::env::var(DIR), std::env::var(FILES)) else { return };
    let (dir, files) = (Path::new(&dir), files.parse().unwrap());
    let flat = Flat::open(&dir.join("db"), files, 1);
    let whole = peak_of(|| {
        let linked = Checkpoint::new().policy(Policy::LinkOnly);
        let info = linked.create(&flat, &StdFs, &dir.join(format!("checkpoint-{files}"))).unwrap();
        assert_eq!(info.sst_files, files as u64);
    });
    println!("peak: {whole}");
}

/// Measures the list, which belongs to the engine. It comes first in its process, so that it does not reuse freed
/// memory.
#[test]
fn measure_list_if_asked() {
    let (Ok(dir), Ok(files)) = (std::env::var(DIR), std::env::var(FILES)) else { return };
    let flat = Flat::open(&Path::new(&dir).join("db"), files.parse().unwrap(), 1);
    println!("peak: {}", peak_of(|| assert!(Version(&flat).files().unwrap().len() >= FEW)));
}

fn measured(test: &str, dir: &Path, files: usize) -> u64 {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(DIR, dir)
        .env(FILES, files.to_string())
        .output()
        .unwrap();
    let out = String::from_utf8(child.stdout).unwrap();
    let (_, figure) = out.split_once("peak: ").unwrap_or_else(|| panic!("{out}"));
    figure.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn less_than_a_kibibyte_a_file() {
    let dir = scratch(TMPFS);
    Flat::prepare_names(&dir.path().join("db"), MANY);
    let per_file = |test: &str| {
        let [few, many] = [FEW, MANY].map(|files| measured(test, dir.path(), files));
        println!("{test}: {few} bytes for {FEW} files, {many} for {MANY}");
        many.saturating_sub(few) / (MANY - FEW) as u64
    };
    let whole = per_file("memory::measure_if_asked");
    let list = per_file("memory::measure_list_if_asked");
    println!("{whole} bytes a file, of which {list} are the engine's list");
    assert!(list > 0 && whole > list, "nothing was measured");
    assert!(whole < 1024, "{whole} bytes a file");
}
