use std::io;

use lsm_fs::{Op, errno};

use super::*;

fn line(call: &Call<'_>) -> String {
    Line::new(call, None, Path::new("/r")).finish()
}

#[test]
fn paths_are_relative_to_the_root_and_stay_on_one_line() {
    let shown = |path: &str| shown_path(Path::new(path), Path::new("/r"));
    assert_eq!(shown("/r"), ".");
    assert_eq!(shown("/r/"), ".");
    assert_eq!(shown("/r//a/./b/"), "a/b");
    assert_eq!(shown("/rr/a"), "/rr/a");
    assert_eq!(shown("/"), "/");
    assert_eq!(shown("a/../b"), "a/../b");
    assert_eq!(shown(""), ".");
    assert_eq!(shown("/r/with space"), "\"with space\"");
    assert_eq!(shown("/r/li\nne"), "\"li\\nne\"");
    assert_eq!(shown("/r/quo\"te\\"), "\"quo\\\"te\\\\\"");
    assert_eq!(shown("/r/ä"), "ä");
    assert_eq!(shown_path(Path::new("/a"), Path::new("")), "/a");
}

#[cfg(unix)]
#[test]
fn a_name_that_is_not_utf8_is_escaped() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    assert_eq!(shown_path(Path::new(OsStr::from_bytes(b"a\xff")), Path::new("")), "\"a\\xff\"");
}

#[test]
fn arguments_follow_the_paths() {
    let (a, b) = (Path::new("/r/a"), Path::new("/r/b"));
    let options = FsOpenOptions::new().read(true).append(true).create(true).direct_io(true);
    let all = FsOpenOptions::new().write(true).create_new(true).truncate(true);
    let permissions = lsm_fs::Permissions { mode: 0o640, owner: 7, group: 8 };
    let cases = [
        (Call::new(Op::Open, a, Arguments::Open(&options)), "open a read append create direct_io\n"),
        (Call::new(Op::Open, a, Arguments::Open(&all)), "open a write create_new truncate\n"),
        (Call::between(Op::HardLink, a, b), "hard_link a -> b\n"),
        (Call::new(Op::SyncDirectory, a, Arguments::Sync(SyncMode::Full)), "sync_directory a full\n"),
        (Call::new(Op::SyncAll, a, Arguments::Sync(SyncMode::Normal)), "sync_all a normal\n"),
        (Call::new(Op::WriteAt, a, Arguments::Range { offset: 7, len: 9 }), "write_at a 7+9\n"),
        (Call::new(Op::Write, a, Arguments::Transfer(9)), "write a 9\n"),
        (Call::new(Op::ReadAt, a, Arguments::Range { offset: 7, len: 9 }), "read_at a 7+9\n"),
        (Call::new(Op::Read, a, Arguments::Transfer(9)), "read a 9\n"),
        (Call::new(Op::PunchHole, a, Arguments::Range { offset: 7, len: 9 }), "punch_hole a 7+9\n"),
        (Call::new(Op::StartWriteback, a, Arguments::Range { offset: 7, len: 9 }), "start_writeback a 7+9\n"),
        (Call::new(Op::TruncateFile, a, Arguments::Len(3)), "truncate_file a 3\n"),
        (Call::new(Op::NextData, a, Arguments::Offset(3)), "next_data a 3\n"),
        (Call::new(Op::Seek, a, Arguments::Seek(SeekFrom::Start(3))), "seek a start 3\n"),
        (Call::new(Op::Seek, a, Arguments::Seek(SeekFrom::End(-3))), "seek a end -3\n"),
        (Call::new(Op::Seek, a, Arguments::Seek(SeekFrom::Current(0))), "seek a current 0\n"),
        (Call::new(Op::Hint, a, Arguments::Hint(FileHint::WillNeed)), "hint a will_need\n"),
        (Call::new(Op::SymlinkMetadata, a, Arguments::None), "symlink_metadata a\n"),
        (Call::new(Op::IsAt, a, Arguments::None), "is_at a\n"),
        (Call::new(Op::TryLockDirectory, a, Arguments::None), "try_lock_directory a\n"),
        (Call::new(Op::TryLockExclusive, a, Arguments::None), "try_lock_exclusive a\n"),
        (Call::new(Op::TryDisableCow, a, Arguments::None), "try_disable_cow a\n"),
        (Call::new(Op::CreateDir, a, Arguments::Private), "create_dir a private\n"),
        (
            Call::new(Op::SetPermissions, a, Arguments::Permissions(permissions)),
            "set_permissions a 0640 7:8\n",
        ),
    ];
    for (call, expected) in cases {
        assert_eq!(line(&call), expected);
    }
}

#[test]
fn an_outcome_ends_the_line() {
    let call = Call::new(Op::CreateDir, Path::new("a"), Arguments::None);
    let failed = |source| {
        let mut line = Line::new(&call, Some(4), Path::new(""));
        line.error(&call.error(source));
        line.finish()
    };
    assert_eq!(failed(io::Error::from_raw_os_error(errno::EEXIST)), "create_dir #4 a ! EEXIST\n");
    assert_eq!(failed(io::ErrorKind::InvalidInput.into()), "create_dir #4 a ! InvalidInput\n");
    let mut line = Line::new(&call, None, Path::new(""));
    line.error(&call.error(io::Error::from_raw_os_error(errno::EIO)).poisoned());
    assert_eq!(line.finish(), "create_dir a ! EIO poisoned\n");
    let mut line = Line::new(&call, None, Path::new(""));
    line.value(Some("true"));
    assert_eq!(line.finish(), "create_dir a = true\n");
}
