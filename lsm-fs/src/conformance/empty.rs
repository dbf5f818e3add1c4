//! Calls of length zero: they fail whenever a longer call would fail, and otherwise change nothing.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};

use super::{
    CheckResult, Failure, Subject, ensure, list, same,
    subject::{read, read_write, refused, write},
};
use crate::{Error, FsFile, FsOpenOptions, Op, ReadRequest, SyncMode, raw_os_error};

list! { "empty":
    an_empty_read_fails_where_a_longer_one_does
    an_empty_write_fails_where_a_longer_one_does
    an_empty_write_leaves_bytes_length_and_position
    an_empty_write_fails_on_a_poisoned_handle
    an_empty_call_refuses_an_impossible_offset
    setting_the_current_length_fails_where_another_would
    an_empty_hole_is_refused
    writeback_of_no_bytes_succeeds_on_every_handle
}

const BYTES: &[u8] = b"abcdef";

/// A handle, and the options that opened it.
type Opened = (FsOpenOptions, Box<dyn FsFile>);

/// Creates a file that contains [`BYTES`], and a handle of each mode.
fn handles(t: &Subject) -> Result<Vec<Opened>, Failure> {
    t.put("f", BYTES)?;
    let append = FsOpenOptions::new().append(true);
    let modes = [read(), write(), read_write(), append, append.read(true), read_write().direct_io(true)];
    modes.into_iter().map(|mode| Ok((mode, t.open("f", mode)?))).collect()
}

/// The kind and errno of a failure. They are equal for two calls that fail for the same reason.
type Reason = (ErrorKind, Option<i32>);

fn failed<T>(result: Result<T, Error>) -> Result<T, Reason> {
    result.map_err(|e| (e.kind(), e.raw_os_error()))
}

fn failed_io<T>(result: io::Result<T>) -> Result<T, Reason> {
    result.map_err(|e| (e.kind(), raw_os_error(&e)))
}

fn an_empty_read_fails_where_a_longer_one_does(t: &Subject) -> CheckResult {
    for (mode, mut file) in handles(t)? {
        let wanted = failed(file.read_at(&mut [0], 0)).map(|_| 0);
        ensure!(wanted.is_ok() == mode.read, "one byte read through {mode:?}: {wanted:?}");
        for offset in [0, 3, 6, 7, 1 << 40] {
            same!(failed(file.read_at(&mut [], offset)), wanted, "empty read at {offset} through {mode:?}");
        }
        let many = file.read_many(&mut [ReadRequest::new(0, &mut [])]);
        same!(failed(many).map(|()| 0), wanted, "read_many with one empty request through {mode:?}");
        same!(failed(file.read_many(&mut [])), Ok(()), "read_many without requests through {mode:?}");
        let wanted = failed_io(file.read(&mut [0])).map(|_| 0);
        same!(failed_io(file.read(&mut [])), wanted, "empty read at the position through {mode:?}");
    }
    t.holds("f", BYTES)
}

fn an_empty_write_fails_where_a_longer_one_does(t: &Subject) -> CheckResult {
    for (mode, mut file) in handles(t)? {
        let wanted = failed(file.write_at(b"a", 0));
        same!(wanted.is_ok(), mode.write, "success of one byte written through {mode:?}");
        same!(failed(file.write_at(b"", 0)), wanted, "nothing written at 0 through {mode:?}");
        same!(failed(file.write_at(b"", 99)), wanted, "nothing written behind the end through {mode:?}");
        if mode.append {
            same!(failed_io(file.write(b"")), Ok(0), "nothing appended through {mode:?}");
            continue;
        }
        let wanted = failed_io(file.write(b"a")).map(|_| 0);
        same!(failed_io(file.write(b"")), wanted, "nothing written through {mode:?}");
    }
    t.holds("f", BYTES)
}

