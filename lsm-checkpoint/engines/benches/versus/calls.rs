//! Counts the system calls of a checkpoint: runs this program again and watches it with `strace`.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{
    Method,
    trees::{self, Engine},
};

const MODE: &str = "--counted";

/// A path that does not exist. Lookups of it mark the begin and the end of the checkpoint in the trace.
const MARK: &str = "/lsm-checkpoint-mark";

/// Numbers of system calls.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Calls {
    pub(crate) all: u64,
    pub(crate) syncs: u64,
}

/// One checkpoint.
pub(crate) struct Order {
    pub(crate) engine: Engine,
    pub(crate) method: Method,
    pub(crate) ours: bool,
    pub(crate) db: PathBuf,
    pub(crate) target: PathBuf,
}

impl Order {
    pub(crate) fn from_args(args: &[String]) -> Option<Self> {
        let [mode, engine, method, ours, db, target] = args else { return None };
        (mode == MODE).then(|| Self {
            engine: Engine::ALL[engine.parse::<usize>().unwrap()],
            method: Method::ALL[method.parse::<usize>().unwrap()],
            ours: ours == "true",
            db: db.into(),
            target: target.into(),
        })
    }

    /// Runs in the child: opens the tree, waits until `strace` watches the process, and takes the checkpoint.
    pub(crate) fn run(&self) {
        let tree = trees::open(self.engine, &self.db, self.method.reflinks());
        println!("opened");
        std::io::stdin().read_line(&mut String::new()).unwrap();
        assert!(!Path::new(MARK).exists());
        if self.ours {
            tree.ours(self.method.policy(), &self.target);
        } else {
            self.method.theirs(&*tree, &self.target);
        }
        assert!(!Path::new(MARK).exists());
    }

    /// Takes the checkpoint in a separate process, and counts its calls. Watching the process while it opens its tree
    /// would take far longer.
    pub(crate) fn count(&self) -> Calls {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut child = self.child();
        let mut opened = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut opened).unwrap();
        assert_eq!(opened, "opened\n");
        let mut strace = Command::new("strace")
            .args(["-f", "--signal=none", "-p", &child.id().to_string(), "-o"])
            .arg(log.path())
            .stderr(Stdio::piped())
            .spawn()
            .expect("strace is installed");
        // Keep the pipe open, because strace prints more at the end.
        let mut said = BufReader::new(strace.stderr.take().unwrap());
        let mut attached = String::new();
        said.read_line(&mut attached).unwrap();
        assert!(attached.contains("attached"), "{attached}");
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert!(child.wait().unwrap().success());
        assert!(strace.wait().unwrap().success());
        counted(&std::fs::read_to_string(log.path()).unwrap())
    }

    fn child(&self) -> Child {
        let engine = Engine::ALL.iter().position(|&engine| engine == self.engine).unwrap();
        let method = Method::ALL.iter().position(|&method| method == self.method).unwrap();
        Command::new(std::env::current_exe().unwrap())
            .args([MODE, &engine.to_string(), &method.to_string(), &self.ours.to_string()])
            .args([&self.db, &self.target])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

/// Counts the calls between the marks. A call that another thread interrupts has a second line with `resumed`.
fn counted(log: &str) -> Calls {
    let mut lines = log.lines().skip_while(|line| !line.contains(MARK)).skip(1);
    let between = lines.by_ref().take_while(|line| !line.contains(MARK));
    let mut calls = Calls::default();
    for line in between.filter(|line| line.contains('(') && !line.contains("resumed>")) {
        calls.all += 1;
        calls.syncs += u64::from(["fsync(", "fdatasync(", "syncfs("].iter().any(|sync| line.contains(sync)));
    }
    calls
}
