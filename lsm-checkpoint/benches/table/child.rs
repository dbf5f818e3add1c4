//! This program again, in a process of its own: for what can only be measured from outside, or from the start.

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

/// First argument of such a process.
pub(crate) const MODE: &str = "child";

/// Takes a checkpoint by a policy, of one directory, into another. Prints by how many KiB the peak of memory grew.
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
    /// How much memory the process took beyond what it had.
    pub(crate) memory: u64,
    /// Dirty pages and pages under writeback, beyond those that were there.
    pub(crate) dirty: u64,
}

/// Takes a checkpoint and watches it; says whose dirty pages were counted.
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

/// Where dirty pages are counted: for one device if the kernel shows that, otherwise for the machine. Under a loop
/// device the pages of its image are dirty too, and those no process can hold down.
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

/// The value of a line such as `VmHWM:     1234 kB`.
fn kib_of(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// How often a process made each system call.
pub(crate) struct Calls(BTreeMap<String, f64>);

impl Calls {
    pub(crate) fn of(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    pub(crate) fn all(&self) -> f64 {
        self.0.values().sum()
    }
}

/// Counts those of a linked checkpoint; `None` without `strace`.
pub(crate) fn system_calls(source: &Tables, dir: &Path) -> Option<Calls> {
    let summary = dir.join("summary");
    Command::new("strace").arg("-V").output().ok()?;
    let mut strace = Command::new("strace");
    strace.args(["-f", "-c", "-o"]).arg(&summary).arg(std::env::current_exe().unwrap());
    command(&mut strace, Policy::LinkOnly, source, dir);
    // Columns: % time, seconds, usecs/call, calls, errors where there are any, syscall.
    let text = fs::read_to_string(&summary).unwrap();
    let calls = text.lines().filter_map(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let name = *columns.last()?;
        let count = columns.get(3)?.parse().ok()?;
        (name != "total").then(|| (name.to_owned(), count))
    });
    Some(Calls(calls.collect()))
}
