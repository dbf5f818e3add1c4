//! The reference engine of `examples/engine`: a crash at every moment, a kill at every call, an error at every call,
//! and the conformance suite.
//!
//! These tests use `lsm-fs-mem`. Without it, the first power cut of the engine's life would hit the data of a user.

#[cfg(feature = "conformance")]
mod conformance;
mod crash;
mod fault;
mod kill;
mod ordinary;
mod pause;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use lsm_checkpoint::{VerifyOptions, run_checkpoint, verify};
use lsm_fs::{Fs, FsExt, SyncMode};
use lsm_fs_mem::{CrashModel, MemFs, Profile};

use crate::bed::{Engine, Result, View, check_files};

const DIR: &str = "/db";
const TARGET: &str = "/daily";

/// Rows of a tree.
type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

fn shared<F: Fs + Clone + 'static>(fs: &F) -> Arc<dyn Fs> {
    Arc::new(fs.clone())
}

fn open(fs: &MemFs) -> Result<Engine> {
    Engine::open(&shared(fs), Path::new(DIR), "a test")
}

/// Returns the n-th write of every test. Keys are overwritten and deleted, and some values are long.
fn write(n: u64) -> (Vec<u8>, Option<Vec<u8>>) {
    let value = format!("value {n} ").repeat(if n.is_multiple_of(3) { 80 } else { 1 });
    (format!("key {}", n % 5).into_bytes(), (!n.is_multiple_of(4)).then(|| value.into_bytes()))
}

/// Returns the rows after this number of writes.
fn expected(writes: u64) -> Rows {
    let mut rows = BTreeMap::new();
    rows.extend((1..=writes).map(write));
    rows.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// Makes the next write and returns its number.
fn put_next(engine: &Engine) -> Result<u64> {
    let n = engine.state().view.seqno + 1;
    match write(n) {
        (key, Some(value)) => engine.put(&key, &value)?,
        (key, None) => engine.delete(&key)?,
    }
    Ok(n)
}

/// A step of a workload.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Put,
    Flush,
    Compact,
    Reopen,
    Checkpoint,
}

use Step::{Checkpoint, Compact, Flush, Put, Reopen};

/// Every operation of the engine, and the transitions between them.
const ALL: &[Step] = &[
    Put, Put, Put, Flush, Put, Put, Compact, Put, Flush, Compact, Put, Checkpoint, Put, Reopen, Put, Put,
    Reopen, Compact, Put,
];

/// Opens the engine and runs the steps. `told` receives the number of each acknowledged write.
fn run(fs: &Arc<dyn Fs>, steps: &[Step], told: &dyn Fn(u64)) -> Result<()> {
    let mut engine = Engine::open(fs, Path::new(DIR), "a test")?;
    for step in steps {
        match step {
            Put => told(put_next(&engine)?),
            Flush => engine.flush()?,
            Compact => engine.compact()?,
            Reopen => {
                drop(engine);
                engine = Engine::open(fs, Path::new(DIR), "")?;
            }
            Checkpoint => drop(run_checkpoint(&engine, &**fs, Path::new(TARGET))?),
        }
    }
    Ok(())
}

/// Checks the directory after a crash, a kill or an error, by opening and using it. `told` is the number of the last
/// acknowledged write. One more write may exist.
fn check(fs: &MemFs, told: u64) -> Result<(), String> {
    let seqno = check_rows(fs, told).map_err(|e| e.to_string())?;
    check_going_on(fs, seqno).map_err(|e| e.to_string())?;
    check_target(fs).map_err(|e| format!("the checkpoint: {e}"))
}

/// Opens the tree twice, with a write in between. Returns the number of that write.
fn check_rows(fs: &MemFs, told: u64) -> Result<u64> {
    let read_only = View::open(fs, Path::new(DIR))?.map_or_else(Rows::new, |view| view.scan());
    let engine = open(fs)?;
    let seqno = engine.state().view.seqno;
    if seqno < told || seqno > told + 1 {
        return Err(format!("writes up to {seqno} are there, up to {told} were acknowledged").into());
    }
    compare("the opened tree", &engine, seqno)?;
    if read_only != expected(seqno) {
        return Err(format!("a reader sees other rows: {:?}", read_only.keys()).into());
    }
    // There is no flush in between, because it would hide a record that cannot be replayed.
    put_next(&engine)?;
    drop(engine);
    compare("opened again", &open(fs)?, seqno + 1)?;
    Ok(seqno + 1)
}

/// Checks that the tree compacts, and that no files are left over.
fn check_going_on(fs: &MemFs, seqno: u64) -> Result<()> {
    let engine = open(fs)?;
    engine.compact()?;
    compare("compacted", &engine, seqno)?;
    no_other_files(fs, &engine)
}

fn compare(what: &str, engine: &Engine, seqno: u64) -> Result<()> {
    let view = &engine.state().view;
    let (rows, expected) = (view.scan(), expected(seqno));
    for n in 0..5 {
        let key = format!("key {n}").into_bytes();
        if view.get(&key) != expected.get(&key) {
            return Err(format!("{what}: key {n} is not as written").into());
        }
    }
    if view.seqno == seqno && rows == expected {
        return Ok(());
    }
    Err(format!(
        "{what}: {:?} up to {}, expected {:?} up to {seqno}",
        rows.keys(),
        view.seqno,
        expected.keys()
    )
    .into())
}

/// Checks that the engine has removed every file that the live version does not name.
fn no_other_files(fs: &MemFs, engine: &Engine) -> Result<()> {
    let (live, found) = (engine.state().view.version.id, check_files(fs, Path::new(DIR))?.version.id);
    if live == found { Ok(()) } else { Err(format!("version {live} is live, {found} is there").into()) }
}

/// Checks that a checkpoint is absent, or is complete and opens.
fn check_target(fs: &MemFs) -> Result<()> {
    let target = Path::new(TARGET);
    if !fs.exists(target)? {
        return Ok(());
    }
    let report = verify(fs, target, &VerifyOptions::full())?;
    if !report.is_sound() {
        return Err(report.to_string().into());
    }
    let view = View::open(fs, target)?.ok_or("it holds no tree")?;
    if view.scan() == expected(view.seqno) {
        Ok(())
    } else {
        Err("its rows differ from the rows of its version".into())
    }
}

/// The real filesystems, and one with minimal guarantees.
fn models() -> Vec<CrashModel> {
    Profile::ALL.map(CrashModel::new).into_iter().chain([hostile()]).collect()
}

/// A disk without any order, on which a crash can split a rename.
fn hostile() -> CrashModel {
    CrashModel::new(Profile::Adversarial).hostile_rename(true)
}

/// Directories in which an operator may create a tree.
fn places() -> Vec<(&'static str, MemFs)> {
    let place = |name, dirs: &[&str], files: &[&str]| {
        let fs = MemFs::new();
        dirs.iter().for_each(|dir| fs.create_dir(Path::new(dir)).unwrap());
        files.iter().for_each(|file| fs.write_new(Path::new(file), b"1", SyncMode::Normal).unwrap());
        fs.settle();
        (name, fs)
    };
    vec![
        place("a new directory", &[], &[]),
        place("an empty directory", &["/db"], &[]),
        place("lost+found and LOCK", &["/db", "/db/lost+found"], &["/db/lost+found/#12", "/db/LOCK"]),
        place("folders made before", &["/db", "/db/wal", "/db/tables"], &[]),
    ]
}
