//! `prune` and `check`.

use std::fs;

use lsm_checkpoint::Policy;

use crate::support::{DAY, Daily, Engine, HOUR};

/// Makes six nightly checkpoints of the database. The youngest one is an hour old.
fn nightly() -> Daily {
    let daily = Daily::empty();
    for (at, name) in ["sun", "sat", "fri", "thu", "wed", "tue"].into_iter().enumerate() {
        let age = HOUR + DAY * at as u64;
        daily.engine.checkpoint(&daily.at(name), age as i64, Policy::PreferLink);
    }
    daily
}

/// Adds a checkpoint of another database.
fn add_rare(daily: &Daily) {
    let rare = Engine::new(daily.temp.path().join("rare"), "rare");
    rare.checkpoint(&daily.at("rare"), 400 * DAY as i64, Policy::PreferLink);
}

#[test]
fn the_rules_keep_some_and_the_rest_is_removed() {
    let daily = nightly();
    let args = ["prune", "{d}/backups", "--keep-last", "1", "--keep-daily", "3"];
    let table = "\
NAME  TIME              IDENTITY  EXCLUSIVE  ACTION  REASON
sun   2026-03-10 11:00  orders      4.2 KiB  keep    last, daily
sat   2026-03-09 11:00  orders      4.2 KiB  keep    daily
fri   2026-03-08 11:00  orders      4.2 KiB  keep    daily
thu   2026-03-07 11:00  orders      4.2 KiB  remove
wed   2026-03-06 11:00  orders      4.2 KiB  remove
tue   2026-03-05 11:00  orders      4.2 KiB  remove
";
    let dry = format!("{table}keep 3, remove 3, leave 0 unsound (dry run)\n");
    daily.run(&[&args[..], &["--dry-run"]].concat()).expect(0, &dry, "");
    assert_eq!(daily.names().len(), 6);
    let done = format!(
        "{table}keep 3, remove 3, leave 0 unsound\n\
         {{d}}/backups/tue: removed\n{{d}}/backups/wed: removed\n{{d}}/backups/thu: removed\n"
    );
    daily.run(&args).expect(0, &done, "");
    assert_eq!(daily.names(), ["fri", "sat", "sun"]);
}

#[test]
fn without_a_rule_nothing_happens() {
    let daily = nightly();
    for args in [&["prune", "{d}/backups"][..], &["prune", "{d}/backups", "--keep-last", "0"]] {
        daily.run(args).expect(
            1,
            "",
            "error: no rule was given, so nothing would be kept\n\
             hint: give at least one rule, such as --keep-daily 7\n",
        );
    }
    assert_eq!(daily.names().len(), 6);
}

/// The rules apply to each source separately, so the database that is rarely backed up keeps its only checkpoint.
#[test]
fn a_source_that_is_rarely_backed_up_keeps_its_last_one() {
    let daily = nightly();
    add_rare(&daily);
    assert_eq!(daily.run(&["prune", "{d}/backups", "--keep-within", "1d"]).code, 0);
    assert_eq!(daily.names(), ["rare", "sun"]);
}

