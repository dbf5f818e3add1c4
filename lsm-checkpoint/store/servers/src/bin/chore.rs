//! The long runs of `cargo xtask servers`: every server, a herd of processes, and a push of large files.
//!
//! ```text
//! chore WORKER MINUTES [--moto PROGRAM] [--azurite PROGRAM]
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lsm_checkpoint_servers::programs::Program;
use lsm_checkpoint_servers::resume::{Resume, memory, resume};
use lsm_checkpoint_servers::tour::{Failure, tour};
use lsm_checkpoint_servers::{Proxy, Server, Settings, azure, herd, s3, stores};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use tempfile::TempDir;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [worker, minutes, rest @ ..] = arguments.as_slice() else {
        return Err("see the head of chore.rs".into());
    };
    let program = |name: &str| {
        let at = rest.iter().position(|word| word == name)?;
        rest.get(at + 1).map(PathBuf::from)
    };
    tours(program("--moto"), program("--azurite")).await?;
    herd_of(Path::new(worker), minutes.parse()?).await?;
    let size = Resume { files: 10_000, len: 64 << 10, concurrency: 16 };
    let sent = resume(Path::new(worker), &size).await?;
    println!("resumed push: {sent:?}, {} % sent again", sent.again * 100 / sent.whole);
    let peak = memory(Path::new(worker), 64, 64 << 20, 16).await?;
    println!("peak memory of a push of 64 x 64 MiB: {} MiB", peak >> 20);
    if sent.again * 100 > sent.whole * 55 || peak >= 256 << 20 {
        return Err("a target is missed".into());
    }
    Ok(())
}

async fn tours(moto: Option<PathBuf>, azurite: Option<PathBuf>) -> Result<(), Failure> {
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    visit("memory", &memory).await?;
    let dir = TempDir::new()?;
    let local: Arc<dyn ObjectStore> =
        Arc::new(LocalFileSystem::new_with_prefix(dir.path())?.with_fsync(true));
    visit("local disk", &local).await?;
    visit("s3s-fs", &Server::start(Settings::default())?.store()?).await?;
    if let Some(moto) = moto {
        let server = Program::moto(&moto)?;
        let proxy = Proxy::start(server.upstream(), Settings::default())?;
        stores::make_bucket(&server.upstream()).await?;
        visit("moto", &s3(&proxy.url())?).await?;
    }
    if let Some(azurite) = azurite {
        let dir = TempDir::new()?;
        let server = Program::azurite(&azurite, dir.path())?;
        let proxy = Proxy::start(server.upstream(), Settings::default())?;
        stores::make_container(&server.upstream()).await?;
        visit("azurite", &azure(&proxy.url())?).await?;
    }
    Ok(())
}

async fn visit(name: &str, store: &Arc<dyn ObjectStore>) -> Result<(), Failure> {
    let dir = TempDir::new()?;
    tour(store, "tour", dir.path()).await.map_err(|error| format!("{name}: {error}"))?;
    println!("{name}: every verb works");
    Ok(())
}

async fn herd_of(worker: &Path, minutes: u64) -> Result<(), Failure> {
    let (server, dir) = (Server::start(Settings::default())?, TempDir::new()?);
    let herd = herd::Herd {
        worker: worker.to_owned(),
        pushers: 16,
        collectors: 4,
        time: Duration::from_secs(minutes * 60),
        seed: minutes,
        rarity: 100,
    };
    let report = herd::run(&server, &herd, dir.path()).await?;
    println!("herd of {minutes} minutes: {report:#?}");
    Ok(())
}
