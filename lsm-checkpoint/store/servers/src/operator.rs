//! [`Operator`]: the built command `lsm-checkpoint`, run as a process on a server.
//!
//! The environment of the process has only the variables that the command documents.

mod address;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use hyper::Method;
use serde_json::Value;

use crate::children::{Child, Words};
use crate::engine::Engine;
use crate::fault::Fault;
use crate::proxy::Proxy;
use crate::tour::{Failure, contents};
pub use address::Address;

/// The exit codes that the command documents.
const DONE: i32 = 0;
const REFUSED: i32 = 4;
const IO: i32 = 5;

/// The number of tables of the first checkpoint, and their length.
const TABLES: (usize, usize) = (12, 20_000);

/// An operator with a database, a repository and the command.
#[derive(Debug)]
pub struct Operator<'a> {
    program: &'a Path,
    address: Address,
    /// A directory for the checkpoints, the restored databases and the command's memory.
    dir: &'a Path,
    /// The proxy in front of the server. Without it, no push is killed.
    proxy: Option<&'a Proxy>,
}

/// The lines of one run, of both streams.
#[derive(Debug)]
struct Lines(Vec<Value>);

/// A checkpoint that was pushed, and the identifier of its backup.
#[derive(Debug)]
struct Pushed {
    checkpoint: PathBuf,
    id: String,
}

/// An event of a push that is to be killed.
#[derive(Debug)]
enum Event {
    Words(Words),
    Held,
}

impl From<Words> for Event {
    fn from(words: Words) -> Self {
        Self::Words(words)
    }
}

impl<'a> Operator<'a> {
    /// Prepares an operator. `program` is the command, and `dir` an empty directory.
    #[must_use]
    pub const fn new(program: &'a Path, address: Address, dir: &'a Path, proxy: Option<&'a Proxy>) -> Self {
        Self { program, address, dir, proxy }
    }

    /// Runs each verb, and compares every restored directory byte by byte with its checkpoint.
    ///
    /// # Errors
    ///
    /// A verb ended with another exit code than documented, or printed or restored something else.
    pub fn tour(&self) -> Result<(), Failure> {
        self.create()?;
        let mut engine = Engine::open(&self.dir.join("db"), "operator")?;
        engine.add(1, TABLES.0, TABLES.1)?;
        let monday = self.push(&engine, "monday", 0)?;
        engine.drop_oldest(3)?;
        engine.add(2, 2, TABLES.1)?;
        let tuesday = self.push(&engine, "tuesday", TABLES.0 - 3)?;
        self.look(&monday, &tuesday)?;
        self.read_only()?;
        self.restore_both(&monday, &tuesday)?;
        self.forget_and_undo(&monday, &tuesday)?;
        engine.add(3, 1, TABLES.1)?;
        let wednesday = self.push(&engine, "wednesday", TABLES.0 - 1)?;
        self.prune(&wednesday)?;
        engine.add(4, 1, TABLES.1)?;
        engine.checkpoint(&self.dir.join("thursday"))?;
        self.fence(&self.dir.join("thursday"))?;
        self.refuse_wrong_secret()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        command.env_clear().env("HOME", self.dir).envs(self.address.variables.iter().cloned());
        command.arg("store").args(args).args(["--json", "--quiet", "--no-progress"]);
        command
    }

    /// Runs a verb, and fails unless it ends with this exit code.
    fn run(&self, code: i32, args: &[&str]) -> Result<Lines, Failure> {
        let output = self.command(args).output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let text = text(&output.stdout) + &text(&output.stderr);
        if output.status.code() != Some(code) {
            let status = output.status;
            return Err(format!("store {}: {status} instead of {code}: {text}", args.join(" ")).into());
        }
        let lines = text.lines().map(|line| serde_json::from_str(line).map_err(|e| format!("{line}: {e}")));
        Ok(Lines(lines.collect::<Result<_, _>>()?))
    }

    fn url(&self) -> &str {
        &self.address.url
    }

    fn create(&self) -> Result<(), Failure> {
        self.run(REFUSED, &["list", self.url()])?.expect("error", "kind", "not_a_repository")?;
        self.run(DONE, &["init", self.url()])?.expect("repository", "url", self.url())?;
        self.run(REFUSED, &["init", self.url()])?.expect("error", "kind", "repository_exists")?;
        self.run(DONE, &["list", self.url()])?.count("backup", 0)
    }

    /// Takes a checkpoint and pushes it twice. The second push must find the first one.
    fn push(&self, engine: &Engine, name: &str, reused: usize) -> Result<Pushed, Failure> {
        let checkpoint = self.dir.join(name);
        engine.checkpoint(&checkpoint)?;
        let id = self.push_again(&checkpoint, false)?.expect("pushed", "reused_files", reused.to_string())?;
        if self.push_again(&checkpoint, true)?.text("pushed", "id")? != id {
            return Err(format!("{name} has two identifiers").into());
        }
        Ok(Pushed { checkpoint, id })
    }

