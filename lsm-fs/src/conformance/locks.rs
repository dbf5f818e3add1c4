//! Exclusive locks on files and directories: they belong to one inode and one holder, and end with the holder.

use std::io::ErrorKind;

use super::{
    CheckResult, Failure, Subject, ensure, list, same,
    subject::{read, read_write, refused},
};
use crate::{FsDirLock, FsExt, Op};

list! { "locks":
    a_file_lock_has_one_holder
    a_file_lock_belongs_to_the_inode
    a_directory_lock_has_one_holder
    a_directory_lock_follows_a_rename
    a_directory_lock_recognises_its_directory
    a_directory_lock_requires_a_directory
    another_process_holds_a_file_lock
    another_process_holds_a_directory_lock
}

fn a_file_lock_has_one_holder(t: &Subject) -> CheckResult {
    t.put("f", b"x")?;
    t.put("g", b"x")?;
    let (first, second) = (t.open("f", read_write())?, t.open("f", read())?);
    ensure!(first.try_lock_exclusive()?, "a free lock was refused");
    ensure!(!second.try_lock_exclusive()?, "a lock was given twice");
    ensure!(t.open("g", read())?.try_lock_exclusive()?, "the lock of another file was refused");
    let read = second.read_at(&mut [0], 0);
    if t.fs.capabilities(&t.root)?.advisory_locks {
        read?; // advisory: it stops nobody from reading
    }
    drop(first);
    ensure!(second.try_lock_exclusive()?, "a lock outlived its handle");
    Ok(())
}

fn a_file_lock_belongs_to_the_inode(t: &Subject) -> CheckResult {
    t.put("f", b"x")?;
    let file = t.open("f", read())?;
    ensure!(file.try_lock_exclusive()?, "a free lock was refused");
    t.fs.rename(&t.at("f"), &t.at("moved"))?;
    ensure!(!t.open("moved", read())?.try_lock_exclusive()?, "a rename lost the lock");
    t.put("f", b"new")?;
    ensure!(t.open("f", read())?.try_lock_exclusive()?, "a new file of the old name is locked");
    if t.fs.capabilities(&t.root)?.hard_link {
        t.fs.hard_link(&t.at("moved"), &t.at("linked"))?;
        ensure!(!t.open("linked", read())?.try_lock_exclusive()?, "another name got past the lock");
    }
    Ok(())
}

fn lock(t: &Subject, name: &str) -> Result<Option<Box<dyn FsDirLock>>, Failure> {
    match t.fs.try_lock_directory(&t.at(name)) {
        Err(e) if e.kind() == ErrorKind::Unsupported => {
            Err(Failure::NotApplicable("the platform cannot lock directories".into()))
        }
        locked => Ok(locked?),
    }
}

fn a_directory_lock_has_one_holder(t: &Subject) -> CheckResult {
    t.mkdir("d")?;
    t.mkdir("e")?;
    let first = lock(t, "d")?;
    ensure!(first.is_some(), "a free lock was refused");
    ensure!(lock(t, "d")?.is_none(), "a lock was given twice");
    ensure!(lock(t, "e")?.is_some(), "the lock of another directory was refused");
    t.put("d/f", b"x")?; // advisory: it stops nobody from working inside
    drop(first);
    ensure!(lock(t, "d")?.is_some(), "a lock outlived its value");
    Ok(())
}

fn a_directory_lock_follows_a_rename(t: &Subject) -> CheckResult {
    t.mkdir("d")?;
    let held = lock(t, "d")?;
    ensure!(held.is_some(), "a free lock was refused");
    t.fs.rename(&t.at("d"), &t.at("moved"))?;
    ensure!(lock(t, "moved")?.is_none(), "a rename lost the lock");
    t.mkdir("d")?;
    ensure!(lock(t, "d")?.is_some(), "a new directory of the old name is locked");
    Ok(())
}

fn a_directory_lock_recognises_its_directory(t: &Subject) -> CheckResult {
    t.mkdir("d")?;
    let Some(held) = lock(t, "d")? else {
        return Err(Failure::Violated("a free lock was refused".into()));
    };
    ensure!(held.is_at(&t.at("d"))?, "is_at returns false for the locked directory");
    t.fs.rename(&t.at("d"), &t.at("moved"))?;
    ensure!(!held.is_at(&t.at("d"))?, "the name is unbound, and is_at returns true");
    ensure!(held.is_at(&t.at("moved"))?, "is_at returns false after a rename of the directory");
    t.mkdir("d")?;
    ensure!(!held.is_at(&t.at("d"))?, "is_at returns true for another directory with the same name");
    Ok(())
}

fn a_directory_lock_requires_a_directory(t: &Subject) -> CheckResult {
    t.put("f", b"x")?;
    let (file, none) = (t.at("f"), t.at("none"));
    refused(t.fs.try_lock_directory(&file), Op::TryLockDirectory, &file, &[ErrorKind::NotADirectory])?;
    refused(t.fs.try_lock_directory(&none), Op::TryLockDirectory, &none, &[ErrorKind::NotFound])?;
    ensure!(!t.fs.exists(&none)?, "asking for a lock made a directory");
    Ok(())
}

fn another_process_holds_a_file_lock(t: &Subject) -> CheckResult {
    let Some(other) = &t.other_process else {
        return Err(Failure::NotApplicable("the subject provides no other process".into()));
    };
    t.put("f", b"x")?;
    let file = t.open("f", read())?;
    let child = other.lock_file(&t.at("f"));
    same!(file.try_lock_exclusive()?, false, "lock while another process holds it");
    drop(child);
    same!(file.try_lock_exclusive()?, true, "lock after the other process was killed");
    Ok(())
}

fn another_process_holds_a_directory_lock(t: &Subject) -> CheckResult {
    let Some(other) = &t.other_process else {
        return Err(Failure::NotApplicable("the subject provides no other process".into()));
    };
    t.mkdir("d")?;
    drop(lock(t, "d")?);
    let child = other.lock_directory(&t.at("d"));
    ensure!(lock(t, "d")?.is_none(), "a lock was given while another process holds it");
    t.fs.rename(&t.at("d"), &t.at("moved"))?;
    ensure!(lock(t, "moved")?.is_none(), "a rename took the lock from the other process");
    drop(child);
    ensure!(lock(t, "moved")?.is_some(), "a lock outlived the process that held it");
    Ok(())
}
