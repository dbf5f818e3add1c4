//! The bytes of one file: positions, lengths, holes, and the calls that each kind of handle refuses.

use std::{
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    sync::Barrier,
    thread,
};

use super::{
    CheckResult, Failure, Subject, ensure, list, same,
    subject::{read, read_write, refused, write},
};
use crate::{FileHint, FsOpenOptions, Op, ReadRequest, SyncMode};

list! { "bytes":
    read_at_fills_the_buffer_unless_the_file_ends
    write_at_writes_all_and_fills_gaps_with_zeros
    positional_calls_do_not_move_the_position
    read_write_and_seek_share_a_position
    a_seek_before_the_start_is_refused
    append_writes_at_the_current_end
    append_refuses_positional_writes
    handles_see_each_others_bytes
    a_handle_refuses_calls_outside_its_mode
    set_len_cuts_and_extends_with_zeros
    truncate_file_sets_the_length
    truncate_file_refuses_a_shared_inode
    punch_hole_zeroes_a_range_and_keeps_the_length
    no_file_exceeds_the_maximum_length
    punch_hole_refuses_a_shared_inode
    next_data_covers_every_byte_that_is_not_zero
    read_many_reads_each_request
    hints_and_writeback_change_no_byte
    direct_io_reads_its_own_writes
    direct_io_accepts_any_transfer
    threads_write_and_read_at_their_own_offsets
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from(i % 251).unwrap_or(0)).collect()
}

fn read_at_fills_the_buffer_unless_the_file_ends(t: &Subject) -> CheckResult {
    let bytes = pattern(10_000);
    t.put("f", &bytes)?;
    let file = t.open("f", read())?;
    for (offset, len, wanted) in [(0, 10_000, 10_000), (1, 4096, 4096), (9_000, 4096, 1_000), (10_000, 1, 0)]
    {
        let mut buf = vec![0; len];
        same!(file.read_at(&mut buf, offset as u64)?, wanted, "bytes read at {offset}");
        ensure!(buf.iter().zip(bytes.iter().skip(offset)).all(|(a, b)| a == b), "wrong bytes at {offset}");
    }
    same!(file.read_at(&mut [], 0)?, 0, "number of bytes of an empty read");
    same!(file.read_at(&mut [0; 9], 1 << 40)?, 0, "bytes read far behind the end");
    Ok(())
}

fn write_at_writes_all_and_fills_gaps_with_zeros(t: &Subject) -> CheckResult {
    let file = t.open("f", write().create_new(true))?;
    file.write_at(b"tail", 10_000)?;
    file.write_at(b"head", 0)?;
    file.write_at(b"", 20_000)?;
    let bytes = t.get("f")?;
    same!(bytes.len(), 10_004, "length");
    ensure!(bytes.starts_with(b"head") && bytes.ends_with(b"tail"), "the written bytes were not found");
    ensure!(bytes.iter().skip(4).take(9_996).all(|&b| b == 0), "the gap is not zeros");
    file.write_at(b"TA", 10_000)?;
    ensure!(t.get("f")?.ends_with(b"\0TAil"), "an overwritten tail is not there");
    Ok(())
}

fn positional_calls_do_not_move_the_position(t: &Subject) -> CheckResult {
    t.put("f", b"0123456789")?;
    let mut file = t.open("f", read_write())?;
    file.seek(SeekFrom::Start(3))?;
    file.write_at(b"X", 8)?;
    file.read_at(&mut [0; 4], 5)?;
    file.next_data(1)?;
    same!(file.stream_position()?, 3, "position");
    let mut buf = [0; 6];
    file.read_exact(&mut buf)?;
    same!(&buf, b"34567X", "bytes from the position");
    Ok(())
}

fn read_write_and_seek_share_a_position(t: &Subject) -> CheckResult {
    let mut file = t.open("f", read_write().create_new(true))?;
    file.write_all(b"hello ")?;
    file.write_all(b"world")?;
    file.flush()?;
    same!(file.seek(SeekFrom::Current(-5))?, 6, "position after a seek backwards");
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    same!(text, "world", "bytes after that position");
    same!(file.seek(SeekFrom::End(2))?, 13, "position beyond the end");
    file.write_all(b"!")?;
    t.holds("f", b"hello world\0\0!")
}

fn a_seek_before_the_start_is_refused(t: &Subject) -> CheckResult {
    t.put("f", b"0123")?;
    let mut file = t.open("f", read())?;
    file.seek(SeekFrom::Start(2))?;
    for to in [SeekFrom::Current(-3), SeekFrom::End(-5)] {
        same!(file.seek(to).map_err(|e| e.kind()), Err(ErrorKind::InvalidInput), "seek to {to:?}");
    }
    same!(file.stream_position()?, 2, "position after refused seeks");
    Ok(())
}

