//! Renames: they are atomic, for files and directories, with and without replacing.

use std::{
    io::{ErrorKind, Read},
    path::Path,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::{
    CheckResult, Failure, Subject, ensure, list, same,
    subject::{read, read_write, refused, refused_pair},
};
use crate::{FsExt, Op};

list! { "renames":
    a_rename_moves_the_file
    a_rename_replaces_a_file
    a_failed_rename_leaves_both_names
    an_open_file_follows_its_rename
    a_directory_moves_with_its_contents
    only_an_empty_directory_is_replaced
    files_and_directories_do_not_replace_each_other
    a_directory_does_not_move_into_itself
    two_names_of_one_inode_both_stay
    a_replaced_name_is_never_missing
    noreplace_moves_to_a_free_name
    noreplace_refuses_every_existing_name
    noreplace_has_one_winner_among_threads
    nothing_is_renamed_across_volumes
}

fn a_rename_moves_the_file(t: &Subject) -> CheckResult {
    t.put("a", b"x")?;
    t.mkdir("d")?;
    let id = t.fs.metadata(&t.at("a"))?.file_id;
    t.fs.rename(&t.at("a"), &t.at("d/b"))?;
    t.has_names("", &["d"])?;
    t.holds("d/b", b"x")?;
    same!(t.fs.metadata(&t.at("d/b"))?.file_id, id, "inode behind the new name");
    // Renaming a file to itself has no effect.
    t.fs.rename(&t.at("d/b"), &t.at("d/b"))?;
    t.holds("d/b", b"x")
}

fn a_rename_replaces_a_file(t: &Subject) -> CheckResult {
    t.put("new", b"new")?;
    t.put("old", b"a longer old one")?;
    let mut behind = t.open("old", read())?;
    t.fs.rename(&t.at("new"), &t.at("old"))?;
    t.has_names("", &["old"])?;
    t.holds("old", b"new")?;
    let mut text = String::new();
    behind.read_to_string(&mut text)?;
    same!(text, "a longer old one", "the replaced file behind its handle");
    Ok(())
}

fn a_failed_rename_leaves_both_names(t: &Subject) -> CheckResult {
    t.put("a", b"a")?;
    t.put("b", b"b")?;
    let (a, b, none, nowhere) = (t.at("a"), t.at("b"), t.at("none"), t.at("no/dir"));
    let kinds = [ErrorKind::NotFound];
    refused_pair(t.fs.rename(&none, &b), Op::Rename, (&none, &b), &kinds)?;
    refused_pair(t.fs.rename(&a, &nowhere), Op::Rename, (&a, &nowhere), &kinds)?;
    let below = t.at("b/below");
    refused_pair(t.fs.rename(&a, &below), Op::Rename, (&a, &below), &[ErrorKind::NotADirectory])?;
    t.holds("a", b"a")?;
    t.holds("b", b"b")?;
    t.has_names("", &["a", "b"])
}

fn an_open_file_follows_its_rename(t: &Subject) -> CheckResult {
    t.put("a", b"before")?;
    let file = t.open("a", read_write())?;
    t.fs.rename(&t.at("a"), &t.at("b"))?;
    file.write_at(b" and after", 6)?;
    t.holds("b", b"before and after")?;
    t.absent("a")
}

fn a_directory_moves_with_its_contents(t: &Subject) -> CheckResult {
    t.mkdir("d")?;
    t.mkdir("d/e")?;
    t.put("d/e/f", b"x")?;
    let file = t.open("d/e/f", read_write())?;
    t.mkdir("to")?;
    let moved = t.fs.rename(&t.at("d"), &t.at("to/moved"));
    if moved.is_err() && !t.fs.capabilities(&t.root)?.rename_open_tree {
        // The tree stays as it is, and moves once the file is closed.
        t.has_names("", &["d", "to"])?;
        file.write_at(b"y", 0)?;
        drop(file);
        t.fs.rename(&t.at("d"), &t.at("to/moved"))?;
        return t.holds("to/moved/e/f", b"y");
    }
    moved?;
    t.has_names("", &["to"])?;
    t.holds("to/moved/e/f", b"x")?;
    file.write_at(b"y", 0)?;
    t.holds("to/moved/e/f", b"y")
}

fn only_an_empty_directory_is_replaced(t: &Subject) -> CheckResult {
    t.mkdir("from")?;
    t.put("from/f", b"x")?;
    t.mkdir("empty")?;
    t.mkdir("full")?;
    t.put("full/g", b"y")?;
    let (from, full) = (t.at("from"), t.at("full"));
    let kinds = [ErrorKind::DirectoryNotEmpty, ErrorKind::AlreadyExists];
    refused_pair(t.fs.rename(&from, &full), Op::Rename, (&from, &full), &kinds)?;
    t.holds("full/g", b"y")?;
    t.holds("from/f", b"x")?;
    t.fs.rename(&from, &t.at("empty"))?;
    t.holds("empty/f", b"x")?;
    t.absent("from")
}

fn files_and_directories_do_not_replace_each_other(t: &Subject) -> CheckResult {
    t.put("f", b"x")?;
    t.mkdir("d")?;
    let (file, dir) = (t.at("f"), t.at("d"));
    refused_pair(t.fs.rename(&file, &dir), Op::Rename, (&file, &dir), &[ErrorKind::IsADirectory])?;
    refused_pair(t.fs.rename(&dir, &file), Op::Rename, (&dir, &file), &[ErrorKind::NotADirectory])?;
    t.holds("f", b"x")?;
    t.has_names("d", &[])
}

fn a_directory_does_not_move_into_itself(t: &Subject) -> CheckResult {
    t.mkdir("d")?;
    t.mkdir("d/e")?;
    let dir = t.at("d");
    let kinds = [ErrorKind::InvalidInput];
    for inside in [t.at("d/x"), t.at("d/e/x")] {
        refused_pair(t.fs.rename(&dir, &inside), Op::Rename, (&dir, &inside), &kinds)?;
        if t.fs.capabilities(&t.root)?.rename_noreplace {
            let moved = t.fs.rename_noreplace(&dir, &inside);
            refused_pair(moved, Op::RenameNoreplace, (&dir, &inside), &kinds)?;
        }
    }
    t.has_names("d", &["e"])
}

fn two_names_of_one_inode_both_stay(t: &Subject) -> CheckResult {
    if !t.fs.capabilities(&t.root)?.hard_link {
        return Err(Failure::NotApplicable("the mount has no hard links".into()));
    }
    t.put("a", b"x")?;
    t.fs.hard_link(&t.at("a"), &t.at("b"))?;
    t.fs.rename(&t.at("a"), &t.at("b"))?;
    t.has_names("", &["a", "b"])
}

fn a_replaced_name_is_never_missing(t: &Subject) -> CheckResult {
    t.put("current", b"0")?;
    let done = AtomicBool::new(false);
    let missed = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut missed = 0_u32;
            while !done.load(Ordering::Relaxed) {
                missed +=
                    u32::from(!t.fs.read_to_vec(&t.at("current"), 9).is_ok_and(|bytes| bytes.len() == 1));
            }
            missed
        });
        let renamed = (0..200).try_for_each(|round| {
            t.put("next", &[b'0' + round % 10])?;
            Ok::<_, Failure>(t.fs.rename(&t.at("next"), &t.at("current"))?)
        });
        done.store(true, Ordering::Relaxed);
        let missed = reader.join().map_err(|_| Failure::Violated("the reader panicked".into()))?;
        renamed.map(|()| missed)
    })?;
    same!(missed, 0, "lookups that found neither the old file nor the new");
    Ok(())
}

