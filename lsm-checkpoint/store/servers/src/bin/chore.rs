//! The long runs of `cargo xtask servers`.
//!
//! ```text
//! chore WORKER MINUTES [--command PROGRAM] [--moto PROGRAM] [--azurite PROGRAM] [--only PART]…
//! ```
//!
//! | part | content |
//! |---|---|
//! | `tours` | the tour of `tour.rs` on every store |
//! | `command` | the operator's tour of `operator.rs` with the built command, on every server and on a folder |
//! | `faults` | the verbs on every server, where about one request in four fails, and uploads in parts |
//! | `engines` | checkpoints of real engines on every store, every key compared |
//! | `herd` | many processes on one repository, killed at random |
//! | `resume` | a push at its full size that is killed half-way, and the memory of a push |

use std::path::PathBuf;
use std::time::{Duration, Instant};

use lsm_checkpoint_servers::engines::{engine_tour, kinds};
use lsm_checkpoint_servers::operator::{Address, Operator};
use lsm_checkpoint_servers::places::Place;
use lsm_checkpoint_servers::resume::{Resume, memory, resume};
use lsm_checkpoint_servers::tour::{Failure, tour};
use lsm_checkpoint_servers::uploads::Uploads;
use lsm_checkpoint_servers::verbs::storm;
use lsm_checkpoint_servers::{Proxy, Server, Settings, herd};
use tempfile::TempDir;

/// The number of seeds of the faults on each server.
const SEEDS: u64 = 20;

struct Task {
    worker: PathBuf,
    minutes: u64,
    command: Option<PathBuf>,
    moto: Option<PathBuf>,
    azurite: Option<PathBuf>,
    only: Vec<String>,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let task = Task::parse()?;
    for part in ["tours", "faults", "engines"].into_iter().filter(|part| task.wants(part)) {
        for place in task.places().await? {
            let start = Instant::now();
            let visited = visit(part, &place).await;
            let said = visited.map_err(|error| format!("{part} on {}: {error}", place.name))?;
            println!("{part} on {}: {said}, {:.1} s", place.name, start.elapsed().as_secs_f64());
        }
    }
    if task.wants("command") {
        task.command().await?;
    }
    if task.wants("herd") {
        task.herd().await?;
    }
    if task.wants("resume") {
        task.resume().await?;
    }
    Ok(())
}

impl Task {
    fn parse() -> Result<Self, Failure> {
        let mut words = std::env::args().skip(1);
        let (Some(worker), Some(minutes)) = (words.next(), words.next()) else {
            return Err("see the head of chore.rs".into());
        };
        let (worker, minutes) = (worker.into(), minutes.parse()?);
        let mut task = Self { worker, minutes, command: None, moto: None, azurite: None, only: Vec::new() };
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            match name.as_str() {
                "--command" => task.command = Some(value.into()),
                "--moto" => task.moto = Some(value.into()),
                "--azurite" => task.azurite = Some(value.into()),
                "--only" => task.only.push(value),
                _ => return Err(format!("{name}: see the head of chore.rs").into()),
            }
        }
        Ok(task)
    }

    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }

    async fn places(&self) -> Result<Vec<Place>, Failure> {
        let mut places = vec![Place::memory(), Place::local()?, Place::s3s()?];
        if let Some(program) = &self.moto {
            places.push(Place::moto(program).await?);
        }
        if let Some(program) = &self.azurite {
            places.push(Place::azurite(program).await?);
        }
        Ok(places)
    }

    /// Runs the command on a folder, and on each server that is installed.
    async fn command(&self) -> Result<(), Failure> {
        let folder = TempDir::new()?;
        self.operate("a folder", Address::folder(folder.path()), None)?;
        let server = Server::signed()?;
        self.operate("s3s-fs", Address::s3(&server.proxy.url()), Some(&server.proxy))?;
        for place in self.places().await? {
            match (place.name, place.proxy()) {
                ("moto", Some(proxy)) => self.operate("moto", Address::moto(&proxy.url()), Some(proxy))?,
                ("azurite", Some(proxy)) => {
                    self.operate("azurite", Address::azure(&proxy.url()), Some(proxy))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn operate(&self, name: &str, address: Address, proxy: Option<&Proxy>) -> Result<(), Failure> {
        let program = self.command.as_deref().ok_or("`--command` must name the command")?;
        let (start, dir) = (Instant::now(), TempDir::new()?);
        let toured = Operator::new(program, address, dir.path(), proxy).tour();
        toured.map_err(|error| format!("command on {name}: {error}"))?;
        println!("command on {name}: every verb works, {:.1} s", start.elapsed().as_secs_f64());
        Ok(())
    }

    async fn herd(&self) -> Result<(), Failure> {
        let (server, dir) = (Server::start(Settings::default())?, TempDir::new()?);
        let herd = herd::Herd {
            worker: self.worker.clone(),
            pushers: 16,
            collectors: 4,
            time: Duration::from_secs(self.minutes * 60),
            seed: self.minutes,
            rarity: 100,
        };
        let report = herd::run(&server, &herd, dir.path()).await?;
        println!("herd of {} minutes: {report:#?}", self.minutes);
        Ok(())
    }

    async fn resume(&self) -> Result<(), Failure> {
        let size = Resume { files: 10_000, len: 64 << 10, concurrency: 16 };
        let sent = resume(&self.worker, &size).await?;
        let percent = sent.again * 100 / sent.whole;
        println!("resumed push of 10,000 x 64 KiB: {sent:?}, {percent} % sent again");
        let peak = memory(&self.worker, 64, 64 << 20, 16).await?;
        println!("peak memory of a push of 64 x 64 MiB: {} MiB", peak >> 20);
        if sent.again * 100 > sent.whole * 55 || peak >= 256 << 20 {
            return Err("a target is missed".into());
        }
        Ok(())
    }
}

/// Runs a part on a place. Returns a report.
async fn visit(part: &str, place: &Place) -> Result<String, Failure> {
    match (part, place.proxy()) {
        ("tours", _) => {
            let dir = TempDir::new()?;
            tour(&place.store, "tour", dir.path()).await?;
            Ok("every verb works".to_owned())
        }
        ("faults", Some(proxy)) => {
            let requests = storm(&place.store, proxy, SEEDS).await?;
            let runs = Uploads::new(&place.store, proxy)?.sweep().await?;
            Ok(format!("{SEEDS} seeds, {requests} requests, and {runs} pushes in parts"))
        }
        ("faults", None) => Ok("no proxy".to_owned()),
        _ => {
            let mut keys = 0;
            for (number, kind) in kinds().enumerate() {
                let dir = TempDir::new()?;
                let visited = engine_tour(&place.store, &format!("engine-{number}"), kind, dir.path()).await;
                keys += visited.map_err(|error| format!("{kind:?}: {error}"))?;
            }
            Ok(format!("{keys} keys of {} trees compared", kinds().count()))
        }
    }
}