fn append_writes_at_the_current_end(t: &Subject) -> CheckResult {
    t.put("f", b"a")?;
    let mut first = t.open("f", FsOpenOptions::new().append(true))?;
    let mut second = t.open("f", FsOpenOptions::new().append(true).create(true))?;
    first.write_all(b"b")?;
    second.write_all(b"c")?;
    first.seek(SeekFrom::Start(0))?;
    first.write_all(b"d")?;
    t.holds("f", b"abcd")
}

fn append_refuses_positional_writes(t: &Subject) -> CheckResult {
    t.put("f", b"abc")?;
    let file = t.open("f", read().append(true))?;
    refused(file.write_at(b"X", 0), Op::WriteAt, &t.at("f"), &[ErrorKind::InvalidInput])?;
    let mut buf = [0; 3];
    same!(file.read_at(&mut buf, 0)?, 3, "bytes read through an append handle");
    t.holds("f", b"abc")
}

fn handles_see_each_others_bytes(t: &Subject) -> CheckResult {
    t.put("f", b"old")?;
    let (writer, reader) = (t.open("f", write())?, t.open("f", read())?);
    writer.write_at(b"new and longer", 0)?;
    same!(reader.metadata()?.len, 14, "length through the other handle");
    let mut buf = [0; 14];
    reader.read_at(&mut buf, 0)?;
    same!(&buf, b"new and longer", "bytes through the other handle");
    writer.set_len(3)?;
    same!(reader.read_at(&mut buf, 0)?, 3, "number of bytes after a truncation");
    Ok(())
}

fn a_handle_refuses_calls_outside_its_mode(t: &Subject) -> CheckResult {
    t.put("f", b"abc")?;
    let mut reader = t.open("f", read())?;
    ensure!(reader.write(b"X").is_err(), "a read-only handle wrote");
    ensure!(reader.write_at(b"X", 0).is_err(), "a read-only handle wrote at an offset");
    ensure!(reader.set_len(0).is_err(), "a read-only handle truncated the file");
    let mut writer = t.open("f", write())?;
    ensure!(writer.read(&mut [0]).is_err(), "a write-only handle read");
    ensure!(writer.read_at(&mut [0], 0).is_err(), "a write-only handle read at an offset");
    t.holds("f", b"abc")
}

fn set_len_cuts_and_extends_with_zeros(t: &Subject) -> CheckResult {
    let bytes = pattern(6_000);
    t.put("f", &bytes)?;
    let file = t.open("f", write())?;
    file.set_len(5_000)?;
    same!(t.get("f")?, bytes.iter().copied().take(5_000).collect::<Vec<_>>(), "contents after a cut");
    file.set_len(9_000)?;
    let extended = t.get("f")?;
    same!(extended.len(), 9_000, "length after an extension");
    ensure!(extended.iter().skip(5_000).all(|&b| b == 0), "an extension restored truncated bytes");
    Ok(())
}

fn truncate_file_sets_the_length(t: &Subject) -> CheckResult {
    t.put("f", b"abcdef")?;
    t.mkdir("d")?;
    let (file, none, dir) = (t.at("f"), t.at("none"), t.at("d"));
    refused(t.fs.truncate_file(&none, 0), Op::TruncateFile, &none, &[ErrorKind::NotFound])?;
    refused(t.fs.truncate_file(&dir, 0), Op::TruncateFile, &dir, &[ErrorKind::IsADirectory])?;
    if t.fs.metadata(&file)?.link_count.is_none() {
        refused(t.fs.truncate_file(&file, 3), Op::TruncateFile, &file, &[ErrorKind::Unsupported])?;
        return t.holds("f", b"abcdef");
    }
    t.fs.truncate_file(&file, 3)?;
    t.holds("f", b"abc")?;
    t.fs.truncate_file(&file, 5)?;
    t.holds("f", b"abc\0\0")
}