fn noreplace_moves_to_a_free_name(t: &Subject) -> CheckResult {
    t.put("f", b"x")?;
    t.mkdir("d")?;
    t.put("d/g", b"y")?;
    let (file, none) = (t.at("f"), t.at("none"));
    if !can_noreplace(t)? {
        return t.has_names("", &["d", "f"]);
    }
    t.fs.rename_noreplace(&file, &t.at("d/h"))?;
    t.fs.rename_noreplace(&t.at("d"), &t.at("e"))?;
    t.has_names("", &["e"])?;
    t.holds("e/h", b"x")?;
    let to = t.at("to");
    refused_pair(
        t.fs.rename_noreplace(&none, &to),
        Op::RenameNoreplace,
        (&none, &to),
        &[ErrorKind::NotFound],
    )?;
    let (dir, nowhere) = (t.at("e"), t.at("no/dir"));
    let lost = t.fs.rename_noreplace(&dir, &nowhere);
    refused_pair(lost, Op::RenameNoreplace, (&dir, &nowhere), &[ErrorKind::NotFound])?;
    t.has_names("e", &["g", "h"])
}

/// Checks if the operation exists. If the backend does not claim it, tries it.
fn can_noreplace(t: &Subject) -> Result<bool, Failure> {
    if t.fs.capabilities(&t.root)?.rename_noreplace {
        return Ok(true);
    }
    let (from, to) = (t.at("tried"), t.at("moved"));
    t.put("tried", b"")?;
    let moved = t.fs.rename_noreplace(&from, &to);
    t.fs.remove_file(if moved.is_ok() { &to } else { &from })?;
    if moved.is_ok() {
        return Ok(true);
    }
    refused_pair(moved, Op::RenameNoreplace, (&from, &to), &[ErrorKind::Unsupported])?;
    Ok(false)
}

