//! The verbs that only read: `list`, `show`, `verify`.

use std::{fs, os::unix::fs::symlink};

use serde_json::json;

use crate::support::{DAY, Daily, Engine};
use lsm_checkpoint::Policy;

#[test]
fn a_list_is_sorted_by_time() {
    let daily = Daily::new();
    daily.engine.checkpoint(&daily.at("a-young-one"), 60, Policy::PreferLink);
    symlink("tuesday", daily.at("latest")).unwrap();
    daily.run(&["list", "{d}/backups"]).expect(
        0,
        "\
NAME         TIME              AGE    IDENTITY  SEQNO  FILES     BYTES   SHARED  EXCLUSIVE  STATE
monday       2026-03-08 12:00  2d 0h  orders        7      4  12.0 KiB      0 B   12.0 KiB  complete
tuesday      2026-03-09 12:00  1d 0h  orders        7      4  12.0 KiB  7.8 KiB    4.2 KiB  complete
a-young-one  2026-03-10 11:59  1m 0s  orders        7      4  12.0 KiB  7.8 KiB    4.2 KiB  complete
latest -> tuesday
",
        "",
    );
}

#[test]
fn a_list_for_programs_has_exact_numbers() {
    let daily = Daily::new();
    let (code, lines) = daily.json(&["list", "{d}/backups"]);
    assert_eq!((code, lines.len()), (0, 2));
    assert_eq!(lines[0]["name"], json!({ "text": "monday" }));
    assert_eq!(lines[0]["created"], "2026-03-08T12:00:00Z");
    assert_eq!(lines[0]["age_seconds"], (2 * DAY).to_string());
    assert_eq!(lines[1]["identity"], "orders");
}

#[test]
fn a_directory_without_checkpoints_says_so_and_where_there_are_some() {
    let daily = Daily::new();
    daily.run(&["list", "{d}"]).expect(
        0,
        "{d}: no checkpoints\n",
        "note: there are checkpoints in {d}/backups\n",
    );
    daily.run(&["list", "{d}/backups/monday"]).expect(
        0,
        "{d}/backups/monday: no checkpoints\n",
        "note: this directory is a checkpoint itself: name its parent directory, {d}/backups\n",
    );
    assert_eq!(daily.json(&["list", "--quiet", "{d}"]), (0, Vec::new()));
}

