//! The operator's tool for checkpoints of any engine: list, verify, restore, remove, sweep.
//!
//! ```sh
//! cargo run -p lsm-checkpoint --example checkpoints -- list /backups
//! cargo run -p lsm-checkpoint --example checkpoints -- verify /backups/monday
//! cargo run -p lsm-checkpoint --example checkpoints -- restore /backups/monday /data/db
//! cargo run -p lsm-checkpoint --example checkpoints -- remove /backups/monday
//! cargo run -p lsm-checkpoint --example checkpoints -- sweep /backups
//! ```
//!
//! If an operation fails, the program exits with an error and one line that states the reason. Without arguments it
//! creates a checkpoint of a small tree in the temporary directory, and runs every operation on it.
#![allow(clippy::print_stdout, reason = "this program is for reading")]

use std::{
    env,
    error::Error,
    path::{Path, PathBuf},
    process,
    sync::Arc,
};

use lsm_checkpoint::{
    BoxError, Capture, CheckpointDir, CheckpointSource, CheckpointState, DeletionPause, FileKind,
    PinnedSnapshot, SourceFile, SourceRoot, VerifyOptions, list, remove, restore, run_checkpoint, sweep,
    verify,
};
use lsm_fs::{DirectorySync, Fs, FsExt, StdFs, SyncMode};

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["list", dir] => show_list(Path::new(dir)),
        ["verify", checkpoint] => check(Path::new(checkpoint)),
        ["restore", checkpoint, target] => bring_back(Path::new(checkpoint), Path::new(target)),
        ["remove", checkpoint] => Ok(remove(&StdFs, Path::new(checkpoint), SyncMode::Normal).map(drop)?),
        ["sweep", dir] => clear(Path::new(dir)),
        [] => tour(),
        _ => {
            Err("list DIR | verify CHECKPOINT | restore CHECKPOINT TARGET | remove CHECKPOINT | sweep DIR"
                .into())
        }
    }
}

/// Prints a line for each checkpoint, including checkpoints in progress and leftovers.
fn show_list(dir: &Path) -> Outcome {
    for checkpoint in list(&StdFs, dir)? {
        let state = match &checkpoint.state {
            CheckpointState::Unreadable(error) => format!("unreadable: {error}"),
            state => format!("{state:?}").to_lowercase(),
        };
        print!("{}: {state}", checkpoint.name.display());
        match &checkpoint.contents {
            Some(held) => println!(
                ", {} files up to {}, {} bytes of its own, {} shared",
                held.files,
                number(held.seqno),
                held.exclusive_bytes,
                held.shared_bytes
            ),
            None => println!(),
        }
    }
    Ok(())
}

/// Formats a sequence number.
fn number(seqno: Option<u64>) -> String {
    seqno.map_or_else(|| "an unknown number".to_owned(), |seqno| seqno.to_string())
}

/// Verifies every byte.
fn check(checkpoint: &Path) -> Outcome {
    let report = verify(&StdFs, checkpoint, &VerifyOptions::full())?;
    println!("{}: {report}", checkpoint.display());
    if report.is_sound() { Ok(()) } else { Err("not sound: do not restore it".into()) }
}

/// Restores a checkpoint. It is verified first, because a clone copies damaged bytes unchanged.
fn bring_back(checkpoint: &Path, target: &Path) -> Outcome {
    check(checkpoint)?;
    let source = CheckpointDir::open(Arc::new(StdFs), checkpoint)?;
    let info = restore(&source, &StdFs, target)?;
    let seqno = number(info.seqno);
    println!("{}: {} bytes, everything up to {seqno}", target.display(), info.total_bytes);
    match info.durability {
        DirectorySync::Durable => Ok(()),
        DirectorySync::NotSupported => {
            Err("a crash may take it: this filesystem syncs no directories".into())
        }
    }
}

fn clear(dir: &Path) -> Outcome {
    let report = sweep(&StdFs, dir, SyncMode::Normal)?;
    for target in &report.cleared {
        println!("{}: cleared", target.display());
    }
    for staged in &report.leftovers {
        println!("{}: cleared; the checkpoint beside it stays", staged.display());
    }
    for target in &report.unfinished {
        println!("{}: half removed; remove it again", target.display());
    }
    for target in &report.in_progress {
        println!("{}: somebody is at work", target.display());
    }
    match report.failed.into_iter().next() {
        Some((_, error)) => Err(error.into()),
        None => Ok(()),
    }
}

/// A tree with a single table.
struct Engine(PathBuf);

impl CheckpointSource for Engine {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::new(StdFs), &self.0)]
    }

    /// This engine never deletes a file.
    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn identity(&self) -> String {
        "an example".to_owned()
    }

    fn visible_seqno(&self) -> Option<u64> {
        Some(7)
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        let table = SourceFile::immutable(FileKind::Table, Arc::new(StdFs), self.0.join("1.sst"), None);
        Ok(Capture::one(PinnedSnapshot::new(1, ()).files([table]).metadata("CURRENT", *b"1.sst")))
    }
}

fn tour() -> Outcome {
    let base = env::temp_dir().join(format!("lsm-checkpoints-{}", process::id()));
    let (db, backups, restored) = (base.join("db"), base.join("backups"), base.join("restored"));
    let monday = backups.join("monday");
    StdFs.create_dir_all(&db)?;
    StdFs.create_dir(&backups)?;
    StdFs.write_new(&db.join("1.sst"), b"rows", SyncMode::Normal)?;
    run_checkpoint(&Engine(db), &StdFs, &monday)?;
    show_list(&backups)?;
    bring_back(&monday, &restored)?;
    assert_eq!(StdFs.read_to_vec(&restored.join("tables/1.sst"), 64)?, b"rows");
    remove(&StdFs, &monday, SyncMode::Normal)?;
    clear(&backups)?;
    assert!(StdFs.read_dir(&backups)?.is_empty());
    Ok(StdFs.remove_dir_all(&base)?)
}
