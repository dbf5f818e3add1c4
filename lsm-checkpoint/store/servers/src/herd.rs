//! [`run`]: many processes at work on one repository, killed at random.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use lsm_checkpoint_store::{Location, Repository};

use crate::call::Call;
use crate::children::{Child, Words};
use crate::fault::{Fault, Seeded};
use crate::server::Server;
use crate::tour::{Failure, options, sound};

/// The size of a herd.
#[derive(Debug, Clone)]
pub struct Herd {
    /// The program of the workers.
    pub worker: PathBuf,
    /// Workers that push.
    pub pushers: u32,
    /// Workers that forget, fence and collect.
    pub collectors: u32,
    /// The time for which they work.
    pub time: Duration,
    /// The seed of faults and kills.
    pub seed: u64,
    /// One in this many requests has a fault.
    pub rarity: u64,
}

/// The result of a herd's work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Backups that were committed.
    pub committed: usize,
    /// Backups that existed at the end.
    pub kept: usize,
    /// Workers that were killed.
    pub killed: usize,
    /// Operations that ended with an error, by the first words of the error.
    pub failed: BTreeMap<String, usize>,
}

#[derive(Debug)]
enum Event {
    Words(Words),
    /// The proxy holds a request of this worker, which dies now.
    Kill(u32),
}

impl From<Words> for Event {
    fn from(words: Words) -> Self {
        Self::Words(words)
    }
}

/// The prefix of the repository.
const PREFIX: &str = "herd";
/// One in this many requests kills its worker.
const DEATHS: u64 = 300;

/// Lets a herd work on a server. Then verifies every backup, fences all writers, collects, and verifies again.
///
/// # Errors
///
/// A committed backup is missing or damaged, or garbage is left.
pub async fn run(server: &Server, herd: &Herd, dir: &Path) -> Result<Report, Failure> {
    let store = server.store()?;
    let place = Location::of_store(Arc::clone(&store), PREFIX);
    let repository = Repository::init(place, options()).await?;
    let (sender, events) = channel();
    server.proxy.plan(plan(herd.seed, herd.rarity, sender.clone()));
    let mut work = Work {
        url: server.proxy.url(),
        herd: herd.clone(),
        dir: dir.to_owned(),
        sender,
        random: Seeded::new(herd.seed, 1),
        children: BTreeMap::new(),
        starts: 0,
        homes: BTreeMap::new(),
        committed: BTreeSet::new(),
        may_go: BTreeSet::new(),
        report: Report::default(),
    };
    let mut work: Work =
        tokio::task::spawn_blocking(move || work.until_the_end(&events).map(|()| work)).await??;
    server.proxy.plan(|_| Fault::None);
    let listed: BTreeSet<String> =
        repository.list().await?.iter().map(|backup| backup.id.to_string()).collect();
    if let Some(lost) = work.committed.iter().find(|id| !listed.contains(*id) && !work.may_go.contains(*id)) {
        return Err(format!("the committed backup {lost} is lost").into());
    }
    sound(&repository).await?;
    crate::assert_no_garbage(&repository, &store, PREFIX).await?;
    sound(&repository).await?;
    (work.report.committed, work.report.kept) = (work.committed.len(), listed.len());
    Ok(work.report)
}

/// Makes a plan with random faults. Some requests also kill their worker, before or after their effect.
fn plan(seed: u64, rarity: u64, deaths: Sender<Event>) -> impl FnMut(&Call) -> Fault + Send + 'static {
    let mut random = Seeded::new(seed, rarity);
    let mut fate = Seeded::new(seed ^ u64::MAX, 1);
    move |call| match call.client {
        Some(client) if fate.draw().is_multiple_of(DEATHS) => {
            deaths.send(Event::Kill(client)).ok();
            if fate.draw().is_multiple_of(2) { Fault::Hold } else { Fault::HoldAnswer }
        }
        Some(_) => random.fault(call),
        None => Fault::None,
    }
}

