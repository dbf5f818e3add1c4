//! Prints a Markdown table. Each row is measured beside its floor or a peer, in turns and in the same run.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a bench reads the clock, prints, and stops at the first surprise"
)]

#[path = "common/forty.rs"]
mod forty;

use std::{
    fmt::Display,
    io::{Read, Write},
    path::Path,
    time::{Duration, Instant},
};

use forty::forty;
use lsm_fs::{Fs, FsOpenOptions, SyncMode};
use lsm_fs_mem::{Budget, CrashSweep, MemFs, Profile};
use vfs::{MemoryFS, VfsPath};

const TURNS: usize = 7;

fn main() {
    // `cargo test --all-targets` also builds and runs this, without wanting figures.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let jobs: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let wanted = |job: &str| jobs.is_empty() || jobs.iter().any(|wanted| job.contains(wanted.as_str()));
    println!("| job | volume | ours | beside it | ratio | target |");
    println!("|---|---|---:|---:|---:|---:|");
    let parts: [(&str, fn()); 4] = [
        ("memory appends", appends),
        ("memory states", states),
        ("memory files", small_files),
        ("memory forks", forks),
    ];
    parts.iter().filter(|(job, _)| wanted(job)).for_each(|(_, run)| run());
}

/// Prints a row. The ratio is our time divided by the time beside it.
fn row(job: &str, (ours, beside): (impl Display, impl Display), ratio: f64, target: &str) {
    println!("| {job} | memory | {ours} | {beside} | {ratio:.3} | {target} |");
}

/// Runs both in turns and returns the medians.
fn in_turns(mut ours: impl FnMut(), mut beside: impl FnMut()) -> (Duration, Duration) {
    let time = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        times[0].push(time(&mut ours));
        times[1].push(time(&mut beside));
    }
    for of in &mut times {
        of.sort();
    }
    (times[0][TURNS / 2], times[1][TURNS / 2])
}

fn ratio(ours: Duration, beside: Duration) -> f64 {
    ours.as_secs_f64() / beside.as_secs_f64()
}

fn append_and_sync(rounds: usize) {
    let fs = MemFs::new();
    let mut log = fs.open(Path::new("/log"), &FsOpenOptions::new().append(true).create(true)).unwrap();
    for _ in 0..rounds {
        log.write_all(&[7; 4096]).unwrap();
        log.sync_data(SyncMode::Normal).unwrap();
    }
}

fn appends() {
    let (long, short) = in_turns(|| append_and_sync(30_000), || append_and_sync(15_000));
    row(
        "memory appends: 30,000 of 4 KiB, each synced, on one file / 15,000 of them",
        (format!("{long:.1?}"), format!("{short:.1?}")),
        ratio(long, short),
        "≤ 2.2",
    );
    let copy = || {
        let mut log: Vec<Vec<u8>> = Vec::new();
        for _ in 0..30_000 {
            log.push(vec![7; 4096]);
        }
        std::hint::black_box(log);
    };
    let (ours, floor) = in_turns(|| append_and_sync(30_000), copy);
    row(
        "memory appends: 30,000 of 4 KiB, each synced / the same bytes into vectors",
        (format!("{ours:.1?}"), format!("{floor:.1?}")),
        ratio(ours, floor),
        "–",
    );
}

fn states() {
    let run = || {
        let sweep = CrashSweep::new().models([Profile::Adversarial]).budget(Budget::Ci);
        sweep.run(forty, |_, _| Ok::<(), String>(())).unwrap()
    };
    let report = run();
    let profile = &report.profiles[0];
    let (ours, floor) = in_turns(
        || drop(run()),
        || {
            let fs = MemFs::new();
            forty(&fs).unwrap();
            for _ in 0..profile.distinct {
                std::hint::black_box(fs.fork());
            }
        },
    );
    let per_second = |time: Duration| format!("{:.0} a second", profile.distinct as f64 / time.as_secs_f64());
    row(
        "memory states: distinct crash states of 40 micro-operations, each booted and checked / as many forks",
        (
            format!("{}; {} distinct of {} tried", per_second(ours), profile.distinct, profile.tried),
            per_second(floor),
        ),
        ratio(ours, floor),
        "20,000 a second",
    );
}

