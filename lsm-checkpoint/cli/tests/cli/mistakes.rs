//! The slips of a tired operator: the wrong directory, a link, another user, a wrong clock.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, symlink},
        process::CommandExt,
    },
};

use lsm_checkpoint::Policy;

use crate::support::{DAY, Daily, Ran, command, contents};

/// The given directory is one level too high.
#[test]
fn the_wrong_directory_is_noticed_by_every_verb() {
    let daily = Daily::new();
    let note = "note: there are checkpoints in {d}/backups\n";
    for (args, code, out) in [
        (&["du", "{d}"][..], 0, "{d}: no checkpoints\n"),
        (&["prune", "--keep-last", "1", "{d}"], 0, "{d}: no checkpoints\n"),
        (&["sweep", "{d}"], 0, "{d}: nothing to clear\n"),
        (&["sweep", "--dry-run", "{d}"], 0, "{d}: nothing to clear\n"),
        (&["check", "--max-age", "1d", "{d}"], 2, "{d}: no checkpoints\n"),
        (&["verify", "{d}@latest"], 2, ""),
    ] {
        let ran = daily.run(args);
        assert_eq!((ran.code, ran.out.as_str()), (code, out), "{args:?}: {ran:?}");
        assert!(ran.err.starts_with(note), "{args:?}: {}", ran.err);
    }
    let inside = daily.run(&["prune", "--keep-last", "1", "{d}/backups/monday"]);
    let note = "note: this directory is a checkpoint itself: name its parent directory, {d}/backups\n";
    assert!(inside.err.starts_with(note), "{inside:?}");
    daily.run(&["sweep", "{d}/backups"]).expect(0, "{d}/backups: nothing to clear\n", "");
}

#[test]
fn a_hint_fits_the_path() {
    let daily = Daily::new();
    symlink("monday", daily.at("latest")).unwrap();
    for (path, hint) in [
        ("{d}/backups", "name a checkpoint in it; {d}/backups@latest is the newest"),
        ("{d}/none", "nothing has this name: check the path"),
        ("{d}/db", "name a directory that `lsm-checkpoint list` shows"),
        ("{d}/backups/latest", "it is a link to monday: name the directory itself"),
    ] {
        for args in [&["remove", path][..], &["remove", "--dry-run", path]] {
            daily.run(args).expect(4, "", &format!("error: {path}: not a checkpoint\nhint: {hint}\n"));
        }
    }
    assert_eq!(
        daily.run(&["verify", "{d}/backups/latest"]).code,
        0,
        "only a removal needs the directory itself"
    );
}

#[test]
fn the_message_names_the_path_that_was_given() {
    let daily = Daily::new();
    daily.run(&["restore", "{d}/backups/monday", "{d}/none/live"]).expect(
        4,
        "",
        "error: {d}/none/live: the directory {d}/none does not exist\nhint: create it, or check the path\n",
    );
    let ran = daily.run(&["check", "--max-age", "9d", "--prometheus", "{d}/none/a.prom", "{d}/backups"]);
    let error = "error: {d}/none/a.prom: cannot write it: No such file or directory (os error 2)\n";
    assert!(ran.code == 5 && ran.err.starts_with(error), "{ran:?}");
}

/// An entry that the catalog does not name makes a checkpoint unsound.
#[test]
fn no_checkpoint_is_a_target_s_parent() {
    let daily = Daily::new();
    fs::create_dir(daily.at("tuesday/empty")).unwrap();
    let before = contents(&daily.at("tuesday"));
    for args in [
        &["restore", "{d}/backups/monday", "{d}/backups/tuesday/live"][..],
        &["restore", "{d}/backups/monday", "{d}/backups/monday/live"],
        &["restore", "--into-empty", "{d}/backups/monday", "{d}/backups/tuesday/empty"],
        &["copy", "{d}/backups/monday", "{d}/backups/tuesday/tables/copy"],
    ] {
        let (code, lines) = daily.json(args);
        assert_eq!((code, &lines[0]["kind"]), (4, &"nested_target".into()), "{args:?}");
    }
    assert_eq!(contents(&daily.at("tuesday")), before);
}

/// Runs the command as a user who may not read everything.
fn as_nobody(daily: &Daily, args: &[&str]) -> Ran {
    let dir = daily.temp.path().to_str().unwrap();
    let mut command = command();
    if rustix::process::geteuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    Ran::of(command.args(args.iter().map(|arg| arg.replace("{d}", dir))), dir)
}

