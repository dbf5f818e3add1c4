//! A creator in a process of its own: this test binary, run again.

use std::{
    io::{BufRead, BufReader, Write},
    ops::ControlFlow,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use lsm_checkpoint::{Checkpoint, Error, Policy};
use lsm_fs::{Fs, StdFs};

use crate::tree::{Options, Tree};

const DB: &str = "LSM_CHECKPOINT_CHILD_DB";
const TARGET: &str = "LSM_CHECKPOINT_CHILD_TARGET";
const COPIES: &str = "LSM_CHECKPOINT_CHILD_COPIES";

/// Printed when the call is about to begin, and with each file and piece.
const STEP: &str = "step";

/// A creator under way.
pub(crate) struct Creator {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Creator {
    pub(crate) fn spawn(db: &Path, target: &Path, copies: bool) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child::create_if_asked", "--nocapture"])
            .env(DB, db)
            .env(TARGET, target)
            .env(COPIES, if copies { "1" } else { "0" })
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits until the creator has made so many steps, and that long from there, and kills it. `false`: it came to its
    /// end before.
    pub(crate) fn kill_after(mut self, steps: u64, time: Duration) -> bool {
        let mut seen = 0;
        while seen < steps {
            match self.lines.next() {
                Some(line) => seen += u64::from(line.unwrap().contains(STEP)),
                None => break,
            }
        }
        // What comes behind the last file makes no steps.
        let last = Instant::now();
        while last.elapsed() < time {
            std::hint::spin_loop();
        }
        self.child.kill().unwrap();
        // By a signal, it has no code.
        self.child.wait().unwrap().code().is_none()
    }

    /// What the call returned: `ok`, or the name of its error.
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

/// The child's side. Without an order there is nothing to make, and nothing to check.
#[test]
fn create_if_asked() {
    let (Ok(db), Ok(target)) = (std::env::var(DB), std::env::var(TARGET)) else { return };
    let fs: Arc<dyn Fs> = Arc::new(StdFs);
    let tree = Tree::open(&fs, Path::new(&db), Options::default()).unwrap();
    let say = |line: &str| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").unwrap();
        out.flush().unwrap();
    };
    let progress = |_: &lsm_checkpoint::Progress| {
        say(STEP);
        ControlFlow::Continue(())
    };
    let policy = if std::env::var(COPIES).is_ok_and(|copies| copies == "1") {
        Policy::Independent
    } else {
        Policy::PreferLink
    };
    say(STEP);
    let made =
        Checkpoint::new().policy(policy).progress(&progress).create(&*tree, &StdFs, Path::new(&target));
    let outcome = match &made {
        Ok(_) => "ok".to_owned(),
        Err(Error::TargetExists { .. }) => "exists".to_owned(),
        Err(Error::InProgress { .. }) => "in progress".to_owned(),
        Err(error) => format!("failed: {error}"),
    };
    say(STEP);
    say(&format!("outcome: {outcome}"));
}
