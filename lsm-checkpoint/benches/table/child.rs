//! Runs this program again in a separate process, for figures that can be measured only from outside or from the start.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

use lsm_checkpoint::Policy;

use crate::source::Tables;

/// The first argument of such a process.
pub(crate) const MODE: &str = "child";

/// Takes a checkpoint of one directory into another, by a policy. Prints the growth of peak memory in KiB.
pub(crate) fn run(task: &[String]) {
    let policy = if task[0] == "link" { Policy::LinkOnly } else { Policy::Independent };
    let source = Tables::at(Path::new(&task[1]));
    let before = peak_kib();
    drop(source.checkpoint(policy, Path::new(&task[2])));
    println!("{}", peak_kib() - before);
}

fn peak_kib() -> u64 {
    kib_of(&fs::read_to_string("/proc/self/status").unwrap(), "VmHWM:")
}

fn command(program: &mut Command, policy: Policy, source: &Tables, dir: &Path) -> String {
    let policy = if policy == Policy::LinkOnly { "link" } else { "independent" };
    program.args([MODE, policy]).arg(source.dir()).arg(dir).stderr(Stdio::inherit());
    let output = program.output().unwrap();
    assert!(output.status.success(), "{program:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Peaks during a checkpoint, in KiB.
#[derive(Debug, Default)]
pub(crate) struct Peaks {
    /// The growth of the memory of the process.
    pub(crate) memory: u64,
    /// The growth of dirty pages and pages under writeback.
    pub(crate) dirty: u64,
}

/// Takes a checkpoint and watches it. Also returns the place where dirty pages were counted.
pub(crate) fn peaks(source: &Tables, policy: Policy, dir: &Path) -> (Peaks, &'static str) {
    let counter = Dirty::of(dir);
    let before = counter.kib();
    let (done, ended) = mpsc::channel::<()>();
    let peaks = std::thread::scope(|scope| {
        let counter = &counter;
        let watch = scope.spawn(move || {
            let mut peak = 0;
            while ended.recv_timeout(Duration::from_millis(1)) == Err(RecvTimeoutError::Timeout) {
                peak = counter.kib().max(peak);
            }
            peak
        });
        let mut program = Command::new(std::env::current_exe().unwrap());
        let memory = command(&mut program, policy, source, dir).trim().parse().unwrap();
        drop(done);
        Peaks { memory, dirty: watch.join().unwrap().saturating_sub(before) }
    });
    (peaks, counter.of_what())
}

/// The place where dirty pages are counted: one device if the kernel exposes its count, otherwise the machine. Below a
/// loop device, the pages of its image are dirty as well, and no process can limit these.
enum Dirty {
    Device(String),
    Machine,
}

impl Dirty {
    fn of(dir: &Path) -> Self {
        let device = fs::metadata(dir).unwrap().dev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        let path = format!("/sys/kernel/debug/bdi/{major}:{minor}/stats");
        if Path::new(&path).exists() { Self::Device(path) } else { Self::Machine }
    }

    fn of_what(&self) -> &'static str {
        match self {
            Self::Device(_) => "the target",
            Self::Machine => "the machine",
        }
    }

    fn kib(&self) -> u64 {
        let (path, keys) = match self {
            Self::Device(path) => (path.as_str(), ["BdiReclaimable:", "BdiWriteback:"]),
            Self::Machine => ("/proc/meminfo", ["Dirty:", "Writeback:"]),
        };
        let text = fs::read_to_string(path).unwrap();
        keys.iter().map(|key| kib_of(&text, key)).sum()
    }
}

/// Parses the value of a line such as `VmHWM:     1234 kB`.
fn kib_of(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// The number of calls that a process made, for each system call.
pub(crate) struct Calls(BTreeMap<String, f64>);

impl Calls {
    pub(crate) fn of(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    pub(crate) fn all(&self) -> f64 {
        self.0.values().sum()
    }
}

/// Counts the system calls of a linked checkpoint. Returns `None` without `strace`.
pub(crate) fn system_calls(source: &Tables, dir: &Path) -> Option<Calls> {
    let summary = dir.join("summary");
    Command::new("strace").arg("-V").output().ok()?;
    let mut strace = Command::new("strace");
    strace.args(["-f", "-c", "-o"]).arg(&summary).arg(std::env::current_exe().unwrap());
    command(&mut strace, Policy::LinkOnly, source, dir);
    // Columns: % time, seconds, usecs/call, calls, errors (may be empty), syscall.
    let text = fs::read_to_string(&summary).unwrap();
    let calls = text.lines().filter_map(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let name = *columns.last()?;
        let count = columns.get(3)?.parse().ok()?;
        (name != "total").then(|| (name.to_owned(), count))
    });
    Some(Calls(calls.collect()))
}