/// Changes the mode of an entry, and of the temporary directory, so that other users reach it.
fn close(daily: &Daily, name: &str, mode: u32) {
    fs::set_permissions(daily.temp.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(daily.at(name), fs::Permissions::from_mode(mode)).unwrap();
}

/// A user without rights must not be told that the checkpoint is damaged.
#[test]
fn missing_rights_are_not_damage() {
    let daily = Daily::new();
    close(&daily, "monday/tables", 0o000);
    let listed = as_nobody(&daily, &["list", "{d}/backups"]);
    let verified = as_nobody(&daily, &["verify", "{d}/backups/monday"]);
    let restored = as_nobody(&daily, &["restore", "{d}/backups/monday", "{d}/live"]);
    close(&daily, "monday/tables", 0o755);
    let error = "error: {d}/backups/monday: this user may not read 3 entries in it\nhint: run the command as the user \
                 that owns the checkpoint, or as root; no damage was found\n";
    verified.expect(
        5,
        "\
{d}/backups/monday: NOT READABLE, 3 problems (full: 4 files, 2 compared with a checksum)
  tables/1.sst: cannot look at it: Permission denied (os error 13)
  tables/2.sst: cannot look at it: Permission denied (os error 13)
  tables: cannot list it: Permission denied (os error 13)
",
        error,
    );
    assert_eq!((restored.code, restored.err.as_str()), (5, error), "{restored:?}");
    assert_eq!(listed.code, 2, "{listed:?}");
    assert!(listed.out.contains(" 4         -        -          -  unreadable"), "{listed:?}");
    let note = "note: {d}/backups/monday/tables/1.sst: cannot look at it: Permission denied (os error 13)\n";
    assert_eq!(listed.err, note);
}

/// Notes are in the words of the errors.
#[test]
fn an_unreadable_catalog_is_named_in_plain_words() {
    let daily = Daily::new();
    close(&daily, "monday/CHECKPOINT", 0o000);
    let cause = "{d}/backups/monday/CHECKPOINT: cannot open it: Permission denied (os error 13)\n";
    let list = as_nobody(&daily, &["list", "{d}/backups"]);
    let du = as_nobody(&daily, &["du", "{d}/backups"]);
    let check = as_nobody(&daily, &["check", "--max-age", "2d", "{d}/backups"]);
    assert_eq!((list.code, list.err), (2, format!("note: {cause}")));
    assert_eq!((du.code, du.err), (2, format!("note: not counted: {cause}")));
    assert_eq!((check.code, check.err), (0, format!("note: skipped: {cause}")));
}

#[test]
fn a_clock_that_went_back_is_named() {
    let daily = Daily::empty();
    daily.engine.checkpoint(&daily.at("soon"), -2 * DAY as i64, Policy::PreferLink);
    let ran = daily.run(&["verify", "{d}/backups@latest"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("every sound checkpoint has a time in the future: check the clock"), "{ran:?}");
    let shown = daily.run(&["show", "{d}/backups/soon"]).out;
    assert!(shown.contains("made        2026-03-12 12:00 (in 2d 0h)\n"), "{shown}");
}

/// Some engines have manifests of a format of their own.
#[test]
fn a_file_without_a_footer_is_not_sent_to_a_repair() {
    let daily = Daily::new();
    fs::write(daily.at("monday/v2"), "the engine's own format").unwrap();
    fs::write(daily.at("tuesday/CHECKPOINT"), "damaged").unwrap();
    let next = "restore it from a checkpoint; if the engine can open it, it has a format of the engine's own";
    for args in [
        ["manifest", "inspect", "{d}/backups/monday/v2"],
        ["manifest", "verify", "{d}/backups/monday/v2"],
        ["manifest", "repair", "{d}/backups/monday/v2"],
    ] {
        let ran = daily.run(&args);
        let text = format!("{}{}", ran.out, ran.err);
        assert!(ran.code == 2 && text.ends_with(&format!("{next}\n")), "{args:?}: {text}");
        assert!(!text.contains("manifest repair"), "{text}");
    }
    let ran = daily.run(&["verify", "{d}/backups/tuesday"]);
    let hint = "hint: use another checkpoint; without one, see `A damaged catalog` in the manual\n";
    assert!(ran.code == 2 && ran.err.ends_with(hint), "{ran:?}");
}
