//! Batches of links and clones: every file is processed and reported, and a wrapper observes every call.

use std::{collections::BTreeMap, ffi::OsStr, io::ErrorKind, ops::ControlFlow};

use super::{
    CheckResult, Failure, Subject, ensure, list, same,
    subject::{read_write, refused_pair},
};
use crate::{
    CopyJob, CopyOptions, DirPair, FsFile, NamePair, Op, Result, SyncMode,
    batch::{hard_link_batch, metadata_batch, reflink_batch, sync_batch},
    copy::copy_batch,
};

list! { "batches":
    links_are_made_in_order_and_each_is_reported
    a_link_that_fails_does_not_end_the_batch
    clones_are_made_and_each_is_reported
    a_clone_whose_sync_fails_is_removed
    a_wrapper_sees_every_call_of_a_batch
}

/// Creates directories `from` and `to`, and `count` files in `from` that contain their own names.
pub(super) fn fill(t: &Subject, count: usize) -> std::result::Result<Vec<String>, Failure> {
    t.mkdir("from")?;
    t.mkdir("to")?;
    let names: Vec<_> = (0..count).map(|i| format!("{i:04}")).collect();
    for name in &names {
        t.put(&format!("from/{name}"), name.as_bytes())?;
    }
    Ok(names)
}