fn truncate_file_refuses_a_shared_inode(t: &Subject) -> CheckResult {
    t.put("f", b"abcdef")?;
    if !t.fs.capabilities(&t.root)?.hard_link {
        return Ok(());
    }
    t.fs.hard_link(&t.at("f"), &t.at("checkpoint"))?;
    let file = t.at("f");
    let kinds = [ErrorKind::TooManyLinks, ErrorKind::Unsupported];
    refused(t.fs.truncate_file(&file, 0), Op::TruncateFile, &file, &kinds)?;
    refused(t.fs.truncate_file(&file, 6), Op::TruncateFile, &file, &kinds)?;
    t.holds("checkpoint", b"abcdef")?;
    t.fs.remove_file(&t.at("checkpoint"))?;
    if t.fs.metadata(&file)?.link_count.is_some() {
        t.fs.truncate_file(&file, 1)?;
        t.holds("f", b"a")?;
    }
    Ok(())
}

fn punch_hole_zeroes_a_range_and_keeps_the_length(t: &Subject) -> CheckResult {
    const LEN: usize = 4 << 20;
    let mut bytes = pattern(LEN);
    t.put("f", &bytes)?;
    let (file, none) = (t.at("f"), t.at("none"));
    t.open("f", write())?.sync_all(SyncMode::Normal)?;
    let before = t.fs.metadata(&file)?.allocated_bytes;
    refused(t.fs.punch_hole(&file, u64::MAX, 2), Op::PunchHole, &file, &[ErrorKind::InvalidInput])?;
    refused(t.fs.punch_hole(&none, 0, 1), Op::PunchHole, &none, &[ErrorKind::NotFound])?;
    // The large range in the middle frees blocks of any size. The others cover parts of blocks, or extend past the end.
    for (offset, len) in [(1 << 20, 2 << 20), (100, 50), (LEN - 10, 100)] {
        match t.fs.punch_hole(&file, offset as u64, len) {
            Err(e) if e.kind() == ErrorKind::Unsupported && !t.fs.capabilities(&t.root)?.punch_hole => {
                return t.holds("f", &bytes);
            }
            punched => punched?,
        }
        bytes.iter_mut().skip(offset).take(usize::try_from(len).unwrap_or(0)).for_each(|b| *b = 0);
        ensure!(t.get("f")? == bytes, "wrong bytes after a hole of {len} at {offset}");
    }
    t.open("f", write())?.sync_all(SyncMode::Normal)?;
    let after = t.fs.metadata(&file)?.allocated_bytes;
    ensure!(after.is_none() || after < before, "no space was freed: {before:?} before, {after:?} after");
    Ok(())
}

fn no_file_exceeds_the_maximum_length(t: &Subject) -> CheckResult {
    t.put("f", b"abc")?;
    let file = t.open("f", read_write())?;
    let kinds = [ErrorKind::InvalidInput, ErrorKind::FileTooLarge];
    refused(file.write_at(b"xy", u64::MAX - 1), Op::WriteAt, &t.at("f"), &kinds)?;
    refused(file.write_at(b"xy", i64::MAX.unsigned_abs()), Op::WriteAt, &t.at("f"), &kinds)?;
    refused(file.set_len(u64::MAX), Op::SetLen, &t.at("f"), &kinds)?;
    t.holds("f", b"abc")
}

fn punch_hole_refuses_a_shared_inode(t: &Subject) -> CheckResult {
    t.put("f", &pattern(8192))?;
    if !t.fs.capabilities(&t.root)?.hard_link {
        return Ok(());
    }
    t.fs.hard_link(&t.at("f"), &t.at("checkpoint"))?;
    let file = t.at("f");
    let kinds = [ErrorKind::TooManyLinks, ErrorKind::Unsupported];
    refused(t.fs.punch_hole(&file, 0, 4096), Op::PunchHole, &file, &kinds)?;
    t.holds("checkpoint", &pattern(8192))
}

fn next_data_covers_every_byte_that_is_not_zero(t: &Subject) -> CheckResult {
    let file = t.open("f", read_write().create_new(true))?;
    file.set_len(1 << 20)?;
    file.write_at(b"in the middle", 300_000)?;
    file.write_at(b"at the end", (1 << 20) - 10)?;
    let mut covered = vec![false; 1 << 20];
    let mut offset = 0;
    while let Some(range) = file.next_data(offset)? {
        ensure!(range.start >= offset && range.end > range.start, "next_data({offset}) gave {range:?}");
        let (start, end) = (usize::try_from(range.start), usize::try_from(range.end));
        if let (Ok(start), Ok(end)) = (start, end) {
            covered.iter_mut().take(end).skip(start).for_each(|c| *c = true);
        }
        offset = range.end;
    }
    for (at, byte) in t.get("f")?.into_iter().enumerate() {
        ensure!(
            byte == 0 || covered.get(at) == Some(&true),
            "byte {at} is data, and in no range of next_data"
        );
    }
    same!(file.next_data(1 << 20)?, None, "data at the end of the file");
    same!(file.next_data(1 << 30)?, None, "data beyond the end of the file");
    Ok(())
}

