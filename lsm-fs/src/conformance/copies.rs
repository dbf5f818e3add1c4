//! Batches of copies: every copy is complete, is durable before it is reported, and has its own result.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    ops::{ControlFlow, Range},
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use super::{
    CheckResult, Failure, Subject,
    batches::fill,
    ensure, list, same,
    subject::{read_write, refused, write},
};
use crate::{Copied, CopyJob, CopyObserver, CopyOptions, Op, Result, SyncMode, copy::copy_batch};

list! { "copies":
    copies_are_complete_and_each_is_reported
    a_copy_stops_at_the_requested_length
    a_failed_copy_leaves_no_target_and_the_others_succeed
    a_copy_does_not_replace_an_existing_file
    a_copy_keeps_holes
    an_observer_sees_every_byte_in_order
}

/// Owned paths of a copy, which jobs can borrow.
type Paths = Vec<(PathBuf, PathBuf)>;

fn paths(t: &Subject, names: &[String]) -> Paths {
    names.iter().map(|name| (t.at("from").join(name), t.at("to").join(name))).collect()
}

fn copy(
    t: &Subject,
    paths: &Paths,
    len: Option<u64>,
    options: &CopyOptions<'_>,
) -> BTreeMap<usize, Result<Copied>> {
    let jobs: Vec<_> = paths.iter().map(|(from, to)| CopyJob { source: &t.fs, from, to, len }).collect();
    let mut results = BTreeMap::new();
    copy_batch(&*t.fs, &jobs, options, &mut |index, result| {
        results.insert(index, result);
        ControlFlow::Continue(())
    });
    results
}

fn copies_are_complete_and_each_is_reported(t: &Subject) -> CheckResult {
    let names = fill(t, 40)?;
    let big: Vec<u8> = (0..3_000_000_u32).map(|i| i.to_le_bytes()[0]).collect();
    t.put("from/0011", &big)?;
    t.put("from/0012", b"")?;
    let results = copy(t, &paths(t, &names), None, &CopyOptions::new());
    same!(results.len(), 40, "reported copies");
    for (result, name) in results.into_values().zip(&names) {
        let wanted = t.get(&format!("from/{name}"))?;
        same!(result?.len, wanted.len() as u64, "reported length of {name}");
        t.holds(&format!("to/{name}"), &wanted)?;
    }
    t.open("to/0000", write())?.write_at(b"X", 0)?;
    t.holds("from/0000", b"0000")
}

fn a_copy_stops_at_the_requested_length(t: &Subject) -> CheckResult {
    let names = fill(t, 3)?;
    t.put("from/0001", b"no")?;
    let mut results = copy(t, &paths(t, &names), Some(3), &CopyOptions::new());
    let short = results.remove(&1).map(|r| r.map_err(|e| e.kind()));
    same!(short, Some(Err(ErrorKind::UnexpectedEof)), "result for a source that is too short");
    ensure!(
        results.values().all(|r| r.as_ref().is_ok_and(|c| c.len == 3)),
        "one of the other copies failed: {results:?}"
    );
    t.holds("to/0002", b"000")?;
    t.has_names("to", &["0000", "0002"])
}

fn a_failed_copy_leaves_no_target_and_the_others_succeed(t: &Subject) -> CheckResult {
    let names = fill(t, 10)?;
    t.fs.remove_file(&t.at("from/0004"))?;
    let paths = paths(t, &names);
    if let Some(fault) = &t.sync_fault {
        fault(&t.at("to/0006"), true);
    }
    let mut results = copy(t, &paths, None, &CopyOptions::new());
    if let Some(fault) = &t.sync_fault {
        fault(&t.at("to/0006"), false);
        ensure!(
            results.remove(&6).is_some_and(|r| r.is_err()),
            "a copy whose sync failed was reported durable"
        );
        t.absent("to/0006")?;
    }
    let missing = t.at("from/0004");
    if let Some(result) = results.remove(&4) {
        refused(result, Op::Open, &missing, &[ErrorKind::NotFound])?;
    }
    t.absent("to/0004")?;
    ensure!(
        results.len() >= 8 && results.values().all(Result::is_ok),
        "one of the other copies failed: {results:?}"
    );
    t.holds("to/0009", b"0009")
}

fn a_copy_does_not_replace_an_existing_file(t: &Subject) -> CheckResult {
    let names = fill(t, 2)?;
    t.put("to/0001", b"taken")?;
    let results = copy(t, &paths(t, &names), None, &CopyOptions::new());
    let kinds: Vec<_> =
        results.values().map(|r| r.as_ref().map(|_| ()).map_err(crate::Error::kind)).collect();
    same!(kinds, [Ok(()), Err(ErrorKind::AlreadyExists)], "results");
    t.holds("to/0001", b"taken")
}

fn a_copy_keeps_holes(t: &Subject) -> CheckResult {
    t.mkdir("from")?;
    t.mkdir("to")?;
    let file = t.open("from/sparse", read_write().create_new(true))?;
    file.set_len(4 << 20)?;
    file.write_at(b"in the middle", 2 << 20)?;
    file.sync_all(SyncMode::Normal)?;
    let source = file.metadata()?;
    let names = ["sparse".to_owned()];
    let results = copy(t, &paths(t, &names), None, &CopyOptions::new());
    let copied =
        results.into_values().next().ok_or_else(|| Failure::Violated("nothing was reported".into()))??;
    same!(copied.len, 4 << 20, "reported length");
    ensure!(t.get("to/sparse")? == t.get("from/sparse")?, "the bytes of the copy differ from the source");
    let target = t.fs.metadata(&t.at("to/sparse"))?;
    if source.allocated_bytes.is_some_and(|bytes| bytes < 1 << 20) {
        ensure!(copied.written_bytes < 1 << 20, "{} bytes were written for a hole", copied.written_bytes);
        ensure!(target.allocated_bytes < Some(1 << 20), "the copy takes {:?} bytes", target.allocated_bytes);
    }
    Ok(())
}

/// Reassembles each file from the observed pieces.
#[derive(Default)]
struct Seen {
    files: Mutex<BTreeMap<usize, Vec<u8>>>,
}

impl Seen {
    fn add(&self, job: usize, offset: u64, bytes: impl Iterator<Item = u8>) -> ControlFlow<()> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let file = files.entry(job).or_default();
        if file.len() as u64 == offset {
            file.extend(bytes);
        }
        ControlFlow::Continue(())
    }
}

impl CopyObserver for Seen {
    fn data(&self, job: usize, offset: u64, bytes: &[u8]) -> ControlFlow<()> {
        self.add(job, offset, bytes.iter().copied())
    }

    fn hole(&self, job: usize, range: Range<u64>) -> ControlFlow<()> {
        self.add(job, range.start, range.map(|_| 0))
    }
}

fn an_observer_sees_every_byte_in_order(t: &Subject) -> CheckResult {
    let names = fill(t, 5)?;
    t.put("from/0002", &[7; 100_000])?;
    t.open("from/0003", write())?.set_len(50_000)?;
    let seen = Seen::default();
    copy(t, &paths(t, &names), None, &CopyOptions::new().buffer_bytes(8192).observer(&seen));
    let files = seen.files.lock().unwrap_or_else(PoisonError::into_inner);
    for (index, name) in names.iter().enumerate() {
        let wanted = t.get(&format!("from/{name}"))?;
        ensure!(files.get(&index) == Some(&wanted), "the observer saw other bytes of {name} than there are");
    }
    Ok(())
}