struct Work {
    url: String,
    herd: Herd,
    dir: PathBuf,
    sender: Sender<Event>,
    random: Seeded,
    /// The living worker of each number, with the number of its start.
    children: BTreeMap<u32, (u32, Child)>,
    starts: u32,
    /// The directory of each pusher. A new directory stands for a new machine. With an old one, a pusher resumes its
    /// writer.
    homes: BTreeMap<u32, PathBuf>,
    committed: BTreeSet<String>,
    may_go: BTreeSet<String>,
    report: Report,
}

impl Work {
    fn until_the_end(&mut self, events: &Receiver<Event>) -> Result<(), Failure> {
        for number in 0..self.herd.pushers + self.herd.collectors {
            self.start(number)?;
        }
        let end = Instant::now() + self.herd.time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            match events.recv_timeout(left) {
                Ok(Event::Kill(number)) => {
                    self.kill(number)?;
                    self.start(number)?;
                }
                Ok(Event::Words(Words::End(start))) => {
                    if let Some(number) = self.ended(start)? {
                        self.start(number)?;
                    }
                }
                Ok(Event::Words(Words::Line(_, line))) => self.hear(&line),
                Err(_) => break,
            }
        }
        for (_, child) in self.children.values_mut() {
            child.stop();
        }
        // A worker whose request is held would wait for ever, so go on killing until all have ended.
        while !self.children.is_empty() {
            match events.recv()? {
                Event::Kill(number) => self.kill(number)?,
                Event::Words(Words::End(start)) => drop(self.ended(start)?),
                Event::Words(Words::Line(_, line)) => self.hear(&line),
            }
        }
        Ok(())
    }

    /// Removes a worker that has ended by itself. Returns its number, or `None` if it was killed before.
    fn ended(&mut self, start: u32) -> Result<Option<u32>, Failure> {
        let number = self.children.iter().find_map(|(&number, child)| (child.0 == start).then_some(number));
        let Some((_, mut child)) = number.and_then(|number| self.children.remove(&number)) else {
            return Ok(None);
        };
        match child.wait()?.code() {
            Some(101) => Err("a worker has panicked".into()),
            _ => Ok(number),
        }
    }

    fn start(&mut self, number: u32) -> Result<(), Failure> {
        let (url, number_text) = (self.url.clone(), number.to_string());
        let mut arguments = vec!["collector".to_owned(), url, number_text, PREFIX.to_owned()];
        if number < self.herd.pushers {
            let fresh = self.dir.join(format!("{number}-{:016x}", self.random.draw()));
            let keeps = self.random.draw().is_multiple_of(2);
            let home = match self.homes.get(&number).filter(|_| keeps) {
                Some(home) => home.clone(),
                None => fresh,
            };
            self.homes.insert(number, home.clone());
            arguments[0] = "pusher".to_owned();
            arguments.push(home.display().to_string());
        }
        self.starts += 1;
        let child = Child::start(&self.herd.worker, self.starts, &arguments, self.sender.clone())?;
        self.children.insert(number, (self.starts, child));
        Ok(())
    }

    fn kill(&mut self, number: u32) -> Result<(), Failure> {
        if let Some((_, mut child)) = self.children.remove(&number) {
            child.kill()?;
            self.report.killed += 1;
        }
        Ok(())
    }

    fn hear(&mut self, line: &str) {
        match line.split_once(' ') {
            Some(("committed", id)) => drop(self.committed.insert(id.to_owned())),
            Some(("forgetting", id)) => drop(self.may_go.insert(id.to_owned())),
            Some(("failed", error)) => {
                // Keys and offsets have digits. Without them, errors of one kind count as one.
                let words = error.split(' ').filter(|word| !word.contains(|c: char| c.is_ascii_digit()));
                let start: String = words.take(12).collect::<Vec<_>>().join(" ");
                *self.report.failed.entry(start).or_default() += 1;
            }
            _ => {}
        }
    }
}
