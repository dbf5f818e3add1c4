//! Tests that defects of a checkpoint, or of the demonstration, are reported.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use lsm_checkpoint::{Checkpoint, Policy};
use lsm_checkpoint_engines::{
    engine::Engine,
    exam::{Exam, Taken, take},
    kind::Kind,
    oracle::{Oracle, Plan},
};

const PLAN: Plan = Plan { keys: 300, value_size: 128 };

fn write(engine: &dyn Engine, oracle: &Oracle, count: u64) {
    for _ in 0..count {
        let n = oracle.begin();
        PLAN.apply(engine, n);
        oracle.acknowledge(n);
    }
}

/// Damages a checkpoint that shares nothing with its source, and examines it.
fn examined(kind: Kind, dir: &Path, harm: impl FnOnce(&Path)) -> Result<(), String> {
    let (engine, oracle) = (kind.open(&dir.join("db")).unwrap(), Oracle::default());
    let copied = |name: &str| {
        let options = Checkpoint::new().policy(Policy::Independent);
        take(&*engine, &oracle, &options, &dir.join(name)).unwrap()
    };
    write(&*engine, &oracle, 900);
    let _older: Taken = copied("older");
    write(&*engine, &oracle, 900);
    let taken = copied("checkpoint");
    harm(dir);
    let examined = Exam::new(kind, PLAN).examine(&dir.join("checkpoint"), &dir.join("restored"), &taken);
    examined.map(drop).map_err(|error| error.to_string())
}

fn every_kind(what: &str, harm: impl Fn(&Path), is_it: impl Fn(&str) -> bool) {
    for kind in Kind::all() {
        let dir = tempfile::tempdir().unwrap();
        let said = examined(kind, dir.path(), &harm).expect_err(what);
        assert!(is_it(&said), "{what}, {kind:?}: {said}");
    }
}

fn first_of(dir: &Path, prefix: &str) -> PathBuf {
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.is_file() && path.file_name().unwrap().to_str().unwrap().starts_with(prefix));
    names.sort();
    names.swap_remove(0)
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_flipped_byte_in_a_table_or_a_manifest_is_reported() {
    let checksum = |said: &str| said.contains("checksum");
    every_kind("a table", |dir| flip(&first_of(&dir.join("checkpoint/tables"), "")), checksum);
    every_kind("a manifest", |dir| flip(&first_of(&dir.join("checkpoint"), "v")), checksum);
}

#[test]
fn a_missing_table_is_reported() {
    let remove = |dir: &Path| fs::remove_file(first_of(&dir.join("checkpoint/tables"), "")).unwrap();
    every_kind("a table", remove, |said| said.contains("missing"));
}

/// The checkpoint is intact but lacks acknowledged operations.
#[test]
fn an_older_checkpoint_in_its_place_is_reported() {
    let swap = |dir: &Path| {
        fs::remove_dir_all(dir.join("checkpoint")).unwrap();
        fs::rename(dir.join("older"), dir.join("checkpoint")).unwrap();
    };
    every_kind("another", swap, |said| said.contains("no outcome of 1800 to 1800 operations"));
}

/// Returns the first operation after a few hundred that removes a missing key.
fn without_trace() -> u64 {
    let mut there = std::collections::BTreeSet::new();
    (1..)
        .find(|&n| {
            let operation = PLAN.operation(n);
            let changes =
                if operation.removes { there.remove(&operation.key) } else { there.insert(operation.key) };
            n > 600 && operation.removes && !changes
        })
        .unwrap()
}

/// The last promised operation may change nothing. It is not reported as missing then.
#[test]
fn a_promised_operation_without_effect_is_not_missed() {
    for kind in Kind::all() {
        let dir = tempfile::tempdir().unwrap();
        let (engine, oracle) = (kind.open(&dir.path().join("db")).unwrap(), Oracle::default());
        let last = without_trace();
        write(&*engine, &oracle, last);
        let target = dir.path().join("checkpoint");
        let mut taken = take(&*engine, &oracle, &Checkpoint::new(), &target).unwrap();
        assert_eq!(taken.info.seqno, Some(last));
        // The operation had returned before the call, but was acknowledged only during the call.
        taken.acknowledged = last - 1;
        let verdict = Exam::new(kind, PLAN).examine(&target, &dir.path().join("restored"), &taken).unwrap();
        assert_eq!(verdict.compared.operations, last);
    }
}

/// The checkpoint is intact and holds all acknowledged operations, but its sequence number promises more.
#[test]
fn a_missing_promised_operation_is_reported() {
    for kind in Kind::all() {
        let dir = tempfile::tempdir().unwrap();
        let (engine, oracle) = (kind.open(&dir.path().join("db")).unwrap(), Oracle::default());
        write(&*engine, &oracle, 900);
        let target = dir.path().join("checkpoint");
        let mut taken = take(&*engine, &oracle, &Checkpoint::new(), &target).unwrap();
        // Far enough for some key to have another value by then.
        (taken.info.seqno, taken.issued) = (Some(950), 960);
        let examined = Exam::new(kind, PLAN).examine(&target, &dir.path().join("restored"), &taken);
        let said = examined.unwrap_err().to_string();
        assert!(said.contains("no outcome of 950 to 960 operations"), "{kind:?}: {said}");
    }
}

fn demo(keys: u64, args: &[&str], dir: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command
        .args(["--keys", &keys.to_string(), "--checkpoints", "3", "--dir"])
        .arg(dir)
        .args(args)
        .output()
        .unwrap()
}

#[test]
fn the_demonstration_ends_well_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let far = tempfile::tempdir().unwrap();
    let out = demo(300, &["--blobs", "--checkpoint-dir", far.path().to_str().unwrap()], dir.path());
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{said}{}", String::from_utf8_lossy(&out.stderr));
    assert!(said.contains("18 checkpoints, ") && said.contains(" 0 mismatches, "), "{said}");
    let table = said.lines().filter(|line| !line.starts_with("Trees in") && !line.starts_with("Copies in"));
    for line in table {
        assert!(line.chars().count() <= 100 && line.chars().all(|c| c == ' ' || !c.is_control()), "{line}");
    }
    for dir in [dir, far] {
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[test]
fn the_demonstration_names_the_directory_that_it_cannot_use() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"").unwrap();
    let mut places = vec![file, dir.path().join("nothing")];
    places.extend(std::env::var_os("LSM_REALFS_RO").map(PathBuf::from));
    for place in places {
        for (at, args) in
            [(&place, vec![]), (&dir.path().to_path_buf(), vec!["--checkpoint-dir", place.to_str().unwrap()])]
        {
            let out = demo(300, &args, at);
            let said = String::from_utf8(out.stderr).unwrap();
            assert_eq!(out.status.code(), Some(1), "{said}");
            assert!(said.starts_with("failed: ") && said.contains(place.to_str().unwrap()), "{said}");
        }
    }
}

#[test]
fn the_demonstration_reports_a_full_volume() {
    let Some(full) = std::env::var_os("LSM_REALFS_FULL").map(PathBuf::from) else { return };
    let before = fs::read_dir(&full).unwrap().count();
    let out = demo(20_000, &[], &full);
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(["No space left", "are available"].iter().any(|part| said.contains(part)), "{said}");
    assert_eq!(fs::read_dir(&full).unwrap().count(), before);
}