/// An unsound checkpoint does not count for `--keep-last`, and is not removed.
#[test]
fn unsound_checkpoints_neither_count_nor_are_removed() {
    let daily = nightly();
    fs::write(daily.at("sun/v8"), "planted").unwrap();
    fs::remove_file(daily.at("tue/tables/1.sst")).unwrap();
    fs::write(daily.at("wed/CHECKPOINT"), "damaged").unwrap();
    let ran = daily.run(&["prune", "{d}/backups", "--keep-last", "2"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("keep 2, remove 1, leave 2 unsound"), "{}", ran.out);
    assert!(ran.err.starts_with("note: skipped: {d}/backups/wed/CHECKPOINT"), "{}", ran.err);
    assert_eq!(daily.names(), ["fri", "sat", "sun", "tue", "wed"]);
}

#[test]
fn a_source_without_a_sound_checkpoint_stops_everything() {
    let daily = nightly();
    add_rare(&daily);
    fs::write(daily.at("rare/v8"), "planted").unwrap();
    let ran = daily.run(&["prune", "{d}/backups", "--keep-last", "1"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.err.contains("none of 1 checkpoint of rare is sound\nhint: nothing was removed"),
        "{}",
        ran.err
    );
    assert_eq!(daily.names().len(), 7);
}

/// The newest checkpoint is damaged in a way that only a full verification finds.
#[test]
fn a_full_verification_passes_over_a_damaged_one() {
    let daily = nightly();
    daily.engine.checkpoint(&daily.at("copy"), 60, Policy::Independent);
    daily.damage("copy/tables/1.sst");
    let ran = daily.run(&["prune", "{d}/backups", "--keep-last", "1", "--verify", "full"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(daily.names(), ["copy", "sun"]);
    assert_eq!(ran.err, "note: {d}/backups/copy: not sound, so it does not count\n");
}

/// The damaged source keeps all its checkpoints, and because of it, the other source does, too.
#[test]
fn a_full_verification_reads_each_source() {
    let daily = nightly();
    let rare = Engine::new(daily.temp.path().join("rare"), "rare");
    rare.checkpoint(&daily.at("rare"), 400 * DAY as i64, Policy::Independent);
    daily.damage("rare/tables/1.sst");
    let args = ["prune", "{d}/backups", "--keep-last", "1", "--verify", "full"];
    let ran = daily.run(&args);
    assert!(ran.code == 2 && ran.err.contains("none of 1 checkpoint of rare is sound"), "{ran:?}");
    assert_eq!(daily.names().len(), 7);
    let nothing_goes = daily.run(&["prune", "{d}/backups", "--keep-last", "6", "--verify", "full"]);
    assert_eq!(nothing_goes.code, 0, "without a removal, nothing has to be read: {nothing_goes:?}");
}

#[test]
fn one_refused_checkpoint_does_not_stop_the_others() {
    let daily = nightly();
    fs::write(daily.at("wed/tables/LOCK"), "").unwrap();
    fs::create_dir(daily.at("thu/lost+found")).unwrap();
    fs::write(daily.at("thu/lost+found/#1"), "found").unwrap();
    let (code, lines) = daily.json(&["prune", "{d}/backups", "--keep-last", "1"]);
    let removed: Vec<_> = lines.iter().filter(|line| line["type"] == "removed").collect();
    assert_eq!((code, removed.len()), (0, 5));
    assert_eq!(daily.names(), ["sun", "thu"], "an entry of the filesystem stays");
}

/// Checkpoints without an identity may be of different sources, so only `--unnamed` prunes them.
#[test]
fn checkpoints_without_an_identity_are_left_alone() {
    let daily = nightly();
    daily.nameless("old", DAY);
    daily.nameless("older", 2 * DAY);
    let args = ["prune", "{d}/backups", "--keep-last", "1"];
    let ran = daily.run(&args);
    assert_eq!(ran.err, "note: 2 checkpoints without an identity left alone; prune them with --unnamed\n");
    assert_eq!((ran.code, daily.names()), (0, ["old", "older", "sun"].map(str::to_owned).to_vec()));
    let ran = daily.run(&[&args[..], &["--unnamed"]].concat());
    assert_eq!((ran.code, daily.names()), (0, ["old", "sun"].map(str::to_owned).to_vec()), "{ran:?}");
}

/// Days are local: at 23:30 UTC it is already the next day in Berlin.
#[test]
fn days_are_in_the_local_zone() {
    let daily = Daily::empty();
    for (name, hours) in [("a", 12), ("b", 13), ("c", 36)] {
        daily.engine.checkpoint(&daily.at(name), hours * HOUR as i64 + 1_800, Policy::PreferLink);
    }
    let days = |zone: &str| {
        let mut command = crate::support::command();
        command.env("TZ", zone).args(["prune", "--dry-run", "--keep-daily", "2"]).arg(daily.dir());
        let output = String::from_utf8(command.output().unwrap().stdout).unwrap();
        output
            .lines()
            .filter(|line| line.contains(" keep "))
            .map(|line| line[..1].to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(days("UTC"), ["a", "c"], "23:30 and 22:30 of one day, and 23:30 of the day before");
    assert_eq!(days("CET-1CEST,M3.5.0,M10.5.0/3"), ["a", "b"], "00:30 and 23:30");
}

#[test]
fn a_young_checkpoint_satisfies_a_check() {
    let daily = nightly();
    daily.run(&["check", "{d}/backups", "--max-age", "26h"]).expect(
        0,
        "\
IDENTITY  NEWEST  TIME              AGE    RESULT
orders    sun     2026-03-10 11:00  1h 0m  young enough
",
        "",
    );
}

#[test]
fn an_old_or_missing_checkpoint_fails_a_check() {
    let daily = nightly();
    add_rare(&daily);
    let ran =
        daily.run(&["check", "{d}/backups", "--max-age", "59m", "--identity", "gone", "--identity", "gone"]);
    assert_eq!(
        ran.out,
        "\
IDENTITY  NEWEST  TIME              AGE      RESULT
orders    sun     2026-03-10 11:00  1h 0m    TOO OLD
rare      rare    2025-02-03 12:00  400d 0h  TOO OLD
gone      -       -                 -        NONE SOUND
"
    );
    assert_eq!(ran.code, 2);
    assert!(
        ran.err
            .starts_with("error: {d}/backups: 3 sources without a sound checkpoint that is young enough\n"),
        "{}",
        ran.err
    );
    let empty = Daily::empty();
    let (code, lines) = empty.json(&["check", "{d}/backups", "--max-age", "1d"]);
    assert_eq!((code, &lines[0]["kind"]), (2, &"nothing_young".into()));
}

/// A checkpoint counts only if it is sound and its time is not in the future.
#[test]
fn a_check_passes_over_unsound_ones_and_those_from_the_future() {
    let daily = nightly();
    fs::write(daily.at("sun/v8"), "planted").unwrap();
    daily.engine.checkpoint(&daily.at("future"), -3_600, Policy::PreferLink);
    let (code, lines) = daily.json(&["check", "--quiet", "{d}/backups", "--max-age", "26h"]);
    assert_eq!((code, &lines[0]["newest"]["text"]), (0, &"sat".into()));
    assert_eq!(lines[0]["age_seconds"], (25 * HOUR).to_string());
    assert_eq!(daily.run(&["check", "--quiet", "{d}/backups", "--max-age", "24h"]).code, 2);
}

#[test]
fn a_check_writes_metrics_in_one_step() {
    let daily = nightly();
    let file = daily.temp.path().join("lsm.prom");
    for (age, young) in [("26h", 1), ("30m", 0)] {
        let ran = daily.run(&["check", "{d}/backups", "--max-age", age, "--prometheus", "{d}/lsm.prom"]);
        assert_eq!(ran.code, 2 - 2 * young, "{ran:?}");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(&format!("identity=\"orders\"}} {young}\n")), "{text}");
    }
    assert_eq!(fs::read_dir(daily.temp.path()).unwrap().count(), 3, "no temporary file is left");
}

/// The rules keep the same checkpoints as restic's `forget`.
///
/// `tests/restic.py` records the sets that restic keeps. `LSM_CHECKPOINT_RESTIC` names another file of such sets.
#[test]
fn the_rules_keep_the_same_as_restic() {
    let other = std::env::var_os("LSM_CHECKPOINT_RESTIC");
    let recorded = match &other {
        Some(file) => fs::read_to_string(file).unwrap(),
        None => include_str!("restic.txt").to_owned(),
    };
    let sets: Vec<_> = recorded.split("\n\n").skip(1).collect();
    for set in &sets {
        let daily = Daily::empty();
        let (rules, snapshots) = set.split_once('\n').unwrap();
        let rules: Vec<&str> = rules.strip_prefix("rules ").unwrap().split(' ').collect();
        let mut expected = Vec::new();
        for (at, line) in snapshots.lines().enumerate() {
            let (fate, age) = line.split_once(' ').unwrap();
            let name = format!("{at:03}");
            daily.nameless(&name, age.parse().unwrap());
            if fate == "keep" {
                expected.push(name);
            }
        }
        let ran = daily.run(&[&["prune", "{d}/backups", "--unnamed"], &rules[..]].concat());
        assert_eq!((ran.code, daily.names()), (0, expected), "{set}\n{}", ran.out);
    }
    assert!(other.is_some() || sets.len() == 20);
}
