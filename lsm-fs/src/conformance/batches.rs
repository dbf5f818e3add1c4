//! Many links, clones and syncs in one call: the same as one after the other, and each told of.

use std::{collections::BTreeMap, ffi::OsStr, io::ErrorKind, ops::ControlFlow};

use super::{
    Failure, Subject, Verdict, ensure, list, same,
    subject::{read_write, refused, refused_pair},
};
use crate::{FsFile, FsMetadata, NamePair, Op, Result, SyncMode};

list! { "batches":
    metadata_of_a_batch_is_that_of_each
    a_break_ends_a_batch_of_metadata
    links_are_made_in_order_and_each_told
    a_link_that_fails_does_not_end_the_batch
    a_break_ends_a_batch_of_links
    a_batch_does_not_leave_its_directories
    clones_are_made_and_each_told
    a_break_ends_a_batch_of_clones
    a_clone_whose_sync_fails_is_removed
    every_file_of_a_batch_is_synced
}

/// Directories `from` and `to`, and so many files in `from`, each with its name for contents.
pub(super) fn fill(t: &Subject, count: usize) -> std::result::Result<Vec<String>, Failure> {
    t.mkdir("from")?;
    t.mkdir("to")?;
    let names: Vec<_> = (0..count).map(|i| format!("{i:04}")).collect();
    for name in &names {
        t.put(&format!("from/{name}"), name.as_bytes())?;
    }
    Ok(names)
}

