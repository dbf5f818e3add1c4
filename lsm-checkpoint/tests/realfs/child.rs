//! A creator in a separate process, which runs this test binary again.

use std::{
    io::{BufRead, BufReader, Write},
    ops::ControlFlow,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use lsm_checkpoint::{Checkpoint, CheckpointSource, Error, Policy};
use lsm_fs::{Fs, StdFs};

use crate::{bed, reader::Reader};

const DB: &str = "LSM_CHECKPOINT_CHILD_DB";
const TARGET: &str = "LSM_CHECKPOINT_CHILD_TARGET";
const COPIES: &str = "LSM_CHECKPOINT_CHILD_COPIES";
/// If set, the child waits at each step for a line from its parent.
const STEPWISE: &str = "LSM_CHECKPOINT_CHILD_STEPWISE";

/// Printed just before the call, and for each file and piece.
const STEP: &str = "step";

/// A running creator.
pub(crate) struct Creator {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Creator {
    /// Starts one of several creators, which only read the tree.
    pub(crate) fn spawn(db: &Path, target: &Path, copies: bool) -> Self {
        Self::start(&mut Self::command(db, target, copies))
    }

    /// Starts the engine in a creator that waits for its parent at each step, so that the moment of the kill does not
    /// depend on load.
    pub(crate) fn stepwise(db: &Path, target: &Path, copies: bool) -> Self {
        Self::start(Self::command(db, target, copies).env(STEPWISE, "1").stdin(Stdio::piped()))
    }

    fn command(db: &Path, target: &Path, copies: bool) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child::create_if_asked", "--nocapture"]);
        command.env(DB, db).env(TARGET, target).env(COPIES, if copies { "1" } else { "0" });
        command
    }

    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Kills a stepwise creator at this step, or some time after it. Returns `false` if it ended before.
    pub(crate) fn kill_at(mut self, step: u64, go_on: Option<Duration>) -> bool {
        let mut seen = 0;
        while seen < step {
            let Some(line) = self.lines.next() else { break };
            if line.unwrap().contains(STEP) {
                seen += 1;
                if seen < step {
                    self.let_go();
                }
            }
        }
        if let Some(time) = go_on {
            self.let_go();
            let last = Instant::now();
            while last.elapsed() < time {
                std::hint::spin_loop();
            }
        }
        self.child.kill().unwrap();
        // A process that was killed by a signal has no exit code.
        self.child.wait().unwrap().code().is_none()
    }

    fn let_go(&mut self) {
        // A creator that has ended does not read.
        let _ = self.child.stdin.as_mut().unwrap().write_all(b"\n");
    }

    /// Returns the result of the call: `ok`, or the name of its error.
    pub(crate) fn outcome(self) -> String {
        let mut outcome = String::new();
        for line in self.lines {
            let line = line.unwrap();
            if let Some((_, said)) = line.split_once("outcome: ") {
                said.clone_into(&mut outcome);
            }
        }
        let mut child = self.child;
        child.wait().unwrap();
        outcome
    }
}

/// The side of the child. In an ordinary test run it does nothing.
#[test]
fn create_if_asked() {
    let (Ok(db), Ok(target)) = (std::env::var(DB), std::env::var(TARGET)) else { return };
    let (db, is_stepwise) = (Path::new(&db), std::env::var_os(STEPWISE).is_some());
    let source: Box<dyn CheckpointSource> = match is_stepwise {
        true => Box::new(bed::open(&(Arc::new(StdFs) as Arc<dyn Fs>), db).unwrap()),
        false => Box::new(Reader::open(db)),
    };
    let say = |line: &str| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").unwrap();
        out.flush().unwrap();
    };
    let step = || {
        say(STEP);
        if is_stepwise {
            std::io::stdin().read_line(&mut String::new()).unwrap();
        }
    };
    let progress = |_: &lsm_checkpoint::Progress| {
        step();
        ControlFlow::Continue(())
    };
    let policy = if std::env::var(COPIES).is_ok_and(|copies| copies == "1") {
        Policy::Independent
    } else {
        Policy::PreferLink
    };
    step();
    let made =
        Checkpoint::new().policy(policy).progress(&progress).create(&*source, &StdFs, Path::new(&target));
    let outcome = match &made {
        Ok(_) => "ok".to_owned(),
        Err(Error::TargetExists { .. }) => "exists".to_owned(),
        Err(Error::InProgress { .. }) => "in progress".to_owned(),
        Err(error) => format!("failed: {error}"),
    };
    step();
    say(&format!("outcome: {outcome}"));
}
