//! The verbs that write: `restore`, `remove`, `sweep`.

use std::fs;

use lsm_fs::{Fs, StdFs};

use crate::support::{Daily, contents};

/// Makes the staged directory of a dead process.
fn stage(daily: &Daily, name: &str) {
    fs::create_dir(daily.at(&format!(".{name}.checkpoint-staged"))).unwrap();
}

#[test]
fn a_restore_makes_a_directory_without_a_catalog() {
    let daily = Daily::new();
    let ran = daily.run(&["restore", "{d}/backups/monday", "{d}/live"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    assert!(ran.out.starts_with("{d}/live: restored, 4 files, 12.0 KiB ("), "{}", ran.out);
    let mut expected = contents(&daily.at("monday"));
    expected.retain(|(path, _)| path.to_str() != Some("CHECKPOINT"));
    assert_eq!(contents(&daily.temp.path().join("live")), expected);
    let (code, lines) =
        daily.json(&["restore", "--policy", "prefer-link", "{d}/backups/monday", "{d}/linked"]);
    assert_eq!((code, &lines.last().unwrap()["by_method"]["hard link"]["files"]), (0, &"2".into()));
}

#[test]
fn a_restore_of_a_damaged_checkpoint_makes_nothing() {
    let daily = Daily::new();
    daily.damage("monday/tables/1.sst");
    for policy in ["independent", "prefer-reflink", "prefer-link", "link-only"] {
        let ran = daily.run(&["restore", "--policy", policy, "{d}/backups/monday", "{d}/live"]);
        assert_eq!(ran.code, 2, "{policy}: {ran:?}");
        assert!(!daily.temp.path().join("live").exists(), "{policy}");
    }
}

#[test]
fn a_dry_run_restores_nothing() {
    let daily = Daily::new();
    let ran = daily.run(&["restore", "--dry-run", "{d}/backups/monday", "{d}/live"]);
    assert!(ran.out.starts_with("{d}/live: would be restored, 12.0 KiB; "), "{}", ran.out);
    assert_eq!(daily.json(&["restore", "--dry-run", "{d}/backups/monday", "{d}/live"]).1[0]["type"], "plan");
    assert!(!daily.temp.path().join("live").exists());
}

#[test]
fn a_target_that_exists_is_refused() {
    let daily = Daily::new();
    daily.run(&["restore", "{d}/backups/monday", "{d}/db"]).expect(
        4,
        "",
        "error: {d}/db: the target exists\nhint: choose another name, or move the existing entry away\n",
    );
    fs::create_dir(daily.temp.path().join("empty")).unwrap();
    let occupied = "the target exists, as an empty directory: remove it, or choose a name inside it";
    let hint = "or restore into the empty directory or volume with `--into-empty`";
    let expected = format!("error: {{d}}/empty: {occupied}\nhint: {hint}\n");
    daily.run(&["restore", "{d}/backups/monday", "{d}/empty"]).expect(4, "", &expected);
    let (expected, _) = expected.split_once("hint").unwrap();
    daily.run(&["copy", "{d}/backups/monday", "{d}/empty"]).expect(4, "", expected);
    let ran = daily.run(&["restore", "{d}/backups/monday", "/proc"]);
    assert!(ran.code == 4 && ran.err.contains("as a mount point"), "{ran:?}");
}

#[test]
fn an_empty_directory_is_filled_on_request() {
    let daily = Daily::new();
    let volume = daily.temp.path().join("volume");
    fs::create_dir_all(volume.join("lost+found")).unwrap();
    let restore = ["restore", "--into-empty", "{d}/backups/monday", "{d}/volume"];
    let ran = daily.run(&[&restore[..], &["--dry-run"]].concat());
    assert!(ran.code == 0 && ran.out.starts_with("{d}/volume: would be restored, 12.0 KiB; "), "{ran:?}");
    let ran = daily.run(&restore);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    fs::remove_dir(volume.join("lost+found")).unwrap();
    let mut expected = contents(&daily.at("monday"));
    expected.retain(|(path, _)| path.to_str() != Some("CHECKPOINT"));
    assert_eq!(contents(&volume), expected);
    let ran = daily.run(&restore);
    assert_eq!((ran.code, ran.out.as_str()), (4, ""), "{ran:?}");
    assert!(ran.err.starts_with("error: {d}/volume: "), "{ran:?}");
    assert_eq!(contents(&volume), expected, "nothing was changed");
}

/// Only root may give files to another user. Every user may keep their own.
#[test]
fn restored_files_get_the_owner_of_the_command_line() {
    let daily = Daily::new();
    let restore = |owner: &str, name: &str| {
        daily.run(&["restore", "--owner", owner, "{d}/backups/monday", &format!("{{d}}/{name}")])
    };
    let own = rustix::process::geteuid().as_raw();
    let owner_of = |name: &str| {
        let table = daily.temp.path().join(name).join("tables/1.sst");
        StdFs.metadata(&table).unwrap().permissions.unwrap().owner
    };
    assert_eq!(restore("none", "mine").code, 0);
    assert_eq!(owner_of("mine"), own);
    let given = restore("4711:4712", "given");
    if own == 0 {
        assert_eq!((given.code, owner_of("given")), (0, 4711));
    } else {
        assert!(given.code == 4 && given.err.contains("refuses the owner"), "{given:?}");
    }
    let unknown = restore("no-such-user:0", "unknown");
    assert!(unknown.code == 1 && unknown.err.contains("no user is called no-such-user"), "{unknown:?}");
}

#[test]
fn a_restore_into_a_used_directory_is_refused_early() {
    let daily = Daily::new();
    let volume = daily.temp.path().join("volume");
    fs::create_dir_all(volume.join(".checkpoint-staged")).unwrap();
    let restore = ["restore", "--into-empty", "--dry-run", "{d}/backups/monday", "{d}/volume"];
    assert_eq!(daily.run(&restore).code, 0, "the debris of a dead one");
    fs::write(volume.join("notes"), "mine").unwrap();
    daily.run(&restore).expect(
        4,
        "",
        "error: {d}/volume: not empty: it holds notes\nhint: move that away, or restore into another directory\n",
    );
    fs::remove_file(volume.join("notes")).unwrap();
    let lock = StdFs.try_lock_directory(&volume).unwrap().unwrap();
    assert_eq!(daily.run(&restore).code, 3, "one that lives");
    drop(lock);
}

/// The plan shows the space on the volume of the directory itself, not of its parent.
#[test]
fn the_plan_shows_the_space_of_the_target_volume() {
    let daily = Daily::new();
    // Free space changes all the time, so compare with the size of the volume.
    let volume = rustix::fs::statvfs("/dev/shm").unwrap();
    let there = tempfile::tempdir_in("/dev/shm").unwrap();
    let target = daily.temp.path().join("volume");
    std::os::unix::fs::symlink(there.path(), &target).unwrap();
    let (_, lines) =
        daily.json(&["restore", "--into-empty", "--dry-run", "{d}/backups/monday", "{d}/volume"]);
    let bytes: u64 = lines[0]["available_bytes"].as_str().unwrap().parse().unwrap();
    assert!(bytes <= volume.f_blocks * volume.f_frsize, "{bytes}");
}

#[test]
fn checkpoints_are_removed_one_after_the_other() {
    let daily = Daily::new();
    daily.run(&["remove", "--dry-run", "{d}/backups/monday"]).expect(
        0,
        "{d}/backups/monday: would be removed, 12.0 KiB (dry run)\n",
        "",
    );
    let ran = daily.run(&["remove", "{d}/backups/monday", "{d}/backups/none", "{d}/backups/tuesday"]);
    assert_eq!(ran.out, "{d}/backups/monday: removed\n{d}/backups/tuesday: removed\n");
    assert_eq!(ran.code, 4, "the one that is not there is refused: {ran:?}");
    assert_eq!(daily.names(), [""; 0]);
}

#[test]
fn an_unlisted_entry_stops_a_removal_and_survives_force() {
    let daily = Daily::new();
    fs::write(daily.at("monday/notes.txt"), "mine").unwrap();
    let refused = "error: {d}/backups/monday: not removed, because its catalog does not name notes.txt\n\
                   hint: move that away, or remove the rest with `lsm-checkpoint remove --force {d}/backups/monday`\n";
    daily.run(&["remove", "--dry-run", "{d}/backups/monday"]).expect(4, "", refused);
    daily.run(&["remove", "{d}/backups/monday"]).expect(4, "", refused);
    daily.run(&["remove", "--force", "{d}/backups/monday"]).expect(
        0,
        "{d}/backups/monday: removed\n  left in place: notes.txt, which no catalog lists\n",
        "",
    );
    assert_eq!(fs::read(daily.at("monday/notes.txt")).unwrap(), b"mine");
}

#[test]
fn a_sweep_clears_the_dead_and_leaves_the_living() {
    let daily = Daily::new();
    stage(&daily, "dead");
    stage(&daily, "alive");
    let lock = StdFs.try_lock_directory(&daily.at(".alive.checkpoint-staged")).unwrap().unwrap();
    let ran = daily.run(&["sweep", "--dry-run", "{d}/backups"]);
    assert_eq!((ran.code, ran.out.lines().count()), (3, 2), "{ran:?}");
    daily.run(&["sweep", "{d}/backups"]).expect(
        3,
        "{d}/backups/dead: cleared\n{d}/backups/alive: in progress: another process is at work on it\n",
        "",
    );
    assert_eq!(daily.names(), [".alive.checkpoint-staged", "monday", "tuesday"]);
    drop(lock);
    let (code, lines) = daily.json(&["sweep", "{d}/backups"]);
    assert_eq!((code, &lines[0]["state"]), (0, &"cleared".into()));
}

/// An existing target is not debris. Only the staged directory beside it is removed.
#[test]
fn a_sweep_keeps_a_complete_target() {
    let daily = Daily::new();
    stage(&daily, "monday");
    let planned = "{d}/backups/.monday.checkpoint-staged: would be removed; its target stays (dry run)\n";
    daily.run(&["sweep", "--dry-run", "{d}/backups"]).expect(0, planned, "");
    let expected = "{d}/backups/.monday.checkpoint-staged: removed; its target stays\n";
    daily.run(&["sweep", "{d}/backups"]).expect(0, expected, "");
    assert_eq!(daily.names(), ["monday", "tuesday"]);
    fs::remove_file(daily.at("monday/current")).unwrap();
    stage(&daily, "monday");
    let ran = daily.run(&["sweep", "{d}/backups"]);
    assert!(
        ran.code == 2 && ran.out.ends_with("`lsm-checkpoint remove {d}/backups/monday` finishes it\n"),
        "{ran:?}"
    );
    assert_eq!(daily.run(&["remove", "{d}/backups/monday"]).code, 0);
}

#[test]
fn a_target_that_another_process_makes_is_busy() {
    let daily = Daily::new();
    stage(&daily, "live");
    fs::rename(daily.at(".live.checkpoint-staged"), daily.temp.path().join(".live.checkpoint-staged"))
        .unwrap();
    let _lock =
        StdFs.try_lock_directory(&daily.temp.path().join(".live.checkpoint-staged")).unwrap().unwrap();
    let ran = daily.run(&["restore", "{d}/backups/monday", "{d}/live"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.err.contains("wait for the other process"), "{}", ran.err);
}