fn metadata(t: &Subject, names: &[&OsStr], stop_after: usize) -> Vec<(usize, Result<FsMetadata>)> {
    let mut told = Vec::new();
    t.fs.metadata_batch(&t.at("from"), names, &mut |index, found| {
        told.push((index, found));
        if told.len() < stop_after { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    told
}

fn metadata_of_a_batch_is_that_of_each(t: &Subject) -> Verdict {
    fill(t, 2)?;
    t.put("from/longer", &[7; 10_000])?;
    t.mkdir("from/dir")?;
    let single = ["0000", "missing", "longer", "dir", "0001"];
    let names: Vec<_> = single.iter().copied().chain(["..", "dir/..", ""]).map(OsStr::new).collect();
    let told = metadata(t, &names, usize::MAX);
    same!(told.iter().map(|(i, _)| *i).collect::<Vec<_>>(), (0..names.len()).collect::<Vec<_>>(), "indices");
    for ((index, found), name) in told.into_iter().zip(&names) {
        let path = t.at("from").join(name);
        if index >= single.len() {
            refused(found, Op::Metadata, &path, &[ErrorKind::InvalidInput])?;
            continue;
        }
        match (found, t.fs.metadata(&path)) {
            (Ok(found), alone) => same!(found, alone?, "what a batch says of {name:?}"),
            (Err(found), Err(alone)) => same!(
                (found.kind(), found.op(), found.path()),
                (alone.kind(), alone.op(), alone.path()),
                "the error of {name:?} in a batch"
            ),
            (Err(e), Ok(_)) => return Err(e.into()),
        }
    }
    // A directory that is missing is the same error for each.
    let mut told = Vec::new();
    t.fs.metadata_batch(&t.at("nowhere"), &[OsStr::new("0000"); 2], &mut |_, found| {
        told.push(found.map_err(|e| e.kind()));
        ControlFlow::Continue(())
    });
    same!(told, vec![Err(ErrorKind::NotFound); 2], "results without a directory");
    Ok(())
}

fn a_break_ends_a_batch_of_metadata(t: &Subject) -> Verdict {
    let names = fill(t, 10)?;
    let names: Vec<_> = names.iter().map(OsStr::new).collect();
    same!(metadata(t, &names, 3).len(), 3, "reports before and after a break");
    Ok(())
}

fn link(t: &Subject, names: &[NamePair<'_>], stop_after: usize) -> Vec<(usize, Result<()>)> {
    let mut told = Vec::new();
    t.fs.hard_link_batch(&t.at("from"), &t.at("to"), names, &mut |index, result| {
        told.push((index, result));
        if told.len() < stop_after { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    told
}

fn needs_links(t: &Subject) -> Verdict {
    if t.fs.capabilities(&t.root)?.hard_link {
        Ok(())
    } else {
        Err(Failure::NotApplicable("the mount has no hard links".into()))
    }
}

fn links_are_made_in_order_and_each_told(t: &Subject) -> Verdict {
    needs_links(t)?;
    let names = fill(t, 50)?;
    let pairs: Vec<_> = names.iter().map(NamePair::same).collect();
    let told = link(t, &pairs, usize::MAX);
    same!(told.iter().map(|(i, _)| *i).collect::<Vec<_>>(), (0..50).collect::<Vec<_>>(), "indices told");
    for ((_, result), name) in told.into_iter().zip(&names) {
        result?;
        t.holds(&format!("to/{name}"), name.as_bytes())?;
        let ids = ["from", "to"].map(|dir| t.fs.metadata(&t.at(dir).join(name)).map(|m| m.file_id).ok());
        same!(ids[0], ids[1], "ids of the two names of {name}");
    }
    Ok(())
}

fn a_link_that_fails_does_not_end_the_batch(t: &Subject) -> Verdict {
    needs_links(t)?;
    fill(t, 3)?;
    t.put("to/taken", b"old")?;
    let pairs = [
        NamePair::same("0000"),
        NamePair::same("missing"),
        NamePair::new("0001", "taken"),
        NamePair::new("0002", "renamed"),
    ];
    let told = link(t, &pairs, usize::MAX);
    let kinds: Vec<_> = told.iter().map(|(_, r)| r.as_ref().map_err(crate::Error::kind).copied()).collect();
    same!(
        kinds,
        [Ok(()), Err(ErrorKind::NotFound), Err(ErrorKind::AlreadyExists), Ok(())],
        "results, each for its own pair"
    );
    let (from, to) = (t.at("from/0001"), t.at("to/taken"));
    if let Some((_, result)) = told.into_iter().nth(2) {
        refused_pair(result, Op::HardLink, (&from, &to), &[ErrorKind::AlreadyExists])?;
    }
    t.holds("to/taken", b"old")?;
    t.has_names("to", &["0000", "renamed", "taken"])?;
    // A directory that is missing is the same error for each.
    let mut told = Vec::new();
    t.fs.hard_link_batch(&t.at("from"), &t.at("nowhere"), &pairs, &mut |_, result| {
        told.push(result.map_err(|e| e.kind()));
        ControlFlow::Continue(())
    });
    same!(told, vec![Err(ErrorKind::NotFound); 4], "results without a target directory");
    Ok(())
}

fn a_break_ends_a_batch_of_links(t: &Subject) -> Verdict {
    needs_links(t)?;
    let names = fill(t, 10)?;
    let pairs: Vec<_> = names.iter().map(NamePair::same).collect();
    same!(link(t, &pairs, 3).len(), 3, "reports before and after a break");
    t.has_names("to", &["0000", "0001", "0002"])
}

fn a_batch_does_not_leave_its_directories(t: &Subject) -> Verdict {
    fill(t, 1)?;
    t.put("outside", b"x")?;
    let absolute = t.at("outside");
    let absolute = absolute.to_string_lossy();
    let pairs =
        [NamePair::new("../outside", "in"), NamePair::new("0000", "../out"), NamePair::new(&*absolute, "in")];
    for (_, result) in link(t, &pairs, usize::MAX) {
        same!(result.map_err(|e| e.kind()), Err(ErrorKind::InvalidInput), "a name that leads elsewhere");
    }
    t.fs.reflink_batch(&t.at("from"), &t.at("to"), &pairs, SyncMode::Normal, &mut |_, _| {
        ControlFlow::Continue(())
    });
    t.has_names("to", &[])?;
    t.has_names("", &["from", "outside", "to"])
}

fn clones_are_made_and_each_told(t: &Subject) -> Verdict {
    if !t.fs.capabilities(&t.root)?.reflink {
        return Err(Failure::NotApplicable("the mount has no reflinks".into()));
    }
    let names = fill(t, 300)?;
    t.put("to/0007", b"taken")?;
    let pairs: Vec<_> = names.iter().map(NamePair::same).collect();
    let mut told = BTreeMap::new();
    t.fs.reflink_batch(&t.at("from"), &t.at("to"), &pairs, SyncMode::Normal, &mut |index, result| {
        told.insert(index, result.map_err(|e| e.kind()));
        ControlFlow::Continue(())
    });
    same!(told.len(), 300, "clones told");
    same!(told.remove(&7), Some(Err(ErrorKind::AlreadyExists)), "the clone to a taken name");
    ensure!(told.values().all(std::result::Result::is_ok), "some clone failed: {told:?}");
    t.holds("to/0007", b"taken")?;
    for name in names.iter().filter(|name| *name != "0007") {
        t.holds(&format!("to/{name}"), name.as_bytes())?;
    }
    let ids = ["from", "to"].map(|dir| t.fs.metadata(&t.at(dir).join("0000")).ok().and_then(|m| m.file_id));
    ensure!(ids[0].is_none() || ids[0] != ids[1], "a clone is its source");
    Ok(())
}

fn clone(
    t: &Subject,
    names: &[String],
    stop_after: usize,
) -> std::result::Result<BTreeMap<usize, bool>, Failure> {
    if !t.fs.capabilities(&t.root)?.reflink {
        return Err(Failure::NotApplicable("the mount has no reflinks".into()));
    }
    let pairs: Vec<_> = names.iter().map(NamePair::same).collect();
    let mut told = BTreeMap::new();
    t.fs.reflink_batch(&t.at("from"), &t.at("to"), &pairs, SyncMode::Normal, &mut |index, result| {
        told.insert(index, result.is_ok());
        if told.len() < stop_after { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    Ok(told)
}

fn a_break_ends_a_batch_of_clones(t: &Subject) -> Verdict {
    let names = fill(t, 600)?;
    let told = clone(t, &names, 3)?;
    ensure!((3..600).contains(&told.len()), "{} clones were told after a break", told.len());
    let made: Vec<_> = names
        .iter()
        .enumerate()
        .filter(|(i, _)| told.contains_key(i))
        .map(|(_, name)| name.clone())
        .collect();
    same!(t.names("to")?, made, "clones that are there, and those told");
    Ok(())
}

fn a_clone_whose_sync_fails_is_removed(t: &Subject) -> Verdict {
    let Some(fault) = &t.sync_fault else {
        return Err(Failure::NotApplicable("no way to make a sync fail was given".into()));
    };
    let names = fill(t, 5)?;
    fault(&t.at("to/0002"), true);
    let told = clone(t, &names, usize::MAX);
    fault(&t.at("to/0002"), false);
    same!(told?.into_values().collect::<Vec<_>>(), [true, true, false, true, true], "clones durable");
    t.has_names("to", &["0000", "0001", "0003", "0004"])
}

fn every_file_of_a_batch_is_synced(t: &Subject) -> Verdict {
    let names = fill(t, 20)?;
    let open = |name: &String| t.open(&format!("from/{name}"), read_write());
    let files = names.iter().map(open).collect::<std::result::Result<Vec<_>, _>>()?;
    for file in &files {
        file.write_at(b"dirty", 0)?;
    }
    let files: Vec<&dyn FsFile> = files.iter().map(|f| &**f).collect();
    let sync = |failing: &[usize]| {
        let mut told = BTreeMap::new();
        t.fs.sync_batch(&files, SyncMode::Normal, &mut |index, result| {
            told.insert(index, result.is_ok());
        });
        same!(told.len(), 20, "files told of");
        for (index, synced) in told {
            same!(synced, !failing.contains(&index), "sync of file {index}");
        }
        Ok(())
    };
    sync(&[])?;
    if let Some(fault) = &t.sync_fault {
        let path = t.at("from/0003");
        fault(&path, true);
        let synced = sync(&[3]);
        fault(&path, false);
        synced?;
    }
    Ok(())
}
