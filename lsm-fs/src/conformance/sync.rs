//! Syncs: they succeed if they can, refuse missing files, and keep failing after a failure.
//!
//! Only a crash can show if a sync makes anything durable. Use a simulated or a recorded crash for that.

use std::io::{ErrorKind, Write};

use super::{
    CheckResult, Failure, Subject, ensure, list, same,
    subject::{read, read_write, refused},
};
use crate::{DirectorySync, Op, SyncMode};

list! { "sync":
    a_file_syncs_through_any_handle
    a_directory_syncs
    a_directory_sync_requires_a_directory
    a_failed_sync_poisons_its_handle
    a_failed_data_sync_poisons_its_handle
}

fn a_file_syncs_through_any_handle(t: &Subject) -> CheckResult {
    t.put("f", b"x")?;
    let (reader, writer) = (t.open("f", read())?, t.open("f", read_write())?);
    writer.write_at(b"y", 0)?;
    for mode in [SyncMode::Normal, SyncMode::Full] {
        for file in [&reader, &writer] {
            file.sync_all(mode)?;
            file.sync_data(mode)?;
        }
    }
    t.fs.remove_file(&t.at("f"))?;
    writer.write_at(b"z", 0)?;
    Ok(writer.sync_all(SyncMode::Normal)?)
}

fn a_directory_syncs(t: &Subject) -> CheckResult {
    t.mkdir("d")?;
    t.put("d/f", b"x")?;
    let wanted = t.fs.sync_directory(&t.at("d"), SyncMode::Normal)?;
    if t.fs.capabilities(&t.root)?.directory_sync {
        same!(wanted, DirectorySync::Durable, "result on a mount that claims directory syncs");
    }
    for mode in [SyncMode::Normal, SyncMode::Full] {
        same!(t.fs.sync_directory(&t.at("d"), mode)?, wanted, "what the sync did");
        same!(t.fs.sync_directory(&t.at("d"), mode)?, wanted, "what a sync of nothing new did");
    }
    t.holds("d/f", b"x")
}

fn a_directory_sync_requires_a_directory(t: &Subject) -> CheckResult {
    t.put("f", b"x")?;
    let (file, none) = (t.at("f"), t.at("none"));
    let sync = |path| t.fs.sync_directory(path, SyncMode::Normal);
    refused(sync(&file), Op::SyncDirectory, &file, &[ErrorKind::NotADirectory])?;
    refused(sync(&none), Op::SyncDirectory, &none, &[ErrorKind::NotFound])
}

fn a_failed_sync_poisons_its_handle(t: &Subject) -> CheckResult {
    poisons(t, Op::SyncAll)
}

fn a_failed_data_sync_poisons_its_handle(t: &Subject) -> CheckResult {
    poisons(t, Op::SyncData)
}

fn poisons(t: &Subject, op: Op) -> CheckResult {
    let Some(fault) = &t.sync_fault else {
        return Err(Failure::NotApplicable("the subject provides no switch for failing syncs".into()));
    };
    t.put("f", b"before")?;
    let mut file = t.open("f", read_write())?;
    file.write_at(b"after!", 0)?;
    let sync =
        || if op == Op::SyncAll { file.sync_all(SyncMode::Normal) } else { file.sync_data(SyncMode::Normal) };
    fault(&t.at("f"), true);
    let first = sync();
    fault(&t.at("f"), false);
    let Err(first) = first else {
        return Err(Failure::Violated("the sync that was made to fail succeeded".into()));
    };
    same!(first.op(), op, "operation of the first failure");
    ensure!(!first.is_poisoned(), "is_poisoned is true for the first failure");
    // The device works again, but the handle must still fail.
    let again = [
        file.sync_all(SyncMode::Normal),
        file.sync_data(SyncMode::Normal),
        file.write_at(b"x", 0),
        file.set_len(0),
    ];
    for result in again {
        let Err(again) = result else {
            return Err(Failure::Violated("a call succeeded on a handle whose sync had failed".into()));
        };
        ensure!(again.is_poisoned(), "{again}: is_poisoned is false for a repeated failure");
        same!(again.raw_os_error(), first.raw_os_error(), "errno repeated");
    }
    ensure!(file.write(b"x").is_err(), "a write succeeded on a handle whose sync had failed");
    same!(file.read_at(&mut [0; 6], 0)?, 6, "bytes read through a poisoned handle");
    // Neither another handle nor another file is poisoned.
    t.put("g", b"x")?;
    Ok(t.open("g", read())?.sync_all(SyncMode::Normal)?)
}