    fn push_again(&self, checkpoint: &Path, was_there: bool) -> Result<Lines, Failure> {
        let lines = self.run(DONE, &["push", self.url(), &checkpoint.display().to_string()])?;
        lines.expect("pushed", "was_there", was_there)?;
        Ok(lines)
    }

    /// The verbs that only read.
    fn look(&self, monday: &Pushed, tuesday: &Pushed) -> Result<(), Failure> {
        let listed = self.run(DONE, &["list", self.url()])?.texts("backup", "id");
        if listed != [&*monday.id, &*tuesday.id] {
            return Err(format!("list: {listed:?}").into());
        }
        let status = self.run(DONE, &["status", self.url()])?;
        status.expect("source", "last", &*tuesday.id)?;
        let age: u64 = status.text("source", "age_seconds")?.parse()?;
        if age > 3_600 {
            return Err(format!("a new backup has an age of {age} seconds").into());
        }
        let named = format!("{}@{}", self.url(), &monday.id[..8]);
        self.run(DONE, &["show", &named])?.expect("catalog", "identity", "operator")?;
        for verb in ["check", "verify", "doctor"] {
            let report = self.run(DONE, &[verb, self.url()])?;
            report.expect("audit", "sound", true)?;
            report.expect("audit", "backups", "2")?;
        }
        self.run(DONE, &["writers", self.url()])?.count("writer", 0)
    }

    /// A doctor with credentials that may only read. The proxy refuses each put.
    fn read_only(&self) -> Result<(), Failure> {
        self.run(DONE, &["doctor", self.url()])?.finding("rights", "ok")?;
        let Some(proxy) = self.proxy else { return Ok(()) };
        proxy.plan(|call| if call.method == Method::PUT { Fault::Refuse(403) } else { Fault::None });
        let read_only = self.run(DONE, &["doctor", self.url()]);
        proxy.plan(|_| Fault::None);
        let read_only = read_only?;
        read_only.finding("rights", "concern")?;
        read_only.finding("overwrites", "unknown")
    }

    fn restore_both(&self, monday: &Pushed, tuesday: &Pushed) -> Result<(), Failure> {
        self.restore("latest", tuesday)?;
        self.restore(&tuesday.id, tuesday)?;
        self.restore(&monday.id[..8], monday)?;
        let (latest, taken) = (format!("{}@latest", self.url()), self.dir.join("db").display().to_string());
        self.run(REFUSED, &["restore", &latest, &taken])?.count("restored", 0)
    }

    /// Restores a backup, and compares the directory with the checkpoint.
    fn restore(&self, name: &str, pushed: &Pushed) -> Result<(), Failure> {
        let (backup, target) = (format!("{}@{name}", self.url()), self.dir.join("live"));
        self.run(DONE, &["restore", &backup, &target.display().to_string()])?.count("restored", 1)?;
        let (wanted, found) = (contents(&pushed.checkpoint)?, contents(&target)?);
        std::fs::remove_dir_all(&target)?;
        if wanted == found { Ok(()) } else { Err(format!("{backup} differs after a restore").into()) }
    }

    fn forget_and_undo(&self, monday: &Pushed, tuesday: &Pushed) -> Result<(), Failure> {
        let change = |verb: &str, state: &str| {
            let lines = self.run(DONE, &[verb, self.url(), &monday.id])?;
            lines.expect("changed", "state", state).map(drop)
        };
        change("forget", "forgotten")?;
        change("forget", "forgotten")?;
        self.run(DONE, &["status", self.url()])?.expect("forgotten", "id", &*monday.id)?;
        let (named, target) = (format!("{}@{}", self.url(), monday.id), self.dir.join("live"));
        let refused = self.run(REFUSED, &["restore", &named, &target.display().to_string()])?;
        refused.expect("error", "kind", "no_such_backup")?;
        change("undo", "brought_back")?;
        self.restore(&monday.id, monday)?;
        change("forget", "forgotten")?;
        self.run(DONE, &["collect", self.url()])?.expect("collected", "dropped_backups", "0")?;
        change("undo", "brought_back")?;
        change("forget", "forgotten")?;
        let collected = self.run(DONE, &["collect", "--grace", "0s", self.url()])?;
        collected.expect("collected", "dropped_backups", "1")?;
        let gone = self.run(REFUSED, &["undo", self.url(), &monday.id])?;
        gone.expect("error", "kind", "no_such_backup")?;
        self.restore("latest", tuesday)
    }

