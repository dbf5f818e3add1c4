//! Random calls give the same results on the host's filesystem and in memory, including the kinds of their errors.

use std::path::Path;

use lsm_fs::{Fs, FsOpenOptions, StdFs};
use lsm_fs_mem::MemFs;
use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestCaseResult};

use crate::ops::{HANDLES, HandleOp, Machine, Op, tree};

/// A path with few distinct names, so that calls collide.
fn plain() -> impl Strategy<Value = String> {
    vec(select(vec!["a", "b", "c"]), 1..4).prop_map(|parts| parts.join("/"))
}

/// A path that may end in components that POSIX removes or rejects.
fn path() -> impl Strategy<Value = String> {
    let end = prop_oneof![
        20 => Just(""),
        1 => Just("/"),
        1 => Just("/."),
        1 => Just("/.."),
        1 => Just("/./b"),
        1 => Just("/../b"),
        1 => Just("//b"),
    ];
    prop_oneof![
        40 => (plain(), end).prop_map(|(path, end)| path + end),
        1 => Just(String::new()),
        1 => Just(".".to_owned()),
        1 => Just("x".repeat(256)),
        1 => Just("a/\0".to_owned()),
    ]
}

fn options() -> impl Strategy<Value = FsOpenOptions> {
    any::<[bool; 6]>().prop_map(|[read, write, create, create_new, truncate, append]| {
        FsOpenOptions::new()
            .read(read)
            .write(write)
            .create(create)
            .create_new(create_new)
            .truncate(truncate)
            .append(append)
    })
}

/// Options that give a usable handle in most cases.
fn useful() -> impl Strategy<Value = FsOpenOptions> {
    let new = FsOpenOptions::new().read(true).write(true);
    prop_oneof![
        4 => Just(new.create(true)),
        2 => Just(new.create(true).truncate(true)),
        2 => Just(FsOpenOptions::new().read(true)),
        2 => Just(FsOpenOptions::new().append(true).create(true)),
        3 => options(),
    ]
}

fn handle_op() -> impl Strategy<Value = HandleOp> {
    let at = || 0..9000_u16;
    let len = || prop_oneof![1 => Just(0), 9 => 0..9000_u16];
    prop_oneof![
        3 => (at(), len()).prop_map(|(at, len)| HandleOp::ReadAt(at, len)),
        4 => (at(), len(), any::<u8>()).prop_map(|(at, len, b)| HandleOp::WriteAt(at, len, b)),
        4 => (len(), any::<u8>()).prop_map(|(len, b)| HandleOp::Write(len, b)),
        2 => len().prop_map(HandleOp::Read),
        2 => any::<i16>().prop_map(HandleOp::Seek),
        2 => at().prop_map(HandleOp::SetLen),
        2 => Just(HandleOp::Describe),
        1 => Just(HandleOp::SyncAll),
        1 => Just(HandleOp::SyncData),
        2 => Just(HandleOp::Lock),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let slot = || 0..HANDLES;
    let at = || 0..9000_u16;
    prop_oneof![
        6 => path().prop_map(Op::CreateDir),
        2 => path().prop_map(Op::ReadDir),
        2 => path().prop_map(Op::Metadata),
        3 => path().prop_map(Op::RemoveFile),
        3 => path().prop_map(Op::RemoveDir),
        1 => plain().prop_map(Op::RemoveDirAll),
        4 => (path(), path()).prop_map(|(a, b)| Op::Rename(a, b)),
        3 => (path(), path()).prop_map(|(a, b)| Op::RenameNoreplace(a, b)),
        4 => (path(), path()).prop_map(|(a, b)| Op::HardLink(a, b)),
        2 => (path(), at()).prop_map(|(p, len)| Op::Truncate(p, len)),
        2 => (path(), at(), 0..9000_u16).prop_map(|(p, at, len)| Op::Punch(p, at, len)),
        1 => path().prop_map(Op::SyncDir),
        8 => (slot(), path(), useful()).prop_map(|(s, p, o)| Op::Open(s, p, o)),
        1 => slot().prop_map(Op::Close),
        22 => (slot(), handle_op()).prop_map(|(s, op)| Op::On(s, op)),
    ]
}

/// Makes the calls on the host and in memory, and compares every result and the final trees.
fn agree(ops: &[Op]) -> TestCaseResult {
    let dir = tempfile::tempdir().unwrap();
    let memory = MemFs::new();
    memory.create_dir(Path::new("/root")).unwrap();
    // Keeps the root from being removed.
    memory.create_dir(Path::new("/root/keep")).unwrap();
    StdFs.create_dir(&dir.path().join("keep")).unwrap();
    let can_punch = StdFs.capabilities(dir.path()).unwrap().punch_hole;
    let mut host = Machine::new(&StdFs, dir.path());
    let mut mem = Machine::new(&memory, Path::new("/root"));
    for (index, op) in ops.iter().enumerate() {
        if matches!(op, Op::Punch(..)) && !can_punch {
            continue;
        }
        prop_assert_eq!(host.call(op), mem.call(op), "call {}: {:?}", index, op);
    }
    prop_assert_eq!(tree(&StdFs, dir.path()), tree(&memory, Path::new("/root")));
    // Crash states are built from the log, so replaying all of it must give the tree that callers see.
    drop(mem);
    let before = tree(&memory, Path::new("/root"));
    let after = memory.crash(lsm_fs_mem::Survives::Everything);
    prop_assert_eq!(before, tree(&after, Path::new("/root")));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_calls_agree_with_the_host(ops in vec(op(), 1..60)) {
        agree(&ops)?;
    }
}

/// The first failing input that the random test found.
#[test]
fn an_empty_read_through_an_append_handle_agrees_with_the_host() {
    let append = FsOpenOptions::new().append(true).create(true);
    agree(&[Op::Open(0, "a".into(), append), Op::On(0, HandleOp::ReadAt(0, 0))]).unwrap();
}

#[test]
fn calls_of_length_zero_agree_with_the_host_on_handles_of_every_mode() {
    let new = FsOpenOptions::new;
    let append = new().append(true);
    for mode in [new().read(true), new().write(true), new().read(true).write(true), append, append.read(true)]
    {
        let path = || "a".to_owned();
        let mut ops = vec![
            Op::Open(0, path(), new().write(true).create(true)),
            Op::On(0, HandleOp::WriteAt(0, 6, b'a')),
            Op::Open(0, path(), mode),
        ];
        for by in [2, 4, 50] {
            let calls = [
                HandleOp::Seek(by),
                HandleOp::ReadAt(0, 0),
                HandleOp::ReadAt(100, 0),
                HandleOp::Read(0),
                HandleOp::WriteAt(0, 0, 0),
                HandleOp::WriteAt(100, 0, 0),
                HandleOp::Write(0, 0),
                HandleOp::Seek(0),
                HandleOp::SetLen(6),
                HandleOp::Describe,
            ];
            ops.extend(calls.map(|call| Op::On(0, call)));
        }
        ops.extend([Op::Truncate(path(), 6), Op::Punch(path(), 0, 0), Op::HardLink(path(), "b".into())]);
        ops.extend([Op::Truncate(path(), 6), Op::Punch(path(), 0, 0)]);
        agree(&ops).unwrap();
    }
}
