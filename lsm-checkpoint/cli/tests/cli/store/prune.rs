//! `store prune`: the groups and safeguards of `prune`.

use std::{fs, path::PathBuf};

use lsm_checkpoint::Policy;

use super::{URL, new, objects, push, text};
use crate::support::{DAY, Daily, Engine, contents};

/// Adds a checkpoint of another database, a copy, and pushes it.
fn push_rare(daily: &Daily) -> String {
    let rare = Engine::new(daily.temp.path().join("other"), "rare");
    rare.checkpoint(&daily.at("rare"), 400 * DAY as i64, Policy::Independent);
    push(daily, "rare")
}

/// Pushes a checkpoint of the first database that is this many days old.
fn push_old(daily: &Daily, name: &str, days: u64) -> String {
    daily.engine.checkpoint(&daily.at(name), (days * DAY) as i64, Policy::PreferLink);
    push(daily, name)
}

/// Lists the identifiers of the backups, oldest first.
fn listed(daily: &Daily) -> Vec<String> {
    daily.json(&["store", "list", URL]).1.iter().map(|backup| text(&backup["id"])).collect()
}

/// Lists the objects below a folder of the repository.
fn below(daily: &Daily, folder: &str) -> Vec<PathBuf> {
    let all = contents(&daily.temp.path().join("store"));
    all.into_iter().map(|(path, _)| path).filter(|path| path.starts_with(folder)).collect()
}

fn in_store(daily: &Daily, object: &PathBuf) -> PathBuf {
    daily.temp.path().join("store").join(object)
}