fn an_empty_write_leaves_bytes_length_and_position(t: &Subject) -> CheckResult {
    for (mode, mut file) in handles(t)? {
        if !mode.write && !mode.append {
            continue;
        }
        for position in [2, 6, 50] {
            file.seek(SeekFrom::Start(position))?;
            same!(file.write(b"")?, 0, "bytes written through {mode:?}");
            same!(file.stream_position()?, position, "position after an empty write through {mode:?}");
        }
        if !mode.append {
            file.write_at(b"", 50)?;
        }
        same!(file.metadata()?.len, 6, "length after empty writes through {mode:?}");
    }
    t.holds("f", BYTES)
}

fn an_empty_write_fails_on_a_poisoned_handle(t: &Subject) -> CheckResult {
    let Some(fault) = &t.sync_fault else {
        return Err(Failure::NotApplicable("the subject provides no switch for failing syncs".into()));
    };
    t.put("f", BYTES)?;
    let mut file = t.open("f", read_write())?;
    file.write_at(b"A", 0)?;
    fault(&t.at("f"), true);
    let synced = file.sync_all(SyncMode::Normal);
    fault(&t.at("f"), false);
    ensure!(synced.is_err(), "the sync that was made to fail succeeded");
    let poisoned = |e: &Error| e.is_poisoned();
    ensure!(
        file.write_at(b"", 0).is_err_and(|e| poisoned(&e)),
        "a poisoned handle allowed an empty write at 0"
    );
    ensure!(file.set_len(6).is_err_and(|e| poisoned(&e)), "a poisoned handle set the current length");
    ensure!(file.write(b"").is_err(), "a poisoned handle allowed an empty write");
    same!(file.read_at(&mut [], 0)?, 0, "empty read through a poisoned handle");
    same!(file.read(&mut [])?, 0, "empty read at the position of a poisoned handle");
    Ok(())
}

fn an_empty_call_refuses_an_impossible_offset(t: &Subject) -> CheckResult {
    t.put("f", BYTES)?;
    let (file, path) = (t.open("f", read_write())?, t.at("f"));
    let kinds = [ErrorKind::InvalidInput, ErrorKind::FileTooLarge];
    for offset in [u64::MAX, i64::MAX.unsigned_abs() + 1] {
        refused(file.read_at(&mut [0], offset), Op::ReadAt, &path, &kinds)?;
        refused(file.read_at(&mut [], offset), Op::ReadAt, &path, &kinds)?;
        refused(file.write_at(b"", offset), Op::WriteAt, &path, &kinds)?;
    }
    t.holds("f", BYTES)
}

fn setting_the_current_length_fails_where_another_would(t: &Subject) -> CheckResult {
    for (mode, file) in handles(t)? {
        if mode.write || mode.append {
            same!(failed(file.set_len(6)), Ok(()), "setting the current length through {mode:?}");
        } else {
            let wanted = failed(file.set_len(7));
            ensure!(wanted.is_err(), "a read-only handle set a length");
            same!(failed(file.set_len(6)), wanted, "setting the current length through {mode:?}");
        }
    }
    let path = t.at("f");
    if t.fs.metadata(&path)?.link_count.is_none() {
        refused(t.fs.truncate_file(&path, 6), Op::TruncateFile, &path, &[ErrorKind::Unsupported])?;
        return t.holds("f", BYTES);
    }
    t.fs.truncate_file(&path, 6)?;
    t.holds("f", BYTES)
}

fn an_empty_hole_is_refused(t: &Subject) -> CheckResult {
    t.put("f", BYTES)?;
    let path = t.at("f");
    for offset in [0, 3, 6, 1 << 40] {
        refused(t.fs.punch_hole(&path, offset, 0), Op::PunchHole, &path, &[ErrorKind::InvalidInput])?;
    }
    t.holds("f", BYTES)
}

fn writeback_of_no_bytes_succeeds_on_every_handle(t: &Subject) -> CheckResult {
    for (mode, file) in handles(t)? {
        for offset in [0, 6, 1 << 40] {
            let started = failed(file.start_writeback(offset, 0));
            same!(started, Ok(()), "write-back of an empty range through {mode:?}");
        }
    }
    t.holds("f", BYTES)
}