const FILES: usize = 10_000;

fn small_files() {
    let content = [7_u8; 200];
    let names: Vec<String> = (0..FILES).map(|index| format!("/d/{index:06}.sst")).collect();
    let ours = || {
        let fs: Box<dyn Fs> = Box::new(MemFs::new());
        fs.create_dir(Path::new("/d")).unwrap();
        let mut buf = Vec::new();
        for name in &names {
            let mut file = fs.open(Path::new(name), &FsOpenOptions::new().write(true).create(true)).unwrap();
            file.write_all(&content).unwrap();
        }
        for name in &names {
            buf.clear();
            let mut file = fs.open(Path::new(name), &FsOpenOptions::new().read(true)).unwrap();
            file.read_to_end(&mut buf).unwrap();
            assert_eq!(buf.len(), content.len());
        }
        for name in &names {
            fs.remove_file(Path::new(name)).unwrap();
        }
    };
    let peer = || {
        let root = VfsPath::new(MemoryFS::new());
        root.join("d").unwrap().create_dir().unwrap();
        let mut buf = Vec::new();
        for name in &names {
            let mut file = root.join(&name[1..]).unwrap().create_file().unwrap();
            file.write_all(&content).unwrap();
        }
        for name in &names {
            buf.clear();
            let mut file = root.join(&name[1..]).unwrap().open_file().unwrap();
            file.read_to_end(&mut buf).unwrap();
            assert_eq!(buf.len(), content.len());
        }
        for name in &names {
            root.join(&name[1..]).unwrap().remove_file().unwrap();
        }
    };
    let (ours, peer) = in_turns(ours, peer);
    let each = |time: Duration| {
        // Each file is created and written, read, and removed.
        let seconds = time.as_secs_f64() / FILES as f64;
        format!("{:.2} µs a file, {:.1} M op/s", seconds * 1e6, 3.0 / seconds / 1e6)
    };
    row(
        "memory files: create, write 200 bytes, read, remove, 10,000 in a directory / `vfs` `MemoryFS`",
        (each(ours), each(peer)),
        ratio(ours, peer),
        "–",
    );
}

/// Creates a filesystem with one durable file of `mib` MiB.
fn holding(mib: usize) -> MemFs {
    let fs = MemFs::new();
    let mut file = fs.open(Path::new("/f"), &FsOpenOptions::new().write(true).create(true)).unwrap();
    for _ in 0..mib {
        file.write_all(&vec![7; 1 << 20]).unwrap();
    }
    fs.settle();
    drop(file);
    fs
}

fn resident_bytes() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|resident| resident.parse::<f64>().ok()).unwrap_or(f64::NAN) * 4096.0
}

fn forks() {
    const FORKS: usize = 2000;
    let (large, small) = (holding(256), holding(1));
    let fork = |fs: &MemFs| std::hint::black_box((0..FORKS).map(|_| fs.fork()).collect::<Vec<_>>());
    let grown = |fs: &MemFs| {
        let before = resident_bytes();
        let forks = fork(fs);
        let grown = (resident_bytes() - before) / FORKS as f64;
        drop(forks);
        grown
    };
    // The first fork pays for memory that the second one finds free.
    drop(fork(&small));
    let (of_large, of_small) = (grown(&large), grown(&small));
    let (time_large, time_small) = in_turns(|| drop(fork(&large)), || drop(fork(&small)));
    let each = |time: Duration| format!("{:.2} µs", time.as_secs_f64() * 1e6 / FORKS as f64);
    row(
        "memory forks: of a filesystem that stores 256 MiB / that stores 1 MiB",
        (
            format!("{}, {of_large:.0} bytes resident", each(time_large)),
            format!("{}, {of_small:.0} bytes", each(time_small)),
        ),
        ratio(time_large, time_small),
        "–",
    );
}
