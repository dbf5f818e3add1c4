//! A client that a test can kill. It prints a line after each step.
//!
//! ```text
//! worker push URL NUMBER PREFIX CHECKPOINT STATE CONCURRENCY   one push
//! worker collect URL NUMBER PREFIX                             one collect without a grace
//! worker pusher URL NUMBER PREFIX DIR                          checkpoints and pushes until its input ends
//! worker collector URL NUMBER PREFIX                           forgets, fences and collects until its input ends
//! ```

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lsm_checkpoint_servers::tour::{Failure, options};
use lsm_checkpoint_servers::{Engine, Seeded, s3_as};
use lsm_checkpoint_store::{CollectOptions, Location, Options, PushOptions, Repository};
use lsm_fs::{Fs, StdFs};

/// The maximum number of backups that a collector leaves.
const KEPT: usize = 24;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["push", url, number, prefix, checkpoint, state, concurrency] => {
            let options = remembering(Path::new(state))?.concurrency(concurrency.parse()?);
            let repository = open(url, number, prefix, options).await?;
            push(&repository, Path::new(checkpoint)).await
        }
        ["collect", url, number, prefix] => collect(&open(url, number, prefix, options()).await?).await,
        ["pusher", url, number, prefix, dir] => pusher(url, number, prefix, Path::new(dir)).await,
        ["collector", url, number, prefix] => collector(url, number, prefix).await,
        _ => Err("see the head of worker.rs".into()),
    }
}

fn remembering(state: &Path) -> Result<Options, Failure> {
    std::fs::create_dir_all(state)?;
    Ok(options().state(Arc::new(StdFs), state))
}

async fn open(url: &str, number: &str, prefix: &str, options: Options) -> Result<Repository, Failure> {
    let store = s3_as(url, Some(number.parse()?))?;
    Ok(Repository::open(Location::of_store(store, prefix), options).await?)
}

async fn push(repository: &Repository, checkpoint: &Path) -> Result<(), Failure> {
    let pushed = repository.push(Arc::new(StdFs), checkpoint, &PushOptions::new()).await?;
    println!("committed {}", pushed.backup.id);
    println!("peak {}", peak_kib()?);
    Ok(())
}

async fn collect(repository: &Repository) -> Result<(), Failure> {
    repository.collect(&CollectOptions::new().grace(Duration::ZERO)).await?;
    println!("collected");
    Ok(())
}

/// Returns the peak resident memory of this process in KiB.
fn peak_kib() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Returns a flag that becomes `true` when the input ends.
fn until_told() -> Arc<AtomicBool> {
    let told = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&told);
    std::thread::spawn(move || {
        std::io::stdin().read_to_end(&mut Vec::new()).ok();
        tell.store(true, Ordering::Relaxed);
    });
    told
}

/// Pushes the checkpoints that a killed worker has left, then new ones.
async fn pusher(url: &str, number: &str, prefix: &str, dir: &Path) -> Result<(), Failure> {
    let told = until_told();
    let repository = open(url, number, prefix, remembering(&dir.join("state"))?).await?;
    let mut random = Seeded::new(number.parse()?, 1);
    let mut engine = Engine::open(&dir.join("db"), &format!("worker {number}"))?;
    std::fs::create_dir_all(dir.join("checkpoints"))?;
    while !told.load(Ordering::Relaxed) {
        let left =
            std::fs::read_dir(dir.join("checkpoints"))?.flatten().find(|entry| !is_staged(&entry.path()));
        let checkpoint = if let Some(left) = left {
            left.path()
        } else {
            engine.add(random.draw(), 1 + usize::try_from(random.draw() % 4)?, 30_000)?;
            engine.drop_oldest(usize::try_from(random.draw() % 3)?)?;
            let target = dir.join("checkpoints").join(format!("{:016x}", random.draw()));
            engine.checkpoint(&target)?;
            target
        };
        match push(&repository, &checkpoint).await {
            Ok(()) => StdFs.remove_dir_all(&checkpoint)?,
            Err(error) => println!("failed {error}"),
        }
    }
    Ok(())
}

/// Returns `true` for the debris of a killed checkpoint.
fn is_staged(path: &Path) -> bool {
    !matches!(lsm_checkpoint::is_checkpoint(&StdFs, path), Ok(true))
}

async fn collector(url: &str, number: &str, prefix: &str) -> Result<(), Failure> {
    let told = until_told();
    let repository = open(url, number, prefix, options()).await?;
    let mut random = Seeded::new(number.parse()?, 1);
    while !told.load(Ordering::Relaxed) {
        if let Err(error) = clean(&repository, &mut random).await {
            println!("failed {error}");
        }
    }
    Ok(())
}

/// Forgets the oldest backups, sometimes fences a writer even if it is alive, and collects.
async fn clean(repository: &Repository, random: &mut Seeded) -> Result<(), Failure> {
    let backups = repository.list().await?;
    let old: Vec<_> = backups.iter().rev().skip(KEPT).map(|backup| backup.id).collect();
    for id in &old {
        println!("forgetting {id}");
    }
    if !old.is_empty() {
        repository.forget(&old).await?;
    }
    let writers = repository.status().await?.writers;
    if random.draw().is_multiple_of(8) && !writers.is_empty() {
        let at = usize::try_from(random.draw() % writers.len() as u64)?;
        println!("fencing {}", writers[at].id);
        repository.fence(writers[at].id).await?;
    }
    collect(repository).await
}