fn read_many_reads_each_request(t: &Subject) -> CheckResult {
    let bytes = pattern(9_000);
    t.put("f", &bytes)?;
    let (mut a, mut b, mut c) = ([0; 100], [0; 4096], [0; 10]);
    let mut requests =
        [ReadRequest::new(8_950, &mut a), ReadRequest::new(10, &mut b), ReadRequest::new(9_000, &mut c)];
    t.open("f", read())?.read_many(&mut requests)?;
    same!(requests.each_ref().map(|r| r.filled), [50, 4096, 0], "bytes read");
    for request in &requests {
        let from = bytes.iter().skip(usize::try_from(request.offset).unwrap_or(usize::MAX));
        ensure!(request.buf.iter().take(request.filled).eq(from.take(request.filled)), "wrong bytes");
    }
    Ok(())
}

fn hints_and_writeback_change_no_byte(t: &Subject) -> CheckResult {
    let bytes = pattern(100_000);
    let file = t.open("f", read_write().create_new(true))?;
    file.write_at(&bytes, 0)?;
    for hint in [FileHint::Sequential, FileHint::Random, FileHint::WillNeed, FileHint::DontNeed] {
        file.hint(hint)?;
        file.start_writeback(0, 50_000)?;
        file.start_writeback(99_999, 1 << 40)?;
        file.start_writeback(0, 0)?;
    }
    t.holds("f", &bytes)
}

fn direct_io_reads_its_own_writes(t: &Subject) -> CheckResult {
    let mut memory = vec![0_u8; 8192 + 4096];
    let start = memory.as_ptr().align_offset(4096);
    let Some(aligned) = memory.get_mut(start..).and_then(|m| m.get_mut(..8192)) else {
        return Ok(()); // memory whose addresses cannot be aligned
    };
    aligned.iter_mut().zip(pattern(8192)).for_each(|(to, from)| *to = from);
    let file = t.open("f", read_write().create_new(true).direct_io(true))?;
    file.write_at(aligned, 4096)?;
    aligned.fill(0);
    same!(file.read_at(aligned, 4096)?, 8192, "bytes read");
    ensure!(*aligned == *pattern(8192), "wrong bytes through a direct handle");
    same!(file.metadata()?.len, 12_288, "length");
    Ok(())
}

fn direct_io_accepts_any_transfer(t: &Subject) -> CheckResult {
    let bytes = pattern(10_000);
    let mut file = t.open("f", read_write().create_new(true).direct_io(true))?;
    file.write_at(&bytes, 0)?;
    let mut back = vec![0; 9_000];
    same!(file.read_at(&mut back, 777)?, 9_000, "bytes read");
    ensure!(bytes.get(777..9_777) == Some(&*back), "wrong bytes through a direct handle");
    let mut cursor = t.open("f", read_write().direct_io(true))?;
    ensure!(cursor.read(&mut back)? > 0, "a direct handle read no bytes at its position");
    file.write_all(b"x")?;
    let (_, rest) = bytes.split_at(1);
    t.holds("f", &[b"x", rest].concat())
}

fn threads_write_and_read_at_their_own_offsets(t: &Subject) -> CheckResult {
    threads_write_and_read(t, read_write().create_new(true))?;
    t.fs.remove_file(&t.at("f"))?;
    // Lengths that a direct handle cannot transfer directly.
    threads_write_and_read(t, read_write().create_new(true).direct_io(true))
}

fn threads_write_and_read(t: &Subject, options: FsOpenOptions) -> CheckResult {
    const PIECE: usize = 5_000;
    let file = t.open("f", options)?;
    let (file, together) = (&*file, &Barrier::new(4));
    let work = |thread: u8| {
        together.wait();
        let offset = u64::from(thread) * PIECE as u64;
        for round in 0..20 {
            let bytes = vec![thread * 20 + round; PIECE];
            file.write_at(&bytes, offset)?;
            let mut back = vec![0; PIECE];
            file.read_at(&mut back, offset)?;
            ensure!(back == bytes, "thread {thread} read other bytes than it wrote");
        }
        Ok(())
    };
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..4).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().try_for_each(|t| t.join().unwrap_or_else(|_| panicked()))
    })?;
    same!(t.get("f")?.len(), 4 * PIECE, "length");
    Ok(())
}

fn panicked() -> CheckResult {
    Err(Failure::Violated("a thread panicked in the backend".into()))
}