    fn prune(&self, newest: &Pushed) -> Result<(), Failure> {
        let prune = ["prune", "--keep-last", "1", "--verify", "full", "--grace", "0s", self.url()];
        let planned = self.run(DONE, &[&prune[..], &["--dry-run"]].concat())?;
        planned.count("backup_retention", 2)?;
        self.run(DONE, &["list", self.url()])?.count("backup", 2)?;
        self.run(DONE, &prune)?.expect("collected", "dropped_backups", "1")?;
        let left = self.run(DONE, &["list", self.url()])?.texts("backup", "id");
        if left != [&*newest.id] {
            return Err(format!("prune left {left:?}").into());
        }
        self.run(DONE, &["verify", self.url()])?.expect("audit", "other_objects", "0")?;
        self.restore("latest", newest)
    }

    /// Kills a push, fences its writer, and collects its objects. Then the same push succeeds.
    fn fence(&self, checkpoint: &Path) -> Result<(), Failure> {
        let unknown = "ab".repeat(16);
        self.run(DONE, &["fence", self.url(), &unknown])?.expect("changed", "state", "fenced")?;
        let Some(proxy) = self.proxy else { return Ok(()) };
        self.kill_a_push(proxy, checkpoint)?;
        let writer = self.run(DONE, &["writers", self.url()])?.text("writer", "id")?;
        self.run(DONE, &["check", self.url()])?.expect("audit", "sound", true)?;
        self.run(DONE, &["fence", self.url(), &writer])?.expect("changed", "id", &*writer)?;
        self.run(DONE, &["writers", self.url()])?.count("writer", 0)?;
        self.run(DONE, &["collect", self.url()])?.count("collected", 1)?;
        self.run(DONE, &["check", self.url()])?.expect("audit", "other_objects", "0")?;
        let id = self.push_again(checkpoint, false)?.text("pushed", "id")?;
        self.restore("latest", &Pushed { checkpoint: checkpoint.to_owned(), id })
    }

    /// Kills a push at its first request that writes a catalog. Its file is already in the store.
    fn kill_a_push(&self, proxy: &Proxy, checkpoint: &Path) -> Result<(), Failure> {
        let (sender, events): (_, Receiver<Event>) = channel();
        let held = sender.clone();
        proxy.plan(move |call| {
            let is_catalog = call.method == Method::PUT && call.path.contains("/backup/");
            if !is_catalog {
                return Fault::None;
            }
            held.send(Event::Held).ok();
            Fault::Hold
        });
        let mut command = self.command(&["push", self.url(), &checkpoint.display().to_string()]);
        command.stderr(Stdio::null());
        let mut child = Child::of(command, 0, sender)?;
        let first = events.recv()?;
        child.kill()?;
        proxy.plan(|_| Fault::None);
        if let Event::Words(words) = first {
            return Err(format!("the push ended before its catalog: {words:?}").into());
        }
        Ok(())
    }

    fn refuse_wrong_secret(&self) -> Result<(), Failure> {
        let Some(address) = self.address.with_wrong_secret() else { return Ok(()) };
        let stranger = Self { address, ..*self };
        stranger.run(IO, &["list", self.url()])?.expect("error", "kind", "denied").map(drop)
    }
}

impl Lines {
    fn of<'l>(&'l self, kind: &'l str) -> impl Iterator<Item = &'l Value> {
        self.0.iter().filter(move |line| line["type"] == kind)
    }

    /// Fails unless there are so many lines of a type.
    fn count(&self, kind: &str, number: usize) -> Result<(), Failure> {
        let found = self.of(kind).count();
        if found == number { Ok(()) } else { Err(format!("{found} {kind}: {:?}", self.0).into()) }
    }

    /// Fails unless a doctor has found this.
    fn finding(&self, subject: &str, result: &str) -> Result<(), Failure> {
        if self.of("finding").any(|line| line["subject"] == subject && line["result"] == result) {
            return Ok(());
        }
        Err(format!("{subject} is not {result}: {:?}", self.0).into())
    }

    /// Returns a field of each line of a type.
    fn texts(&self, kind: &str, field: &str) -> Vec<String> {
        self.of(kind).filter_map(|line| Some(line[field].as_str()?.to_owned())).collect()
    }

    /// Returns a field of the only line of a type.
    fn text(&self, kind: &str, field: &str) -> Result<String, Failure> {
        match &self.texts(kind, field)[..] {
            [text] => Ok(text.clone()),
            _ => Err(format!("not one {field} of {kind}: {:?}", self.0).into()),
        }
    }

    /// Fails unless the only line of a type has this value. Returns the identifier in the line, or an empty text.
    fn expect(&self, kind: &str, field: &str, value: impl Into<Value>) -> Result<String, Failure> {
        let (value, lines): (Value, Vec<_>) = (value.into(), self.of(kind).collect());
        match lines[..] {
            [line] if line[field] == value => Ok(line["id"].as_str().unwrap_or_default().to_owned()),
            _ => Err(format!("{field} of {kind} is not {value}: {:?}", self.0).into()),
        }
    }
}
