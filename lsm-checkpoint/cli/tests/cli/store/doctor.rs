//! `store doctor`.

use std::{collections::BTreeMap, fs, ops::ControlFlow, process::Command, sync::Arc};

use lsm_checkpoint_store::{Error, Location, Options, PushOptions, blocking::Repository};
use lsm_fs::StdFs;

use super::{URL, new, objects, push, text};
use crate::support::{Daily, Ran, contents};

/// Times before and after every push of a test. A push has the time of the machine, whatever `--now` is.
const EARLIER: &str = "2000-01-01T00:00:00Z";
const LATER: &str = "2100-01-01T00:00:00Z";

fn doctor(daily: &Daily, now: &str, args: &[&str]) -> Ran {
    let dir = daily.temp.path().to_str().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lsm-checkpoint"));
    command.env("TZ", "UTC").env("XDG_STATE_HOME", daily.temp.path().join("state"));
    command.args(["--now", now, "store", "doctor", &URL.replace("{d}", dir)]).args(args);
    Ran::of(&mut command, dir)
}

/// Returns the result of each subject. Each line is `subject: result: sentence`.
fn findings(ran: &Ran) -> BTreeMap<&str, &str> {
    let lines = ran.out.lines().filter_map(|line| line.split_once(": "));
    lines.filter_map(|(subject, rest)| Some((subject, rest.split_once(": ")?.0))).collect()
}

#[test]
fn a_doctor_examines_a_repository_and_changes_nothing() {
    let daily = new();
    push(&daily, "monday");
    let before = contents(&daily.temp.path().join("store"));
    let ran = doctor(&daily, LATER, &[]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    let expected = ["clocks", "garbage", "overwrites", "pushes", "rights", "state", "uploads"];
    assert_eq!(findings(&ran), BTreeMap::from(expected.map(|subject| (subject, "ok"))), "{}", ran.out);
    assert!(ran.out.lines().last().unwrap().starts_with("file://{d}/store: sound ("), "{}", ran.out);
    assert_eq!(contents(&daily.temp.path().join("store")), before);
    let (code, lines) = daily.json(&["store", "doctor", URL]);
    let subjects: Vec<_> = lines.iter().filter(|line| line["type"] == "finding").collect();
    assert_eq!((code, subjects.len()), (0, 7), "{lines:?}");
}

#[test]
fn a_doctor_names_each_concern() {
    let daily = new();
    push(&daily, "monday");
    let name = format!("data/{}/{}", "ab".repeat(16), "cd".repeat(16));
    let stray = daily.temp.path().join("store").join(name);
    fs::create_dir_all(stray.parent().unwrap()).unwrap();
    fs::write(&stray, "12345").unwrap();
    let ran = doctor(&daily, EARLIER, &["--no-state"]);
    let found = findings(&ran);
    let concerns: Vec<_> =
        found.iter().filter(|(_, result)| **result == "CONCERN").map(|(name, _)| *name).collect();
    assert_eq!((ran.code, concerns), (0, vec!["clocks", "garbage", "state"]), "{}", ran.out);
    assert!(ran.out.contains("garbage: CONCERN: 1 object with 5 B that no backup needs"), "{}", ran.out);
    assert!(ran.out.contains("clocks: CONCERN: 2 times in the future, such as the push of "), "{}", ran.out);
}

/// A push that was cancelled stays registered, because the next push goes on under its name.
#[test]
fn a_doctor_names_a_push_that_has_died() {
    let daily = new();
    let place = Location::local(daily.temp.path().join("store")).unwrap();
    fs::create_dir(daily.temp.path().join("memory")).unwrap();
    let options = Options::new().state(Arc::new(StdFs), daily.temp.path().join("memory"));
    let repository = Repository::open(place, options).unwrap();
    // The writer is registered before the first file is sent.
    let after_a_file = |progress: &lsm_checkpoint::Progress| match progress.files_done {
        0 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    };
    let cancel = PushOptions::new().progress(Arc::new(after_a_file));
    let cancelled = repository.push(Arc::new(StdFs), &daily.at("monday"), &cancel);
    assert!(matches!(cancelled, Err(Error::Cancelled)), "{cancelled:?}");
    let writer = text(&daily.json(&["store", "writers", "--quiet", URL]).1[0]["id"]);
    let ran = doctor(&daily, LATER, &[]);
    assert_eq!((ran.code, findings(&ran)["pushes"]), (0, "CONCERN"), "{}", ran.out);
    assert!(
        ran.out.contains(&format!("lsm-checkpoint store fence file://{{d}}/store {writer}`")),
        "{}",
        ran.out
    );
}

#[test]
fn a_doctor_finds_lost_states_and_objects() {
    let daily = new();
    push(&daily, "monday");
    let lost = daily.temp.path().join("store").join(objects(&daily).remove(0));
    let kept = fs::read(&lost).unwrap();
    fs::remove_file(&lost).unwrap();
    assert_eq!(doctor(&daily, LATER, &[]).code, 2);
    fs::write(&lost, kept).unwrap();
    assert_eq!(doctor(&daily, LATER, &[]).code, 0);
    let states = daily.temp.path().join("store/head");
    let newest = fs::read_dir(&states).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    fs::remove_file(newest).unwrap();
    let (code, lines) = daily.json(&["store", "doctor", URL]);
    assert_eq!((code, &lines[0]["kind"]), (2, &"went_back".into()), "{lines:?}");
    fs::remove_dir_all(&states).unwrap();
    let (code, lines) = daily.json(&["store", "doctor", URL]);
    assert_eq!((code, &lines[0]["kind"]), (2, &"no_state".into()), "{lines:?}");
}
