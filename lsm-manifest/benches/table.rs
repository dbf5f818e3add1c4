//! Archives beside their floors, as a Markdown table. `cargo xtask bench` runs it on mounts of each type.
//!
//! Both sides of a row run alternately. The ratio compares the medians.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise and prints a table"
)]

use std::{
    fs::{self, File},
    hint::black_box,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use lsm_fs::StdFs;
use lsm_manifest::{
    Current, ManifestArchiveReader, ManifestArchiveWriter, ReadOptions, WriteOptions, publish_current,
};
use xxhash_rust::xxh3::xxh3_128;

const ROUNDS: usize = 31;
/// The number of bytes that an engine stores for each table, and two numbers of tables.
const RECORD: usize = 64;
const FEW: usize = 1_000;
const MANY: usize = 100_000;
/// The highest acceptable ratio of a job to its floor.
const TARGET: f64 = 1.2;
/// The first argument of the process whose memory is measured.
const MEASURE: &str = "measure-memory-of";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, side, path, ..] = args.as_slice()
        && mode == MEASURE
    {
        return measure(side, Path::new(path));
    }
    let jobs: Vec<_> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    let wanted = |job: &str| jobs.is_empty() || jobs.iter().any(|wanted| job.contains(wanted.as_str()));
    println!("| job | volume | ours (min–max) | floor (min–max) | ratio | target |");
    println!("|---|---|---:|---:|---:|---:|");
    for volume in ["ext4", "xfs", "btrfs", "tmpfs"] {
        let Some(root) = root(volume) else { continue };
        for count in [FEW, MANY] {
            if wanted("manifest read") {
                reads(volume, &root, count);
            }
            if wanted("manifest publish") {
                publishes(volume, &root, count);
            }
        }
        if wanted("manifest memory") {
            memory(volume, &root);
        }
    }
}

/// Returns the mount of a type. Without mounts, the temporary directory replaces ext4.
fn root(volume: &str) -> Option<PathBuf> {
    match std::env::var_os(format!("LSM_REALFS_{}", volume.to_uppercase())) {
        Some(root) => Some(root.into()),
        None => (volume == "ext4" && std::env::var_os("LSM_REALFS_XFS").is_none()).then(std::env::temp_dir),
    }
}

fn tables(count: usize) -> Vec<u8> {
    (0_u64..).flat_map(|i| xxh3_128(&i.to_le_bytes()).to_le_bytes()).take(count * RECORD).collect()
}

fn write_archive(path: &Path, payload: &[u8]) {
    let mut writer = ManifestArchiveWriter::create(&StdFs, path, WriteOptions::new()).unwrap();
    for (name, payload) in sections(payload) {
        writer.add_section(name, payload).unwrap();
    }
    drop(writer.finish().unwrap());
}

