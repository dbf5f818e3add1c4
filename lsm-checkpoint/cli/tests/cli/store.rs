//! `store` on a repository in a folder.

mod doctor;
mod prune;

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::PathBuf,
    thread,
    time::{Duration, SystemTime},
};

use lsm_checkpoint::Policy;
use lsm_fs::{Fs, StdFs};
use serde_json::Value;

use crate::support::{DAY, Daily, command, contents};

const URL: &str = "file://{d}/store";

/// Makes two checkpoints and an empty repository.
fn new() -> Daily {
    let daily = Daily::new();
    let ran = daily.run(&["store", "init", URL]);
    assert!(ran.code == 0 && ran.out.starts_with("file://{d}/store: created, repository "), "{ran:?}");
    daily
}

/// Pushes a checkpoint, and returns the identifier of its backup.
fn push(daily: &Daily, name: &str) -> String {
    let (code, lines) = daily.json(&["store", "push", "--quiet", URL, &format!("{{d}}/backups/{name}")]);
    assert_eq!(code, 0, "{lines:?}");
    text(&lines[0]["id"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Lists the files below `data/` of the repository.
fn objects(daily: &Daily) -> Vec<PathBuf> {
    let all = contents(&daily.temp.path().join("store"));
    all.into_iter().map(|(path, _)| path).filter(|path| path.starts_with("data")).collect()
}

#[test]
fn a_checkpoint_goes_to_the_store_and_comes_back() {
    let daily = new();
    let monday = push(&daily, "monday");
    let (_, lines) = daily.json(&["store", "push", "--quiet", URL, "{d}/backups/tuesday"]);
    assert_eq!((&lines[0]["was_there"], &lines[0]["reused_files"]), (&false.into(), &"4".into()));
    let (_, again) = daily.json(&["store", "push", "--quiet", URL, "{d}/backups@latest"]);
    assert_eq!((&again[0]["was_there"], &again[0]["id"]), (&true.into(), &lines[0]["id"]));
    let (code, listed) = daily.json(&["store", "list", URL]);
    let ids: Vec<_> = listed.iter().map(|backup| text(&backup["id"])).collect();
    assert_eq!((code, ids), (0, vec![monday.clone(), text(&lines[0]["id"])]));

    assert_eq!(daily.run(&["restore", "{d}/backups/monday", "{d}/local"]).code, 0);
    let restored = daily.run(&["store", "restore", &format!("{URL}@{}", &monday[..8]), "{d}/live"]);
    assert!(restored.code == 0 && restored.out.contains("{d}/live: restored"), "{restored:?}");
    let (local, live) = (daily.temp.path().join("local"), daily.temp.path().join("live"));
    assert_eq!(contents(&live), contents(&local));
    fs::create_dir(daily.temp.path().join("volume")).unwrap();
    let into = ["store", "restore", "--into-empty", &format!("{URL}@latest"), "{d}/volume"];
    assert_eq!(daily.run(&into).code, 0);
    assert_eq!(contents(&daily.temp.path().join("volume")).len(), contents(&local).len());
    assert_eq!(daily.run(&["store", "restore", &format!("{URL}@latest"), "{d}/live"]).code, 4, "it exists");
}

#[test]
fn a_restore_into_an_empty_directory_names_the_option() {
    let daily = new();
    let _ = push(&daily, "monday");
    fs::create_dir(daily.temp.path().join("empty")).unwrap();
    let refused = daily.run(&["store", "restore", &format!("{URL}@latest"), "{d}/empty"]);
    assert!(refused.code == 4 && refused.err.contains("--into-empty"), "{refused:?}");
}

#[test]
fn a_backup_shows_its_catalog_and_its_age() {
    let daily = new();
    let id = push(&daily, "tuesday");
    let shown = daily.run(&["store", "show", &format!("{URL}@{id}")]);
    assert!(shown.out.contains("identity    orders") && shown.out.contains("tables/1.sst"), "{shown:?}");
    assert_eq!(daily.json(&["store", "show", &format!("{URL}@{id}")]).1[0]["type"], "catalog");
    let (code, status) = daily.json(&["store", "status", URL]);
    let source = status.iter().find(|line| line["type"] == "source").unwrap();
    assert_eq!((code, &source["age_seconds"]), (0, &DAY.to_string().into()));
    assert_eq!((&source["source"], &source["last"]), (&"orders".into(), &id.into()));
    let table = daily.run(&["store", "list", URL]);
    assert!(table.out.starts_with("ID "), "{table:?}");
    daily.run(&["store", "writers", URL]).expect(0, "file://{d}/store: there are no unfinished pushes\n", "");
    assert_eq!(daily.run(&["store", "doctor", URL]).code, 0);
}

/// A clock that was ahead must not hide that backups have stopped.
#[test]
fn a_backup_from_the_future_is_neither_the_latest_nor_the_last() {
    let daily = new();
    let tuesday = push(&daily, "tuesday");
    daily.engine.checkpoint(&daily.at("soon"), -600, Policy::PreferLink);
    let soon = push(&daily, "soon");
    let note = format!("note: backup {soon}: skipped: its time is in the future\n");

    let status = daily.run(&["store", "status", URL]);
    assert!(status.err == note && status.out.contains(&tuesday[..12]), "{status:?}");
    let (_, lines) = daily.json(&["store", "status", "--quiet", URL]);
    let source = lines.iter().find(|line| line["type"] == "source").unwrap();
    assert_eq!((text(&source["last"]), text(&source["age_seconds"])), (tuesday.clone(), DAY.to_string()));
    assert_eq!(text(&source["backups"]), "2");

    let restored = daily.run(&["store", "restore", &format!("{URL}@latest"), "{d}/live"]);
    assert!(restored.code == 0 && restored.err.starts_with(&note), "{restored:?}");
    assert!(restored.err.contains(&format!("@latest is {tuesday}")), "{restored:?}");
    assert_eq!(daily.run(&["store", "forget", URL, &tuesday[..12]]).code, 0);
    let none = daily.run(&["store", "restore", &format!("{URL}@latest"), "{d}/other"]);
    assert!(none.code == 2 && none.err.contains("every backup has a time in the future"), "{none:?}");
}

#[test]
fn a_forgotten_backup_comes_back_until_it_is_collected() {
    let daily = new();
    let (monday, tuesday) = (push(&daily, "monday"), push(&daily, "tuesday"));
    let forget = |id: &str| daily.run(&["store", "forget", URL, &id[..12]]);
    assert_eq!(forget(&monday).out, format!("{monday}: forgotten\n"));
    assert_eq!(forget(&monday).code, 0, "a repetition after an answer that was lost");
    let status = daily.run(&["store", "status", URL]).out;
    assert!(status.contains(&format!("forgotten: {} of orders", &monday[..12])), "{status}");
    assert_eq!(daily.run(&["store", "push", URL, "{d}/backups/monday"]).code, 4, "undo it instead");
    assert_eq!(daily.run(&["store", "undo", URL, &monday]).out, format!("{monday}: brought back\n"));
    assert_eq!(forget(&monday).code, 0);
    assert_eq!(daily.run(&["store", "collect", URL]).code, 0);
    assert_eq!(daily.run(&["store", "undo", URL, &monday]).code, 0, "within the grace");
    assert_eq!(forget(&monday).code, 0);
    let (code, lines) = daily.json(&["store", "collect", "--quiet", "--grace", "0s", URL]);
    assert_eq!((code, &lines[0]["dropped_backups"]), (0, &"1".into()));
    assert_eq!(daily.run(&["store", "undo", URL, &monday]).code, 4, "it is gone");
    assert_eq!(daily.run(&["store", "verify", URL, &tuesday]).code, 0, "the objects that it shares stay");
}

#[test]
fn damage_is_found_and_healed_by_the_next_push() {
    let daily = new();
    push(&daily, "monday");
    let object = flipped(&daily);
    let before = contents(&daily.temp.path().join("store"));
    assert_eq!(daily.run(&["store", "check", URL]).code, 0, "the length is right");
    let save = ["store", "verify", "--quiet", "--save", "{d}/damaged", URL];
    let (code, lines) = daily.json(&save);
    assert_eq!((code, &lines[0]["type"], &lines[1]["sound"]), (2, &"damaged".into(), &false.into()));
    assert_eq!(text(&lines[0]["object"]), object);
    assert_eq!(fs::read_to_string(daily.temp.path().join("damaged")).unwrap(), format!("{object}\n"));
    assert_eq!(contents(&daily.temp.path().join("store")), before, "an audit changes nothing");
    let healed = daily.run(&["store", "push", "--distrust", "{d}/damaged", URL, "{d}/backups/monday"]);
    assert_eq!(healed.code, 0, "{healed:?}");
    assert_eq!(daily.run(&["store", "verify", URL]).code, 0);
    fs::remove_file(daily.temp.path().join("store").join(objects(&daily).remove(0))).unwrap();
    fs::write(daily.temp.path().join("nonsense"), "x").unwrap();
    let bad = daily.run(&["store", "push", "--distrust", "{d}/nonsense", URL, "{d}/backups/monday"]);
    assert!(bad.code == 1 && bad.err.contains("not the name of an object"), "{bad:?}");
}

/// Changes a byte of the first object below `data/`, and returns its name.
fn flipped(daily: &Daily) -> String {
    let name = objects(daily).remove(0);
    let object = daily.temp.path().join("store").join(&name);
    let mut bytes = fs::read(&object).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&object, bytes).unwrap();
    name.into_os_string().into_string().unwrap()
}

/// A restore of a damaged backup names the object, and leaves nothing.
#[test]
fn a_damaged_backup_is_not_restored() {
    let daily = new();
    push(&daily, "monday");
    let object = flipped(&daily);
    fs::create_dir(daily.temp.path().join("empty")).unwrap();
    let before = contents(daily.temp.path());
    let latest = format!("{URL}@latest");
    for args in [
        &["store", "restore", &latest, "{d}/live"][..],
        &["store", "restore", "--into-empty", &latest, "{d}/empty"],
    ] {
        let (code, lines) = daily.json(&[args, &["--quiet", "--no-state"]].concat());
        assert_eq!((code, lines.len(), &lines[0]["kind"]), (2, 1, &"corrupt".into()), "{lines:?}");
        assert!(text(&lines[0]["message"]).starts_with(&object), "{lines:?}");
        assert_eq!(contents(daily.temp.path()), before);
        assert!(!daily.temp.path().join("live").exists());
    }
}

#[test]
fn a_place_that_is_no_repository_is_refused() {
    let daily = Daily::new();
    let ran = daily.run(&["store", "list", URL]);
    assert_eq!(ran.code, 4, "{ran:?}");
    let ran = daily.run(&["store", "list", "nonsense://x"]);
    assert!(ran.code == 1 && ran.err.contains("nonsense://x"), "{ran:?}");
    assert_eq!(daily.run(&["store", "init", URL]).code, 0);
    let again = daily.run(&["store", "init", URL]);
    assert!(again.code == 4 && again.err.contains("there is a repository already"), "{again:?}");
    assert_eq!(daily.run(&["store", "fence", URL, "nobody"]).code, 1);
    let fenced = daily.run(&["store", "fence", URL, &"ab".repeat(16)]);
    assert!(fenced.code == 0 && fenced.err.contains("no push of writer"), "{fenced:?}");
    let gone = daily.run(&["store", "list", "--state", "{d}/none", URL]);
    assert_eq!(gone.code, 0, "the memory is made where it is missing: {gone:?}");
}

/// A server that is down: it refuses each request with 503. Returns its address.
fn broken_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 503 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    address
}

#[test]
fn a_store_that_is_down_is_reported_at_once_and_given_up_in_time() {
    let server = broken_server();
    let list = |retry_for: &str| {
        let mut command = command();
        for (name, value) in [
            ("AWS_ENDPOINT_URL", format!("http://{server}").as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "us-east-1"),
            ("NO_PROXY", "*"),
        ] {
            command.env(name, value);
        }
        let args = ["store", "list", "--no-state", "--retry-for", retry_for, "s3://backups/db"];
        let output = command.args(args).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let note = format!("note: {server}: 503 Service Unavailable; a request is repeated");
    let (code, err) = list("1s");
    assert!(
        code == Some(5) && err.starts_with(&note) && err.contains("\nerror: repository: "),
        "{code:?} {err}"
    );
    assert_eq!(err.matches("note:").count(), 1, "{err}");
    let (code, err) = list("0s");
    assert!(code == Some(5) && err.starts_with("error: repository: "), "{code:?} {err}");
}

/// Without credentials, the client of S3 asks the machine for the credentials of its role.
#[test]
fn missing_credentials_are_named_by_their_variables() {
    let mut command = command();
    for name in ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "WEB_IDENTITY_TOKEN_FILE"] {
        command.env_remove(format!("AWS_{name}"));
    }
    for kind in ["RELATIVE", "FULL"] {
        command.env_remove(format!("AWS_CONTAINER_CREDENTIALS_{kind}_URI"));
    }
    command.env("AWS_METADATA_ENDPOINT", format!("http://{}", broken_server())).env("NO_PROXY", "*");
    command.args(["store", "list", "--no-state", "--retry-for", "0s", "s3://backups/db"]);
    let output = command.output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    let hint = "\nhint: no credentials: set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION\n";
    assert!(output.status.code() == Some(5) && err.ends_with(hint), "{err}");
}

/// Locks the state directory as a push does, and runs commands beside it.
#[test]
fn only_a_push_needs_the_state_directory_for_itself() {
    let daily = new();
    let id = push(&daily, "monday");
    let state = daily.temp.path().join("shared");
    let run = |args: &[&str]| daily.run(&[&["store", "--state", "{d}/shared"][..], args].concat());
    assert_eq!(run(&["status", URL]).code, 0);
    let dir = fs::read_dir(&state).unwrap().next().unwrap().unwrap().path();
    let lock = StdFs.try_lock_directory(&dir).unwrap().unwrap();
    let backup = format!("{URL}@{id}");
    for args in [
        &["status", URL][..],
        &["list", URL],
        &["show", &backup],
        &["check", URL],
        &["verify", URL],
        &["restore", &backup, "{d}/live"],
        &["collect", URL],
        &["forget", URL, &id],
        &["undo", URL, &id],
    ] {
        let ran = run(args);
        assert!(ran.code == 0 && !ran.err.contains("in use"), "{args:?}: {ran:?}");
    }
    let second = run(&["push", URL, "{d}/backups/tuesday"]);
    assert!(second.code == 0 && second.err.contains("in use by another push"), "{second:?}");
    drop(lock);
    let third = run(&["push", URL, "{d}/backups/tuesday"]);
    assert!(third.code == 0 && !third.err.contains("in use"), "{third:?}");
}

/// A killed command has left a probe two days ago.
#[test]
fn a_collect_shows_the_leftovers_that_it_deletes() {
    let daily = new();
    let _ = push(&daily, "monday");
    let probe = daily.temp.path().join("store/probe").join("ab".repeat(16));
    let leave = || {
        fs::create_dir_all(probe.parent().unwrap()).unwrap();
        fs::write(&probe, "left").unwrap();
        let old = SystemTime::now() - Duration::from_secs(2 * DAY);
        fs::File::options().write(true).open(&probe).unwrap().set_modified(old).unwrap();
    };
    leave();
    let ran = daily.run(&["store", "collect", URL]);
    assert!(ran.code == 0 && ran.out.ends_with("1 leftover of killed commands deleted\n"), "{ran:?}");
    leave();
    let (code, lines) = daily.json(&["store", "collect", "--quiet", URL]);
    assert_eq!((code, &lines[0]["deleted_probes"]), (0, &"1".into()));
    assert_eq!(lines[0]["deleted_staging_files"], "0");
}
