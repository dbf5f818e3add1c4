//! Batches beside their floors, as a Markdown table. `cargo xtask bench` runs it on mounts of each type.
//!
//! Both sides of a row run alternately, in new directories. The ratio compares the medians.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise and prints a table"
)]

#[path = "table/copies.rs"]
mod copies;

use std::{
    fs::File,
    ops::ControlFlow,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use copies::copies;
use lsm_fs::{
    DirPair, Fs, FsFile, FsOpenOptions, NamePair, StdFs, SyncMode,
    batch::{hard_link_batch, reflink_batch, sync_batch},
};
use rustix::fs::{AtFlags, Mode, OFlags, ioctl_ficlone, linkat, open, openat};

const ROUNDS: usize = 9;

fn main() {
    let jobs: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let wanted = |job: &str| jobs.is_empty() || jobs.iter().any(|j| job.contains(j.as_str()));
    println!("| job | volume | ours, ms (min–max) | floor, ms (min–max) | ratio | target |");
    println!("|---|---|---:|---:|---:|---:|");
    for volume in ["ext4", "xfs", "btrfs", "tmpfs"] {
        let Some(root) = root(volume) else { continue };
        if wanted("link") {
            links(volume, &root);
        }
        if wanted("name") {
            names(volume, &root);
        }
        if wanted("pread") {
            positional(volume, &root);
        }
        if wanted("clone") && StdFs.capabilities(&root).unwrap().reflink {
            clones(volume, &root, 2_000, 64 << 10);
            clones(volume, &root, 100, 8 << 20);
        }
        if wanted("sync") && volume != "tmpfs" {
            syncs(volume, &root);
        }
    }
    if wanted("copy") {
        for (from, to) in [("ext4", "xfs"), ("ext4", "ext4"), ("tmpfs", "ext4"), ("tmpfs", "btrfs")] {
            if let (Some(from_root), Some(to_root)) = (root(from), root(to)) {
                copies(&format!("{from} → {to}"), &from_root, &to_root, 4_000, 16 << 10);
                copies(&format!("{from} → {to}"), &from_root, &to_root, 200, 4 << 20);
            }
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

/// Runs both sides alternately, each in a new directory, and prints their medians.
fn row(
    (job, target): (&str, f64),
    volume: &str,
    root: &Path,
    mut ours: impl FnMut(&Path) -> Duration,
    mut floor: impl FnMut(&Path) -> Duration,
) {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        for side in [round % 2, 1 - round % 2] {
            let dir = tempfile::tempdir_in(root).unwrap();
            let time = if side == 0 { ours(dir.path()) } else { floor(dir.path()) };
            // The first round is a warm-up.
            if round > 0 {
                if side == 0 { a.push(time) } else { b.push(time) }
            }
            drop(dir);
            rustix::fs::syncfs(File::open(root).unwrap()).unwrap();
        }
    }
    a.sort_unstable();
    b.sort_unstable();
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    let shown =
        |v: &[Duration]| format!("{:.2} ({:.2}–{:.2})", ms(v[ROUNDS / 2]), ms(v[0]), ms(v[ROUNDS - 1]));
    let ratio = ms(a[ROUNDS / 2]) / ms(b[ROUNDS / 2]);
    println!("| {job} | {volume} | {} | {} | {ratio:.3} | ≤ {target} |", shown(&a), shown(&b));
}

fn timed(act: impl FnOnce()) -> Duration {
    let start = Instant::now();
    act();
    start.elapsed()
}

fn dir(path: &Path) -> std::os::fd::OwnedFd {
    open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap()
}

/// Creates files of one size with distinct contents. They are synced, so that a row measures only its own writes.
fn fill(root: &Path, count: usize, bytes: usize) -> (tempfile::TempDir, Vec<String>) {
    let from = tempfile::tempdir_in(root).unwrap();
    let names: Vec<_> = (0..count).map(|i| format!("{i:06}.sst")).collect();
    let mut contents = vec![0; bytes];
    for (i, name) in names.iter().enumerate() {
        contents.iter_mut().step_by(64).for_each(|b| *b = i.to_le_bytes()[0] | 1);
        std::fs::write(from.path().join(name), &contents).unwrap();
    }
    rustix::fs::syncfs(File::open(root).unwrap()).unwrap();
    (from, names)
}

fn links(volume: &str, root: &Path) {
    let (from, names) = fill(root, 10_000, 16);
    let pairs: Vec<_> = names.iter().map(NamePair::same).collect();
    row(
        ("link 10,000 files: batch / raw linkat, two handles", 1.05),
        volume,
        root,
        |to| {
            timed(|| {
                hard_link_batch(&StdFs, DirPair { from: from.path(), to }, &pairs, &mut |_, result| {
                    result.unwrap();
                    ControlFlow::Continue(())
                });
            })
        },
        |to| {
            timed(|| {
                let (from, to) = (dir(from.path()), dir(to));
                for name in &names {
                    linkat(&from, name.as_str(), &to, name.as_str(), AtFlags::empty()).unwrap();
                }
            })
        },
    );
}

/// Calls on single names. Each pair runs so often that the resolution of the clock does not matter. Nothing is synced.
fn names(volume: &str, root: &Path) {
    const CALLS: usize = 2_000;
    type Call<'a> = Box<dyn Fn(&Path) + 'a>;
    let fs: &dyn Fs = &StdFs;
    let new = FsOpenOptions::new().write(true).create_new(true);
    let noreplace = rustix::fs::RenameFlags::NOREPLACE;
    let calls: Vec<(&str, Call<'_>, Call<'_>)> = vec![
        (
            "create and remove a directory",
            Box::new(|p| fs.create_dir(p).and_then(|()| fs.remove_dir(p)).unwrap()),
            Box::new(|p| std::fs::create_dir(p).and_then(|()| std::fs::remove_dir(p)).unwrap()),
        ),
        (
            "create and remove a file",
            Box::new(|p| fs.open(p, &new).map(drop).and_then(|()| fs.remove_file(p)).unwrap()),
            Box::new(|p| File::create_new(p).map(drop).and_then(|()| std::fs::remove_file(p)).unwrap()),
        ),
        (
            "link and remove a name",
            Box::new(|p| {
                fs.hard_link(&p.with_extension("source"), p).and_then(|()| fs.remove_file(p)).unwrap();
            }),
            Box::new(|p| {
                rustix::fs::link(p.with_extension("source"), p).and_then(|()| rustix::fs::unlink(p)).unwrap();
            }),
        ),
        (
            "rename without replacing, and back",
            Box::new(|p| {
                let source = p.with_extension("source");
                fs.rename_noreplace(&source, p).and_then(|()| fs.rename_noreplace(p, &source)).unwrap();
            }),
            Box::new(|p| {
                let source = p.with_extension("source");
                rustix::fs::renameat_with(rustix::fs::CWD, &source, rustix::fs::CWD, p, noreplace).unwrap();
                rustix::fs::renameat_with(rustix::fs::CWD, p, rustix::fs::CWD, &source, noreplace).unwrap();
            }),
        ),
        (
            "lock a directory",
            Box::new(|p| assert!(fs.try_lock_directory(p.parent().unwrap()).unwrap().is_some())),
            Box::new(|p| {
                let dir = dir(p.parent().unwrap());
                rustix::fs::flock(&dir, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
                assert!(rustix::fs::fstat(&dir).unwrap().st_ino > 0);
            }),
        ),
        (
            "list a directory",
            Box::new(|p| assert_eq!(fs.read_dir(p.parent().unwrap()).unwrap().len(), 1)),
            Box::new(|p| assert_eq!(std::fs::read_dir(p.parent().unwrap()).unwrap().count(), 1)),
        ),
        (
            "sync a clean directory",
            Box::new(|p| {
                let _ = fs.sync_directory(p.parent().unwrap(), SyncMode::Normal).unwrap();
            }),
            Box::new(|p| rustix::fs::fsync(dir(p.parent().unwrap())).unwrap()),
        ),
    ];
    for (what, ours, floor) in &calls {
        let run = |call: &Call<'_>, to: &Path| {
            std::fs::write(to.join("f.source"), "x").unwrap();
            let path = to.join("f");
            timed(|| (0..CALLS).for_each(|_| call(&path)))
        };
        row(
            (&format!("name {CALLS} ×: {what} / raw"), 1.1),
            volume,
            root,
            |to| run(ours, to),
            |to| run(floor, to),
        );
    }
}

fn positional(volume: &str, root: &Path) {
    const FILE: usize = 32 << 20;
    let scratch = tempfile::tempdir_in(root).unwrap();
    let path = scratch.path().join("f");
    let ours = StdFs.open(&path, &FsOpenOptions::new().read(true).write(true).create(true)).unwrap();
    ours.write_at(&vec![1; FILE], 0).unwrap();
    ours.sync_all(SyncMode::Normal).unwrap();
    let floor = File::options().read(true).write(true).open(&path).unwrap();
    for piece in [4 << 10, 64 << 10] {
        let calls = (256 << 20) / piece;
        let offset = |i: usize| (i.wrapping_mul(7_919) % (FILE / piece) * piece) as u64;
        // One buffer for both sides, because its place in memory affects the results.
        let buf = std::cell::RefCell::new(vec![0; piece]);
        row(
            (&format!("pread {calls} × {} KiB: dyn read_at / FileExt", piece >> 10), 1.02),
            volume,
            root,
            |_| {
                let mut buf = buf.borrow_mut();
                timed(|| {
                    (0..calls).for_each(|i| assert_eq!(ours.read_at(&mut buf, offset(i)).unwrap(), piece));
                })
            },
            |_| {
                let mut buf = buf.borrow_mut();
                timed(|| (0..calls).for_each(|i| floor.read_exact_at(&mut buf, offset(i)).unwrap()))
            },
        );
        row(
            (&format!("pread {calls} × {} KiB: dyn write_at / FileExt", piece >> 10), 1.02),
            volume,
            root,
            |_| {
                let buf = buf.borrow();
                timed(|| (0..calls).for_each(|i| ours.write_at(&buf, offset(i)).unwrap()))
            },
            |_| {
                let buf = buf.borrow();
                timed(|| (0..calls).for_each(|i| floor.write_all_at(&buf, offset(i)).unwrap()))
            },
        );
    }
}

fn clones(volume: &str, root: &Path, count: usize, bytes: usize) {
    let (from, names) = fill(root, count, bytes);
    let pairs: Vec<_> = names.iter().map(NamePair::same).collect();
    row(
        (&format!("clone {count} × {} KiB: batch / clone + fsync each", bytes >> 10), 1.0),
        volume,
        root,
        |to| {
            timed(|| {
                reflink_batch(
                    &StdFs,
                    DirPair { from: from.path(), to },
                    &pairs,
                    SyncMode::Normal,
                    &mut |_, result| {
                        result.unwrap();
                        ControlFlow::Continue(())
                    },
                );
            })
        },
        |to| {
            timed(|| {
                let (from, to) = (dir(from.path()), dir(to));
                let make = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
                for name in &names {
                    let source = openat(&from, name.as_str(), OFlags::RDONLY, Mode::empty()).unwrap();
                    let clone = openat(&to, name.as_str(), make, Mode::from_raw_mode(0o666)).unwrap();
                    ioctl_ficlone(&clone, &source).unwrap();
                    rustix::fs::fsync(&clone).unwrap();
                }
            })
        },
    );
}

fn syncs(volume: &str, root: &Path) {
    const FILES: usize = 500;
    let write = |to: &Path| -> Vec<Box<dyn FsFile>> {
        let options = FsOpenOptions::new().write(true).create_new(true);
        let files: Vec<_> =
            (0..FILES).map(|i| StdFs.open(&to.join(i.to_string()), &options).unwrap()).collect();
        files.iter().for_each(|file| file.write_at(&[5; 16 << 10], 0).unwrap());
        files
    };
    row(
        (&format!("sync {FILES} dirty files: batch / fsync one by one"), 1.0),
        volume,
        root,
        |to| {
            let files = write(to);
            let files: Vec<&dyn FsFile> = files.iter().map(|f| &**f).collect();
            timed(|| sync_batch(&StdFs, &files, SyncMode::Normal, &mut |_, result| result.unwrap()))
        },
        |to| {
            let files = write(to);
            timed(|| files.iter().for_each(|file| rustix::fs::fsync(file.host_file().unwrap()).unwrap()))
        },
    );
}