/// The number of sections of an engine's manifest.
fn sections(tables: &[u8]) -> [(&'static str, &[u8]); 6] {
    [
        ("format_version", &[5]),
        ("tree_type", &[0]),
        ("level_count", &[7]),
        ("comparator_name", b"default"),
        ("tables", tables),
        ("blob_files", &[0; 4]),
    ]
}

fn reads(volume: &str, root: &Path, count: usize) {
    let dir = tempfile::tempdir_in(root).unwrap();
    let path = dir.path().join("v1");
    write_archive(&path, &tables(count));
    let floor = || {
        let bytes = fs::read(&path).unwrap();
        black_box(xxh3_128(&bytes));
    };
    let open = || ManifestArchiveReader::open(&StdFs, &path, &ReadOptions::new()).unwrap();
    row(
        &format!("manifest read, {count} records: open + verify / read + XXH3"),
        volume,
        || assert!(open().verify().unwrap().is_empty()),
        floor,
    );
    let read = || drop(black_box(open().read_section("tables").unwrap().payload));
    let job = format!("manifest read, {count} records: open + section / read + XXH3");
    row(&job, volume, read, floor);
}

fn publishes(volume: &str, root: &Path, count: usize) {
    let dir = tempfile::tempdir_in(root).unwrap();
    let payload = tables(count);
    let (ours, raw) = (dir.path().join("ours"), dir.path().join("raw"));
    fs::create_dir(&ours).unwrap();
    fs::create_dir(&raw).unwrap();
    let template = ours.join("v0");
    write_archive(&template, &payload);
    let archive = fs::read(&template).unwrap();
    let reader = ManifestArchiveReader::open(&StdFs, &template, &ReadOptions::new()).unwrap();
    let pointer = Current::new(1, reader.footer()).encode();
    let mut next = 0;
    let write_and_publish = || {
        next += 1;
        let path = ours.join(format!("v{next}"));
        let mut writer = ManifestArchiveWriter::create(&StdFs, &path, WriteOptions::new()).unwrap();
        for (name, payload) in sections(&payload) {
            writer.add_section(name, payload).unwrap();
        }
        let _ = publish_current(&writer.finish().unwrap()).unwrap();
    };
    let mut next_raw = 0;
    let raw_writes_and_syncs = || {
        next_raw += 1;
        write_synced(&raw.join(format!("v{next_raw}")), &archive);
        File::open(&raw).unwrap().sync_all().unwrap();
        write_synced(&raw.join("temp"), &pointer);
        fs::rename(raw.join("temp"), raw.join("current")).unwrap();
        File::open(&raw).unwrap().sync_all().unwrap();
    };
    let job = format!("manifest publish, {count} records: write + publish / the same bytes and syncs");
    row(&job, volume, write_and_publish, raw_writes_and_syncs);
}

fn write_synced(path: &Path, bytes: &[u8]) {
    let mut file = File::create_new(path).unwrap();
    file.write_all(bytes).unwrap();
    file.sync_all().unwrap();
}

/// Runs both sides alternately and prints their medians.
fn row(job: &str, volume: &str, mut ours: impl FnMut(), mut floor: impl FnMut()) {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        for side in [round % 2, 1 - round % 2] {
            let time = if side == 0 { timed(&mut ours) } else { timed(&mut floor) };
            // The first round is a warm-up.
            if round > 0 {
                if side == 0 { a.push(time) } else { b.push(time) }
            }
        }
    }
    let (ours, a) = summary(a);
    let (floor, b) = summary(b);
    let ratio = ours.as_secs_f64() / floor.as_secs_f64();
    println!("| {job} | {volume} | {a} | {b} | {ratio:.3} | ≤ {TARGET} |");
}

fn timed(run: &mut dyn FnMut()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

/// Returns the median, and a text with the extremes.
fn summary(mut times: Vec<Duration>) -> (Duration, String) {
    times.sort_unstable();
    let at = |index: usize| times.get(index).copied().unwrap_or_default();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let median = at(times.len() / 2);
    let text = format!("{:.3} ms ({:.3}–{:.3})", ms(median), ms(at(0)), ms(at(times.len() - 1)));
    (median, text)
}

/// The peak memory of reading a section, beside the length of the section. Each side runs in its own process.
fn memory(volume: &str, root: &Path) {
    let dir = tempfile::tempdir_in(root).unwrap();
    let path = dir.path().join("v1");
    write_archive(&path, &tables(MANY));
    let peak = |side: &str| -> f64 {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let output = command.args([MEASURE, side]).arg(&path).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    };
    let section = (MANY * RECORD) as f64 / 1024.0;
    for (job, side) in [("section read", "section"), ("open + verify", "verify")] {
        let peak = peak(side);
        let ratio = peak / section;
        println!("| manifest memory: {job} | {volume} | {peak:.0} KiB | {section:.0} KiB | {ratio:.3} | – |");
    }
}

/// Prints the growth of the process's peak memory, in KiB.
fn measure(side: &str, path: &Path) {
    let before = peak_kib();
    let reader = ManifestArchiveReader::open(&StdFs, path, &ReadOptions::new()).unwrap();
    if side == "section" {
        drop(black_box(reader.read_section("tables").unwrap()));
    } else {
        assert!(reader.verify().unwrap().is_empty());
    }
    println!("{}", peak_kib() - before);
}

fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