fn link(t: &Subject, to: &str, names: &[NamePair<'_>]) -> Vec<(usize, Result<()>)> {
    let mut results = Vec::new();
    let dirs = DirPair { from: &t.at("from"), to: &t.at(to) };
    hard_link_batch(&*t.fs, dirs, names, &mut |index, result| {
        results.push((index, result));
        ControlFlow::Continue(())
    });
    results
}

fn needs_links(t: &Subject) -> CheckResult {
    if t.fs.capabilities(&t.root)?.hard_link {
        Ok(())
    } else {
        Err(Failure::NotApplicable("the mount has no hard links".into()))
    }
}

fn links_are_made_in_order_and_each_is_reported(t: &Subject) -> CheckResult {
    needs_links(t)?;
    let names = fill(t, 50)?;
    let pairs: Vec<_> = names.iter().map(NamePair::same).collect();
    let results = link(t, "to", &pairs);
    same!(
        results.iter().map(|(i, _)| *i).collect::<Vec<_>>(),
        (0..50).collect::<Vec<_>>(),
        "reported indices"
    );
    for ((_, result), name) in results.into_iter().zip(&names) {
        result?;
        t.holds(&format!("to/{name}"), name.as_bytes())?;
        let ids = ["from", "to"].map(|dir| t.fs.metadata(&t.at(dir).join(name)).map(|m| m.file_id).ok());
        same!(ids[0], ids[1], "ids of the two names of {name}");
    }
    Ok(())
}

fn a_link_that_fails_does_not_end_the_batch(t: &Subject) -> CheckResult {
    needs_links(t)?;
    fill(t, 3)?;
    t.put("to/taken", b"old")?;
    let pairs = [
        NamePair::same("0000"),
        NamePair::same("missing"),
        NamePair::new("0001", "taken"),
        NamePair::new("0002", "renamed"),
    ];
    let results = link(t, "to", &pairs);
    let kinds: Vec<_> =
        results.iter().map(|(_, r)| r.as_ref().map_err(crate::Error::kind).copied()).collect();
    same!(
        kinds,
        [Ok(()), Err(ErrorKind::NotFound), Err(ErrorKind::AlreadyExists), Ok(())],
        "results, each for its own pair"
    );
    let (from, to) = (t.at("from/0001"), t.at("to/taken"));
    if let Some((_, result)) = results.into_iter().nth(2) {
        refused_pair(result, Op::HardLink, (&from, &to), &[ErrorKind::AlreadyExists])?;
    }
    t.holds("to/taken", b"old")?;
    t.has_names("to", &["0000", "renamed", "taken"])?;
    // A missing directory gives the same error for every file.
    let results = link(t, "nowhere", &pairs).into_iter();
    let results: Vec<_> = results.map(|(_, result)| result.map_err(|e| e.kind())).collect();
    same!(results, vec![Err(ErrorKind::NotFound); 4], "results without a target directory");
    Ok(())
}

fn clones_are_made_and_each_is_reported(t: &Subject) -> CheckResult {
    needs_clones(t)?;
    let names = fill(t, 300)?;
    t.put("to/0007", b"taken")?;
    let mut results = clone(t, &names);
    same!(results.len(), 300, "reported clones");
    same!(results.remove(&7), Some(Err(ErrorKind::AlreadyExists)), "the clone to an existing name");
    ensure!(results.values().all(std::result::Result::is_ok), "one of the other clones failed: {results:?}");
    t.holds("to/0007", b"taken")?;
    for name in names.iter().filter(|name| *name != "0007") {
        t.holds(&format!("to/{name}"), name.as_bytes())?;
    }
    let ids = ["from", "to"].map(|dir| t.fs.metadata(&t.at(dir).join("0000")).ok().and_then(|m| m.file_id));
    ensure!(ids[0].is_none() || ids[0] != ids[1], "a clone is the same inode as its source");
    Ok(())
}

fn needs_clones(t: &Subject) -> CheckResult {
    if t.fs.capabilities(&t.root)?.reflink {
        Ok(())
    } else {
        Err(Failure::NotApplicable("the mount has no reflinks".into()))
    }
}

fn clone(t: &Subject, names: &[String]) -> BTreeMap<usize, std::result::Result<(), ErrorKind>> {
    let pairs: Vec<_> = names.iter().map(NamePair::same).collect();
    let mut results = BTreeMap::new();
    let dirs = DirPair { from: &t.at("from"), to: &t.at("to") };
    reflink_batch(&*t.fs, dirs, &pairs, SyncMode::Normal, &mut |index, result| {
        results.insert(index, result.map_err(|e| e.kind()));
        ControlFlow::Continue(())
    });
    results
}

fn a_clone_whose_sync_fails_is_removed(t: &Subject) -> CheckResult {
    let Some(fault) = &t.sync_fault else {
        return Err(Failure::NotApplicable("the subject provides no switch for failing syncs".into()));
    };
    needs_clones(t)?;
    let names = fill(t, 5)?;
    fault(&t.at("to/0002"), true);
    let results = clone(t, &names);
    fault(&t.at("to/0002"), false);
    let durable: Vec<_> = results.into_values().map(|result| result.is_ok()).collect();
    same!(durable, [true, true, false, true, true], "durable clones");
    t.has_names("to", &["0000", "0001", "0003", "0004"])
}

/// Passes if the backend is not a wrapper, because then there is no counter.
fn a_wrapper_sees_every_call_of_a_batch(t: &Subject) -> CheckResult {
    let Some(calls) = &t.call_counter else { return Ok(()) };
    const FILES: u64 = 5;
    let names = fill(t, 5)?;
    let saw = |batch: &str, wanted: u64, run: &dyn Fn() -> CheckResult| {
        let before = calls();
        run()?;
        let seen = calls() - before;
        ensure!(
            seen >= wanted,
            "the wrapper saw {seen} calls of a batch of {batch} that makes at least {wanted}"
        );
        Ok(())
    };
    let capabilities = t.fs.capabilities(&t.root)?;
    if capabilities.hard_link {
        let pairs: Vec<_> = names.iter().map(NamePair::same).collect();
        saw("links", FILES, &|| link(t, "to", &pairs).into_iter().try_for_each(|(_, linked)| Ok(linked?)))?;
        names.iter().try_for_each(|name| t.fs.remove_file(&t.at("to").join(name)))?;
    }
    if capabilities.reflink {
        // The clone, an open, and a sync.
        saw("clones", 3 * FILES, &|| {
            clone(t, &names);
            Ok(())
        })?;
        t.fs.remove_dir_all(&t.at("to"))?;
        t.mkdir("to")?;
    }
    let open = |name: &String| t.open(&format!("from/{name}"), read_write());
    let files = names.iter().map(open).collect::<std::result::Result<Vec<_>, _>>()?;
    let files: Vec<&dyn FsFile> = files.iter().map(|file| &**file).collect();
    saw("syncs", FILES, &|| {
        sync_batch(&*t.fs, &files, SyncMode::Normal, &mut |_, _| {});
        Ok(())
    })?;
    let looked_up: Vec<&OsStr> = names.iter().map(OsStr::new).collect();
    saw("look-ups", FILES, &|| {
        metadata_batch(&*t.fs, &t.at("from"), &looked_up, &mut |_, _| ControlFlow::Continue(()));
        Ok(())
    })?;
    let paths: Vec<_> = names.iter().map(|name| (t.at("from").join(name), t.at("to").join(name))).collect();
    let jobs: Vec<_> =
        paths.iter().map(|(from, to)| CopyJob { source: &t.fs, from, to, len: None }).collect();
    // Two opens, one metadata call, one read, one write and one sync.
    saw("copies", 6 * FILES, &|| {
        copy_batch(&*t.fs, &jobs, &CopyOptions::new(), &mut |_, _| ControlFlow::Continue(()));
        Ok(())
    })
}
