//! A killed process loses nothing, and synced changes survive a cold cache and a remount.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use lsm_fs::{Fs, StdFs};
use lsm_fs_mem::{MemFs, Survives};

use crate::{
    calls::{Seeded, any},
    mount::Mount,
    ops::{Machine, Op, tree},
};

const SEQUENCES: u64 = 300;
const CALLS: usize = 40;
const CHILD: &str = "LSM_FS_MEM_CHILD";

fn calls(seed: u64, can_punch: bool) -> Vec<Op> {
    let mut seeded = Seeded::new(seed);
    let calls = (0..CALLS).map(|_| any(&mut seeded));
    calls.filter(|op| can_punch || !matches!(op, Op::Punch(..))).collect()
}

/// Makes the calls of one seed and returns the results as text.
fn run(machine: &mut Machine<'_>, seed: u64, can_punch: bool) -> String {
    let mut answers = String::new();
    for op in calls(seed, can_punch) {
        let _ = writeln!(answers, "{op:?}: {}", machine.call(&op));
    }
    answers
}

/// The process to be killed. It makes all calls, keeps its handles open, and waits.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let can_punch = StdFs.capabilities(&dir).unwrap().punch_hole;
    let mut machines = Vec::new();
    for seed in 0..SEQUENCES {
        let root = dir.join(seed.to_string());
        std::fs::create_dir(&root).unwrap();
        let mut machine = Machine::new(&StdFs, &root);
        let answers = run(&mut machine, seed, can_punch);
        std::fs::write(dir.join(format!("{seed}.answers")), answers).unwrap();
        machines.push(machine);
    }
    println!("\nall calls made");
    let _ = std::io::stdin().read(&mut [0]);
}

fn run_and_kill(dir: &Path) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["killed::child", "--exact", "--nocapture"])
        .env(CHILD, dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "all calls made"), "the child failed");
    child.kill().unwrap();
    child.wait().unwrap();
}

fn calibrate(variable: &str) {
    let mount = Mount::of(variable);
    let dir = mount.dir("killed");
    let can_punch = StdFs.capabilities(&dir).unwrap().punch_hole;
    run_and_kill(&dir);

    let model: Vec<MemFs> = (0..SEQUENCES)
        .map(|seed| {
            let fs = MemFs::new();
            let answers = run(&mut Machine::new(&fs, Path::new("")), seed, can_punch);
            let real = std::fs::read_to_string(dir.join(format!("{seed}.answers"))).unwrap();
            // POSIX allows two errors for a rename onto a directory that is not empty, and XFS uses the other one.
            let real = real.replace("rename AlreadyExists", "rename DirectoryNotEmpty");
            assert_eq!(real, answers, "{variable}, seed {seed}: answers");
            fs
        })
        .collect();
    let compare = |model: &[MemFs], when: &str| {
        for (seed, fs) in model.iter().enumerate() {
            let real = tree(&StdFs, &dir.join(seed.to_string()));
            assert_eq!(real, tree(fs, Path::new("/")), "{variable}, seed {seed}: {when}");
        }
    };
    compare(&model, "after the kill, against the volatile view");

    mount.cool_down();
    let synced: Vec<MemFs> = model
        .iter()
        .map(|fs| {
            fs.settle();
            fs.crash(Survives::Forced)
        })
        .collect();
    compare(&synced, "with a cold cache, against the synced view");
    if !mount.is_in_memory() {
        mount.remount();
        compare(&synced, "after a remount, against the synced view");
    }
}

#[test]
fn on_ext4() {
    calibrate("LSM_REALFS_EXT4");
}

#[test]
fn on_xfs() {
    calibrate("LSM_REALFS_XFS");
}

#[test]
fn on_btrfs() {
    calibrate("LSM_REALFS_BTRFS");
}

#[test]
fn on_tmpfs() {
    calibrate("LSM_REALFS_TMPFS");
}
