//! Compares a backup with the alternatives: stopping the database to copy its directory, and a scan into a new
//! database. Then measures the time of a put while backups run, and without them.
//!
//! `LSM_FJALL_BENCH_MIB` is the size of the database (default 1024). With `--test`, the run is short.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a bench stops at the first surprise, and prints a table"
)]
#![allow(clippy::disallowed_methods, reason = "it works on the host's files directly")]

use std::{
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use lsm_checkpoint::Policy;
use lsm_checkpoint_fjall::Backup;

const VALUE_LEN: usize = 1000;

fn main() {
    let is_short = std::env::args().any(|arg| arg == "--test");
    let default = if is_short { 4 } else { 1024 };
    let mib = std::env::var("LSM_FJALL_BENCH_MIB").map_or(default, |mib| mib.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let rows = mib * (1 << 20) / VALUE_LEN as u64;
    fill(folder.path(), rows);
    println!("{mib} MiB in {rows} rows of {VALUE_LEN} bytes\n");
    println!("| way | writers stop for | whole time |\n|---|---|---|");
    copies(folder.path());
    println!(
        "\n| puts | median | 99th percentile | 99.9th percentile | longest | backups |\n|---|---|---|---|---|---|"
    );
    puts(folder.path(), if is_short { 2_000 } else { 400_000 });
}

/// Fills a database with values that do not compress.
fn fill(folder: &Path, rows: u64) {
    let (db, keyspace) = open(&folder.join("db"));
    for n in 0..rows {
        keyspace.insert(key(n), value(n)).unwrap();
    }
    db.persist(PersistMode::SyncAll).unwrap();
    keyspace.rotate_memtable_and_wait().unwrap();
    keyspace.major_compact().unwrap();
    for n in 0..rows / 100 {
        keyspace.insert(key(n), value(n + rows)).unwrap();
    }
}

fn open(path: &Path) -> (Database, Keyspace) {
    let db = Database::builder(path).open().unwrap();
    let keyspace = db.keyspace("rows", KeyspaceCreateOptions::default).unwrap();
    (db, keyspace)
}

fn key(n: u64) -> String {
    format!("{n:012}")
}

fn value(n: u64) -> Vec<u8> {
    let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(VALUE_LEN).collect()
}

/// Times each way, and prints a row for it.
fn copies(folder: &Path) {
    let (db, keyspace) = open(&folder.join("db"));
    for (name, policy) in [("linked backup", Policy::LinkOnly), ("copied backup", Policy::Independent)] {
        sync();
        let target = folder.join("backup");
        let start = Instant::now();
        let info = Backup::new().policy(policy).create(&db, &target).unwrap();
        row(name, info.pause, start.elapsed());
        std::fs::remove_dir_all(target).unwrap();
    }
    sync();
    let start = Instant::now();
    let (copy, rows) = open(&folder.join("scan"));
    for pair in keyspace.iter() {
        let (key, value) = pair.into_inner().unwrap();
        rows.insert(key, value).unwrap();
    }
    copy.persist(PersistMode::SyncAll).unwrap();
    row("scan into a new database, without a stop", Duration::ZERO, start.elapsed());
    drop((copy, rows));
    std::fs::remove_dir_all(folder.join("scan")).unwrap();
    sync();
    let start = Instant::now();
    drop((db, keyspace));
    let copied = Command::new("cp").arg("-a").args([folder.join("db"), folder.join("cp")]).status().unwrap();
    assert!(copied.success());
    sync();
    drop(open(&folder.join("db")));
    row("stop, `cp -a`, `sync`, start", start.elapsed(), start.elapsed());
    std::fs::remove_dir_all(folder.join("cp")).unwrap();
}

fn sync() {
    assert!(Command::new("sync").status().unwrap().success());
}

fn row(name: &str, stop: Duration, whole: Duration) {
    println!("| {name} | {} | {} |", ms(stop), ms(whole));
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// Times puts without backups, and while one backup after another is taken.
fn puts(folder: &Path, count: u64) {
    let (db, keyspace) = open(&folder.join("db"));
    for is_beside in [false, true] {
        let is_done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let backups = scope.spawn(|| {
                let mut backups = 0;
                while is_beside && !is_done.load(Ordering::SeqCst) {
                    let target = folder.join("beside");
                    let _ = Backup::new().policy(Policy::LinkOnly).create(&db, &target).unwrap();
                    std::fs::remove_dir_all(target).unwrap();
                    backups += 1;
                }
                backups
            });
            let mut times: Vec<Duration> = (0..count).map(|n| put(&keyspace, n)).collect();
            is_done.store(true, Ordering::SeqCst);
            let backups = backups.join().unwrap();
            times.sort_unstable();
            let at = |part: f64| us(times[((times.len() - 1) as f64 * part).round().max(0.0) as usize]);
            let name = if is_beside { "beside backups" } else { "without backups" };
            println!("| {name} | {} | {} | {} | {} | {backups} |", at(0.5), at(0.99), at(0.999), at(1.0));
        });
    }
}

fn put(keyspace: &Keyspace, n: u64) -> Duration {
    let value = value(n);
    let start = Instant::now();
    keyspace.insert(key(n), value).unwrap();
    start.elapsed()
}

fn us(time: Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6)
}
