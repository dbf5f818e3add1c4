//! The memory that a repair needs, measured by running this test binary again with a memory limit.
#![cfg(target_os = "linux")]

use std::{path::Path, process::Command};

use lsm_fs::{Fs, FsOpenOptions, StdFs};
use lsm_manifest::{ManifestArchiveWriter, ReadOptions, RepairedPart, WriteOptions, inspect, repair};

const ARCHIVE: &str = "LSM_MANIFEST_REPAIRED";
/// The memory that the test binary itself maps, including its threads, plus 64 MiB.
const LIMIT_KIB: u64 = (40 + 64) << 10;
const SECTIONS: usize = 12;
const SECTION_BYTES: usize = 15 << 20;

/// Runs in the child process. Without the environment variable there is nothing to do.
#[test]
fn repair_if_asked() {
    let Some(path) = std::env::var_os(ARCHIVE) else { return };
    let path = Path::new(&path);
    assert!(!inspect(&StdFs, path, &ReadOptions::new()).unwrap().is_healthy());
    let repaired = repair(&StdFs, path, &ReadOptions::new()).unwrap();
    assert_eq!((repaired.parts, repaired.damaged.len()), (vec![RepairedPart::Mirror], 1));
}

#[test]
fn a_repair_has_one_section_in_memory_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("v1");
    let mut writer = ManifestArchiveWriter::create(&StdFs, &path, WriteOptions::new()).unwrap();
    let payload = vec![7; SECTION_BYTES];
    for section in 0..SECTIONS {
        writer.add_section(&section.to_string(), &payload).unwrap();
    }
    drop(writer.finish().unwrap());
    let file = StdFs.open(&path, &FsOpenOptions::new().write(true)).unwrap();
    file.write_at(&[0x5a; 64], 100).unwrap();
    file.write_at(&[0x5a; 64], 4096 + 4096).unwrap();
    let status = Command::new("sh")
        .args([
            "-c",
            &format!("ulimit -v {LIMIT_KIB} && exec \"$0\" --exact memory::repair_if_asked --nocapture"),
        ])
        .arg(std::env::current_exe().unwrap())
        .env(ARCHIVE, &path)
        // By default, glibc reserves an arena per thread, which takes as much address space as the limit.
        .env("MALLOC_ARENA_MAX", "1")
        .status()
        .unwrap();
    assert!(status.success(), "the repair took more than its memory");
    let report = inspect(&StdFs, &path, &ReadOptions::new()).unwrap();
    let bad = report.sections.iter().filter(|section| section.header.is_none()).count();
    assert_eq!((report.sections.len(), bad), (SECTIONS, 1));
}
