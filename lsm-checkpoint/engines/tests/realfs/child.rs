//! A process that writes to a tree and takes checkpoints of it. The process is another instance of this test binary.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use lsm_checkpoint::{Checkpoint, Policy};
use lsm_checkpoint_engines::{
    exam::take,
    kind::{Kind, Which},
    load::{Load, under_load},
    oracle::{Oracle, Plan},
};

pub(crate) const PLAN: Plan = Plan { keys: 1_000, value_size: 128 };

const ORDER: &str = "LSM_ENGINES_CHILD";

/// The output of a process before it was killed.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// The last operation that was flushed.
    pub(crate) flushed: u64,
    /// The checkpoints that had begun: the name, and the last operation that was acknowledged before.
    pub(crate) begun: Vec<(String, u64)>,
    /// The checkpoints that had returned.
    pub(crate) finished: Vec<String>,
}

pub(crate) struct Writer {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Writer {
    pub(crate) fn spawn(kind: Kind, dir: &Path) -> Self {
        let which = Which::ALL.iter().position(|&which| which == kind.which).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child::write_if_asked", "--nocapture"])
            .env(ORDER, format!("{which},{},{}", kind.blobs, dir.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Lets the process take this number of steps in its checkpoints, then kills it. If `go_on`, the process continues
    /// after the last step until the kill arrives. Returns its whole output.
    pub(crate) fn kill_at(mut self, steps: u64, go_on: bool) -> Said {
        let (mut said, mut seen) = (Said::default(), 0);
        let mut heard = |line: &str| {
            let mut words = line.split_whitespace().skip_while(|word| *word != "say").skip(1);
            match (words.next(), words.next(), words.next()) {
                (Some("flushed"), Some(n), None) => said.flushed = n.parse().unwrap(),
                (Some("begin"), Some(name), Some(n)) => {
                    said.begun.push((name.to_owned(), n.parse().unwrap()))
                }
                (Some("done"), Some(name), None) => said.finished.push(name.to_owned()),
                (Some("step"), ..) => return true,
                _ => {}
            }
            false
        };
        while seen < steps {
            let line = self.lines.next().expect("the child goes on until it is killed").unwrap();
            if heard(&line) {
                seen += 1;
                if seen < steps || go_on {
                    self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
                }
            }
        }
        self.child.kill().unwrap();
        for line in self.lines {
            heard(&line.unwrap());
        }
        assert!(self.child.wait().unwrap().code().is_none(), "by a signal, it has no code");
        said
    }
}

/// Writes a line in one piece, because several threads write.
fn say(what: &str) {
    let line = format!("say {what}\n");
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).unwrap();
    out.flush().unwrap();
}

/// Reports a step and waits for the parent, so that the moment of the kill does not depend on load.
fn step() {
    say("step");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

/// Runs in the child, until it is killed. In an ordinary test run it does nothing.
#[test]
fn write_if_asked() {
    let Ok(order) = std::env::var(ORDER) else { return };
    let mut words = order.splitn(3, ',');
    let which = Which::ALL[words.next().unwrap().parse::<usize>().unwrap()];
    let blobs = words.next().unwrap() == "true";
    let dir = PathBuf::from(words.next().unwrap());
    let engine = Kind::new(which, blobs).open(&dir.join("db")).unwrap();
    let oracle = Oracle::default();
    let load = Load::new(&*engine, PLAN, &oracle);
    let progress = |_: &lsm_checkpoint::Progress| {
        step();
        ControlFlow::Continue(())
    };
    under_load(&load, || {
        let policies = [Policy::PreferLink, Policy::Independent];
        for (n, policy) in policies.into_iter().cycle().enumerate() {
            let flushed = load.flush()?;
            say(&format!("flushed {flushed}"));
            let name = format!("checkpoint-{n}");
            say(&format!("begin {name} {}", oracle.acknowledged()));
            step();
            take(&*engine, &oracle, &Checkpoint::new().policy(policy).progress(&progress), &dir.join(&name))?;
            say(&format!("done {name}"));
            step();
        }
        Ok(())
    })
    .unwrap();
}