#[test]
fn an_entry_that_is_not_sound_is_listed_and_exits_with_2() {
    let daily = Daily::new();
    fs::remove_file(daily.at("monday/tables/1.sst")).unwrap();
    fs::write(daily.at("tuesday/CHECKPOINT"), "damaged").unwrap();
    let ran = daily.run(&["list", "{d}/backups"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.out.contains("incomplete") && ran.out.contains("unreadable"), "{}", ran.out);
    assert!(ran.err.contains("tuesday/CHECKPOINT"), "{}", ran.err);
    let (code, lines) = daily.json(&["list", "--quiet", "{d}/backups"]);
    assert_eq!((code, &lines[1]["state"]), (2, &json!("unreadable")));
}

#[test]
fn the_catalog_is_shown() {
    let daily = Daily::new();
    let ran = daily.run(&["show", "{d}/backups/monday"]);
    let (head, files) = ran.out.split_once("\n\n").unwrap();
    assert_eq!(
        head,
        "\
checkpoint  {d}/backups/monday
identity    orders
made        2026-03-08 12:00 (2d 0h ago)
up to       7
holds       4 files, 12.0 KiB
tree        ., version 1"
    );
    assert_eq!(files.lines().count(), 5);
    assert!(files.starts_with("FILE           LENGTH  XXH3-128"), "{files}");
    let (code, lines) = daily.json(&["show", "{d}/backups/monday"]);
    let types: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!((code, types), (0, vec!["catalog", "tree", "file", "file", "file", "file"]));
}

#[test]
fn a_sound_checkpoint_takes_one_line() {
    let daily = Daily::new();
    daily.run(&["verify", "{d}/backups/monday", "{d}/backups/tuesday"]).expect(
        0,
        "\
{d}/backups/monday: sound (full: 4 files, 4 compared with a checksum)
{d}/backups/tuesday: sound (full: 4 files, 2 compared with a checksum, 2 read without a checksum to compare)
",
        "",
    );
    daily.run(&["verify", "--quick", "{d}/backups/monday"]).expect(
        0,
        "{d}/backups/monday: sound (quick: 4 files, 2 compared with a checksum)\n",
        "",
    );
}

#[test]
fn all_problems_are_listed_with_the_loss_and_the_next_step() {
    let daily = Daily::new();
    daily.damage("monday/tables/1.sst");
    fs::remove_file(daily.at("monday/tables/2.sst")).unwrap();
    fs::write(daily.at("monday/notes.txt"), "mine").unwrap();
    let ran = daily.run(&["verify", "{d}/backups/monday"]);
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!((ran.code, lines.len()), (2, 6), "{}", ran.out);
    assert_eq!(
        lines[0],
        "{d}/backups/monday: NOT SOUND, 3 problems (full: 4 files, 3 compared with a checksum)"
    );
    assert_eq!(lines[4], "  lost: 2 table files, 7.8 KiB of 12.0 KiB");
    assert_eq!(
        lines[5],
        "  next: do not restore from it; use an older checkpoint (`lsm-checkpoint list {d}/backups`), and make a new \
         one soon"
    );
    let (code, lines) = daily.json(&["verify", "{d}/backups/monday"]);
    let kinds: Vec<_> = lines.iter().map(|line| line["kind"].as_str().unwrap_or("-")).collect();
    assert_eq!((code, kinds), (2, vec!["missing", "unexpected", "checksum", "-"]));
    assert_eq!(lines[3]["sound"], false);
}

#[test]
fn an_unlisted_entry_is_a_problem_without_a_loss() {
    let daily = Daily::new();
    fs::write(daily.at("monday/v8"), "planted").unwrap();
    let ran = daily.run(&["verify", "--quick", "{d}/backups/monday"]);
    assert!(ran.out.contains("lost: no file of the catalog"), "{}", ran.out);
    assert!(ran.out.contains("next: move these entries elsewhere"), "{}", ran.out);
}

/// The catalog is still readable if one copy of its footer is lost.
#[test]
fn a_degraded_catalog_is_repaired_by_the_command_that_is_named() {
    let daily = Daily::new();
    daily.damage("monday/CHECKPOINT");
    let ran = daily.run(&["verify", "--quick", "{d}/backups/monday"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.out.contains("`lsm-checkpoint manifest repair {d}/backups/monday/CHECKPOINT`"),
        "{}",
        ran.out
    );
}

#[test]
fn seven_parts_find_a_damage_once() {
    let daily = Daily::new();
    daily.damage("monday/tables/2.sst");
    let code = |part: u8| daily.run(&["verify", "--subset", &format!("{part}/7"), "{d}/backups/monday"]).code;
    let codes: Vec<_> = (1..=7).map(code).collect();
    assert_eq!(codes.iter().filter(|&&code| code == 2).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|&&code| code == 0).count(), 6, "{codes:?}");
}

#[test]
fn the_newest_sound_checkpoint_is_called_latest() {
    let daily = Daily::new();
    let (show, note) = (["show", "--json", "{d}/backups@latest"], "note: {d}/backups@latest is {d}/backups/");
    assert_eq!(daily.run(&show).err, format!("{note}tuesday\n"));
    fs::write(daily.at("tuesday/v8"), "planted").unwrap();
    assert_eq!(daily.run(&show).err, format!("{note}monday\n"), "an unsound one is skipped");
    fs::write(daily.at("monday/v8"), "planted").unwrap();
    daily.run(&["restore", "{d}/backups@latest", "{d}/live"]).expect(
        2,
        "",
        "error: {d}/backups: none of 2 checkpoints of orders is sound\n\
         hint: list them with `lsm-checkpoint list {d}/backups`, and name one by its path\n",
    );
}

#[test]
fn a_checkpoint_from_the_future_is_not_the_latest() {
    let daily = Daily::new();
    daily.engine.checkpoint(&daily.at("soon"), -600, Policy::PreferLink);
    daily.run(&["verify", "--quick", "{d}/backups@latest"]).expect(
        0,
        "{d}/backups/tuesday: sound (quick: 4 files, 2 compared with a checksum)\n",
        "note: {d}/backups/soon: skipped: its time is in the future\n\
         note: {d}/backups@latest is {d}/backups/tuesday\n",
    );
}

/// A restore of the wrong database is worse than none.
#[test]
fn checkpoints_of_several_sources_have_no_latest() {
    let daily = Daily::new();
    Engine::new(daily.temp.path().join("other"), "users").checkpoint(&daily.at("b"), 60, Policy::PreferLink);
    daily.run(&["restore", "{d}/backups@latest", "{d}/live"]).expect(
        4,
        "",
        "error: {d}/backups: `@latest` is ambiguous among several sources: orders, users\n\
         hint: list them with `lsm-checkpoint list {d}/backups`, and name one by its path\n",
    );
}

/// Of two checkpoints with the same time, the one with the last name is the latest.
#[test]
fn latest_among_equal_times_goes_by_name() {
    let daily = Daily::empty();
    for name in ["a", "b"] {
        daily.engine.checkpoint(&daily.at(name), 60, Policy::PreferLink);
    }
    let ran = daily.run(&["show", "{d}/backups@latest"]);
    assert_eq!(ran.err, "note: {d}/backups@latest is {d}/backups/b\n");
}
