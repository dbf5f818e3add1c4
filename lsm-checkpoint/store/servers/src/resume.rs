//! Measures the bytes that a push sends again after it was killed half-way, and the peak RAM of a push.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use lsm_checkpoint_store::{Location, Repository};
use tempfile::TempDir;

use crate::children::{Child, Words};
use crate::engine::Engine;
use crate::fault::Fault;
use crate::proxy::Settings;
use crate::server::Server;
use crate::tour::{Failure, compare, options, sound};

/// The size of a push that is killed.
#[derive(Debug, Clone, Copy)]
pub struct Resume {
    /// The number of files.
    pub files: usize,
    /// The length of each.
    pub len: usize,
    /// The number of requests at a time.
    pub concurrency: usize,
}

/// The bytes of the two runs.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    /// The bytes of all files.
    pub whole: u64,
    /// The bytes that the first run had sent when it was killed.
    pub first: u64,
    /// The bytes that the second run has sent.
    pub again: u64,
}

#[derive(Debug)]
enum Event {
    Words(Words),
    Half,
}

impl From<Words> for Event {
    fn from(words: Words) -> Self {
        Self::Words(words)
    }
}

/// Kills a push when half of its bytes are sent, and starts it again.
///
/// # Errors
///
/// The second run failed, or the backup is not whole.
pub async fn resume(worker: &Path, size: &Resume) -> Result<Sent, Failure> {
    let (dir, server) = (TempDir::new()?, Server::start(Settings::default())?);
    let mut engine = Engine::open(&dir.path().join("db"), "resume")?;
    engine.add(1, size.files, size.len)?;
    let checkpoint = dir.path().join("checkpoint");
    engine.checkpoint(&checkpoint)?;
    let whole = (size.files * size.len) as u64;
    let repository = init(&server).await?;
    let arguments = arguments(&server, &dir, &checkpoint, size.concurrency);
    let (sender, events): (_, Receiver<Event>) = channel();
    let half = sender.clone();
    let mut told = false;
    server.proxy.plan(move |call| {
        if call.before.sent * 2 < whole {
            return Fault::None;
        }
        if !told {
            told = true;
            half.send(Event::Half).ok();
        }
        Fault::Hold
    });
    let mut child = Child::start(worker, 1, &arguments, sender.clone())?;
    loop {
        match events.recv()? {
            Event::Half => drop(child.kill()?),
            Event::Words(Words::End(_)) => break,
            Event::Words(Words::Line(_, line)) => return Err(format!("half-way, yet: {line}").into()),
        }
    }
    let first = server.proxy.traffic().sent;
    server.proxy.plan(|_| Fault::None);
    lines(worker, &arguments)?;
    let again = server.proxy.traffic().sent;
    let backups = repository.list().await?;
    compare(&repository, backups.last().ok_or("no backup")?.id, &checkpoint).await?;
    sound(&repository).await?;
    Ok(Sent { whole, first, again })
}

/// Pushes large files. Returns the peak resident memory of the process, in bytes.
///
/// # Errors
///
/// The push failed.
pub async fn memory(worker: &Path, files: usize, len: u64, concurrency: usize) -> Result<u64, Failure> {
    let (dir, server) = (TempDir::new()?, Server::start(Settings::default())?);
    let mut engine = Engine::open(&dir.path().join("db"), "memory")?;
    engine.add_holes(files, len)?;
    let checkpoint = dir.path().join("checkpoint");
    engine.checkpoint(&checkpoint)?;
    init(&server).await?;
    let lines = lines(worker, &arguments(&server, &dir, &checkpoint, concurrency))?;
    let peak = lines.iter().find_map(|line| line.strip_prefix("peak ")).ok_or("the push failed")?;
    Ok(peak.parse::<u64>()? << 10)
}

async fn init(server: &Server) -> Result<Repository, Failure> {
    let place = Location::of_store(Arc::clone(&server.store()?), "r");
    Ok(Repository::init(place, options().probe_rounds(0)).await?)
}

fn arguments(server: &Server, dir: &TempDir, checkpoint: &Path, concurrency: usize) -> Vec<String> {
    let (url, state) = (server.proxy.url(), dir.path().join("state"));
    let (checkpoint, state) = (checkpoint.display().to_string(), state.display().to_string());
    let words = ["push", &url, "1", "r", &checkpoint, &state, &concurrency.to_string()];
    words.map(str::to_owned).to_vec()
}

/// Runs a worker to its end and returns its lines.
fn lines(worker: &Path, arguments: &[String]) -> Result<Vec<String>, Failure> {
    let (sender, words) = channel::<Words>();
    let mut child = Child::start(worker, 1, arguments, sender)?;
    let mut lines = Vec::new();
    while let Words::Line(_, line) = words.recv()? {
        lines.push(line);
    }
    if child.wait()?.success() { Ok(lines) } else { Err(format!("the worker failed: {lines:?}").into()) }
}