fn noreplace_refuses_every_existing_name(t: &Subject) -> CheckResult {
    t.put("f", b"x")?;
    t.put("taken", b"y")?;
    t.mkdir("d")?;
    t.mkdir("empty")?;
    let capabilities = t.fs.capabilities(&t.root)?;
    let mut names = vec!["empty", "f", "taken"];
    if capabilities.hard_link {
        t.fs.hard_link(&t.at("f"), &t.at("same-inode"))?;
        names.push("same-inode");
    }
    let kinds: &[_] = if can_noreplace(t)? { &[ErrorKind::AlreadyExists] } else { &[ErrorKind::Unsupported] };
    for from in ["f", "d"] {
        for to in &names {
            let (from, to) = (t.at(from), t.at(to));
            refused_pair(t.fs.rename_noreplace(&from, &to), Op::RenameNoreplace, (&from, &to), kinds)?;
        }
    }
    t.holds("taken", b"y")?;
    t.holds("f", b"x")?;
    ensure!(t.fs.exists(&t.at("d"))?, "the directory is gone");
    Ok(())
}

fn noreplace_has_one_winner_among_threads(t: &Subject) -> CheckResult {
    if !can_noreplace(t)? {
        return Err(Failure::NotApplicable("the mount has no rename_noreplace".into()));
    }
    let together = Barrier::new(4);
    for round in 0..40 {
        let to = t.at(&format!("target-{round}"));
        let sources: Vec<_> = (0..4).map(|i| format!("staged-{round}-{i}")).collect();
        sources.iter().try_for_each(|name| t.mkdir(name))?;
        let results: Vec<_> = thread::scope(|scope| {
            let tries: Vec<_> =
                sources.iter().map(|name| scope.spawn(|| race(t, &together, &t.at(name), &to))).collect();
            tries.into_iter().filter_map(|t| t.join().ok()).collect()
        });
        same!(results.iter().filter(|r| r.is_ok()).count(), 1, "winners of one rename_noreplace");
        for (result, name) in results.into_iter().zip(&sources) {
            if result.is_err() {
                refused(result, Op::RenameNoreplace, &t.at(name), &[ErrorKind::AlreadyExists])?;
                ensure!(t.fs.exists(&t.at(name))?, "a loser's directory is gone");
            }
        }
    }
    Ok(())
}

fn race(t: &Subject, together: &Barrier, from: &Path, to: &Path) -> crate::Result<()> {
    together.wait();
    t.fs.rename_noreplace(from, to)
}

fn nothing_is_renamed_across_volumes(t: &Subject) -> CheckResult {
    let Some(other) = &t.other_volume else {
        return Err(Failure::NotApplicable("the subject provides no second volume".into()));
    };
    t.put("f", b"x")?;
    t.mkdir("d")?;
    let kinds = [ErrorKind::CrossesDevices];
    for name in ["f", "d"] {
        let (from, to) = (t.at(name), other.join(name));
        refused_pair(t.fs.rename(&from, &to), Op::Rename, (&from, &to), &kinds)?;
        if t.fs.capabilities(&t.root)?.rename_noreplace {
            refused_pair(t.fs.rename_noreplace(&from, &to), Op::RenameNoreplace, (&from, &to), &kinds)?;
        }
    }
    same!(t.fs.read_dir(other)?.len(), 0, "names on the other volume");
    t.holds("f", b"x")?;
    t.has_names("", &["d", "f"])
}
