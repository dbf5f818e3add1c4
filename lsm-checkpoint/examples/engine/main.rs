//! The reference engine: a small LSM tree on the four crates. Start here.
//!
//! ```sh
//! cargo run -p lsm-checkpoint --example engine            # in a temporary directory, which is removed again
//! cargo run -p lsm-checkpoint --example engine -- DIR     # leaves DIR/tree, DIR/checkpoint and DIR/restored
//! ```
//!
//! Read the files in this order:
//!
//! | file | contents | crate |
//! |---|---|---|
//! | `frame.rs` | bytes with a checksum | |
//! | `log.rs` | the write-ahead log | `lsm-fs` |
//! | `table.rs` | sorted tables and blob files | `lsm-fs` |
//! | `version.rs` | the manifest | `lsm-manifest` |
//! | `view.rs` | reading and recovery | `lsm-manifest` |
//! | `engine.rs` | writing, flush, compaction, deletion | `lsm-manifest`, `lsm-checkpoint` |
//! | `checkpoint.rs` | the adapter | `lsm-checkpoint` |
//! | `../../tests/it/engine` | crash, kill and fault sweeps | `lsm-fs-mem` |
//!
//! The engine is complete in all aspects of durability, and simple in everything else: one lock, all keys in memory,
//! compaction of all tables at once.
#![allow(clippy::print_stdout, reason = "this program is for reading")]

mod checkpoint;
mod engine;
mod frame;
mod log;
mod table;
mod version;
mod view;

use std::{
    env,
    path::{Path, PathBuf},
    process,
    sync::Arc,
};

use lsm_checkpoint::{BoxError, CheckpointDir, Method, VerifyOptions, restore, run_checkpoint, verify};
use lsm_fs::{Fs, FsExt, StdFs};

pub(crate) use engine::Engine;
pub(crate) use view::View;

pub(crate) type Result<T, E = BoxError> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let fs: Arc<dyn Fs> = Arc::new(StdFs);
    if let Some(dir) = env::args_os().nth(1) {
        return tour(&fs, &PathBuf::from(dir));
    }
    let dir = env::temp_dir().join(format!("lsm-engine-{}", process::id()));
    fs.create_dir(&dir)?;
    let outcome = tour(&fs, &dir);
    fs.remove_dir_all(&dir)?;
    outcome
}

/// Writes, takes a checkpoint, restores it, and compares.
fn tour(fs: &Arc<dyn Fs>, dir: &Path) -> Result<()> {
    let [tree, checkpoint, restored] = ["tree", "checkpoint", "restored"].map(|name| dir.join(name));
    fs.create_dir_all(dir)?;
    let engine = Engine::open(fs, &tree, "a tour")?;
    println!("opened      {}", tree.display());

    for round in 0..3 {
        fill(&engine, round)?;
        engine.flush()?;
    }
    let rows = engine.state().view.scan();
    println!(
        "written     60 values and 3 deletions: {} rows in 3 tables, long values in blob files",
        rows.len()
    );

    let info = run_checkpoint(&engine, &**fs, &checkpoint)?;
    let linked = info.by_method(Method::HardLink);
    println!(
        "checkpoint  {}: {} of {} files linked",
        checkpoint.display(),
        linked.files,
        info.sst_files + info.blob_files
    );
    let report = verify(&**fs, &checkpoint, &VerifyOptions::full())?;
    println!("verified    {report}");

    fill(&engine, 3)?;
    engine.flush()?;
    engine.compact()?;
    println!(
        "went on     20 more values; a compaction has deleted the tables of the checkpoint from the tree"
    );
    drop(engine);
    let reopened = Engine::open(fs, &tree, "")?.state().view.seqno;
    println!("reopened    everything up to write {reopened} is there");

    let info = restore(&CheckpointDir::open(Arc::clone(fs), &checkpoint)?, &**fs, &restored)?;
    println!("restored    {}: everything up to write {}", restored.display(), info.seqno.unwrap_or(0));
    let copy = View::open(&**fs, &restored)?.ok_or("nothing was restored")?;
    if copy.scan() != rows {
        return Err("the restored copy differs from the tree at the checkpoint".into());
    }
    println!("compared    {} rows: the copy is the tree as it was at the checkpoint", rows.len());
    let copy = Engine::open(fs, &restored, "")?;
    copy.put(b"key", b"value")?;
    let read = copy.get(b"key").ok_or("a value is missing")?;
    println!("written to  the copy, which is a tree of its own now: {}", String::from_utf8_lossy(&read));
    Ok(())
}

/// Writes twenty values, every fourth of them long, and deletes one of the previous round.
fn fill(engine: &Engine, round: u32) -> Result<()> {
    for n in 0..20 {
        let value = format!("value {n} of round {round}. ").repeat(if n % 4 == 0 { 50 } else { 1 });
        engine.put(format!("key {:03}", round * 10 + n).as_bytes(), value.as_bytes())?;
    }
    engine.delete(format!("key {:03}", round * 10).as_bytes())
}