/// Changes a byte of an object, so that only a full verification notices it.
fn flip(daily: &Daily, object: &PathBuf) {
    let mut bytes = fs::read(in_store(daily, object)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(in_store(daily, object), bytes).unwrap();
}

#[test]
fn a_prune_keeps_a_sound_backup_of_each_source() {
    let daily = new();
    let ids = [push(&daily, "monday"), push(&daily, "tuesday"), push_rare(&daily)];
    assert_eq!(daily.run(&["store", "prune", URL]).code, 1, "a rule is needed");
    let prune = ["store", "prune", "--keep-last", "1", "--verify", "full", "--grace", "0s", URL];
    let planned = daily.run(&[&prune[..], &["--dry-run"]].concat());
    assert!(planned.out.ends_with("keep 2, forget 1, leave 0 damaged (dry run)\n"), "{planned:?}");
    assert_eq!(daily.json(&["store", "list", URL]).1.len(), 3);
    let (code, lines) = daily.json(&[&prune[..], &["--quiet"]].concat());
    assert_eq!(code, 0, "{lines:?}");
    assert_eq!(listed(&daily), [&*ids[2], &*ids[1]]);
    let latest = daily.run(&["store", "restore", &format!("{URL}@latest"), "{d}/live"]);
    assert!(latest.code == 4 && latest.err.contains("backups of several sources"), "{latest:?}");
    let of = ["store", "restore", "--source", "orders", &format!("{URL}@latest"), "{d}/live"];
    assert_eq!(daily.run(&of).code, 0);
}

/// Both backups of the source are damaged, so nothing is forgotten.
#[test]
fn a_prune_of_damaged_backups_forgets_nothing() {
    let daily = new();
    push(&daily, "monday");
    push(&daily, "tuesday");
    for object in objects(&daily) {
        fs::remove_file(daily.temp.path().join("store").join(object)).unwrap();
    }
    let ran = daily.run(&["store", "prune", "--keep-last", "1", URL]);
    assert!(ran.code == 2 && ran.err.contains("none of 2 backups of orders is sound"), "{ran:?}");
    assert_eq!(daily.json(&["store", "list", URL]).1.len(), 2);
}

/// Backups without an identity may be of different sources, so only `--unnamed` prunes them.
#[test]
fn backups_without_an_identity_are_left_alone() {
    let daily = new();
    for (name, age) in [("old", DAY), ("older", 2 * DAY)] {
        daily.nameless(name, age);
    }
    let [older, old, tuesday] = ["older", "old", "tuesday"].map(|name| push(&daily, name));
    let prune = ["store", "prune", "--keep-last", "1", "--grace", "0s", URL];
    let ran = daily.run(&prune);
    assert_eq!(ran.code, 0, "{ran:?}");
    let note = "note: 2 backups without an identity left alone; prune them with --unnamed\n";
    assert!(ran.err == note && ran.out.starts_with("ID "), "{ran:?}");
    assert_eq!(listed(&daily), [&*older, &*old, &*tuesday]);
    let ran = daily.run(&[&prune[..], &["--unnamed"]].concat());
    assert!(ran.code == 0 && ran.err.is_empty() && ran.out.contains(" (none) "), "{ran:?}");
    assert_eq!(listed(&daily), [&*old, &*tuesday]);
}

/// A damaged backup does not count for `--keep-last`, and is not forgotten. Without its references, nothing can be
/// collected.
#[test]
fn damaged_backups_neither_count_nor_are_forgotten() {
    let daily = new();
    let (monday, sunday) = (push(&daily, "monday"), push_old(&daily, "sunday", 3));
    let before = below(&daily, "backup");
    let tuesday = push(&daily, "tuesday");
    let catalog = below(&daily, "backup").into_iter().find(|path| !before.contains(path)).unwrap();
    fs::write(in_store(&daily, &catalog), "junk").unwrap();
    let prune = ["store", "prune", "--keep-last", "1", "--grace", "0s", URL];
    let (code, lines) = daily.json(&[&prune[..], &["--no-collect", "--quiet"]].concat());
    let action = |id: &str| {
        let line = lines.iter().find(|line| line["id"] == id).unwrap();
        (text(&line["action"]), line["reasons"].as_array().unwrap().iter().map(text).collect::<Vec<_>>())
    };
    assert_eq!((code, lines.len()), (0, 3), "{lines:?}");
    assert_eq!(action(&tuesday), ("leave".to_owned(), vec!["damaged".to_owned()]));
    assert_eq!(action(&monday), ("keep".to_owned(), vec!["last".to_owned()]));
    assert_eq!(action(&sunday), ("forget".to_owned(), Vec::new()));
    assert_eq!(listed(&daily), [&*monday, &*tuesday]);
    let stored = below(&daily, "data");
    let ran = daily.run(&prune);
    assert!(ran.code == 2 && ran.err.contains(catalog.to_str().unwrap()), "{ran:?}");
    assert!(ran.out.contains("keep 1, forget 0, leave 1 damaged"), "{ran:?}");
    assert_eq!(below(&daily, "data"), stored, "nothing is deleted");
}

/// Damage of a backup that is forgotten already is not counted.
#[test]
fn a_forgotten_backup_is_no_part_of_a_prune() {
    let daily = new();
    push(&daily, "monday");
    let before = objects(&daily);
    let rare = push_rare(&daily);
    assert_eq!(daily.run(&["store", "forget", URL, &rare]).code, 0);
    for object in objects(&daily).iter().filter(|object| !before.contains(object)) {
        fs::remove_file(in_store(&daily, object)).unwrap();
    }
    let ran = daily.run(&["store", "prune", "--keep-last", "1", "--dry-run", URL]);
    assert!(ran.out.ends_with("keep 1, forget 0, leave 0 damaged (dry run)\n"), "{ran:?}");
}

/// The newest backup is damaged in a way that only a full verification finds.
#[test]
fn a_full_verification_passes_over_a_damaged_one() {
    let daily = new();
    let (monday, sunday) = (push(&daily, "monday"), push_old(&daily, "sunday", 3));
    let before = objects(&daily);
    fs::write(daily.engine.dir.join("3.sst"), "new").unwrap();
    let (dir, identity) = (daily.engine.dir.clone(), "orders".to_owned());
    let engine = Engine { dir, identity, tables: vec![("3.sst".to_owned(), 3)] };
    engine.checkpoint(&daily.at("newest"), 60, Policy::PreferLink);
    let newest = push(&daily, "newest");
    let new = objects(&daily).into_iter().find(|object| !before.contains(object)).unwrap();
    flip(&daily, &new);
    let prune = ["store", "prune", "--keep-last", "1", "--verify", "full", "--grace", "0s", URL];
    let ran = daily.run(&prune);
    assert!(ran.code == 0 && ran.out.contains("keep 1, forget 1, leave 1 damaged"), "{ran:?}");
    assert_eq!(ran.err, format!("note: {newest}: damaged, so it does not count\n"));
    assert_eq!(listed(&daily), [&*monday, &*newest], "{sunday} is forgotten");
}

/// The damaged source keeps all its backups, and because of it, the other source does, too.
#[test]
fn a_full_verification_reads_each_source() {
    let daily = new();
    let ids = [push(&daily, "monday"), push(&daily, "tuesday")];
    let before = objects(&daily);
    let rare = push_rare(&daily);
    for object in objects(&daily).iter().filter(|object| !before.contains(object)) {
        flip(&daily, object);
    }
    let prune = ["store", "prune", "--verify", "full", "--grace", "0s", URL, "--keep-last"];
    let ran = daily.run(&[&prune[..], &["1"]].concat());
    assert!(ran.code == 2 && ran.err.contains("none of 1 backup of rare is sound"), "{ran:?}");
    assert_eq!(listed(&daily), [&*rare, &*ids[0], &*ids[1]]);
    let nothing_goes = daily.run(&[&prune[..], &["6"]].concat());
    assert_eq!(nothing_goes.code, 0, "without a removal, nothing has to be read: {nothing_goes:?}");
}

/// A repository that has lost its backups is not cleared: the objects may be the only copy.
#[test]
fn a_prune_of_a_repository_without_backups_deletes_nothing() {
    let daily = new();
    let monday = push(&daily, "monday");
    assert_eq!(daily.run(&["store", "forget", URL, &monday]).code, 0);
    let stored = below(&daily, "");
    let prune = ["store", "prune", "--keep-last", "1", "--grace", "0s", URL];
    daily.run(&prune).expect(
        0,
        "file://{d}/store: no backups\n",
        "note: nothing was collected; `lsm-checkpoint store collect` deletes all objects\n",
    );
    assert_eq!(below(&daily, ""), stored);
}
