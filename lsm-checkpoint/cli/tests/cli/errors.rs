//! Compares the failures that this crate makes itself with the snapshot `errors.txt`. The file `messages.txt` has the
//! errors of the libraries.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lsm_checkpoint::Policy;

use crate::{
    support::{DAY, Daily, Engine, Ran, command},
    terminal,
};

/// Commands that fail. Two of them may fail with the same kind of failure, but with different sentences.
const COMMANDS: &[&str] = &[
    "verify {d}/several@latest",
    "verify {d}/none-sound@latest",
    "verify {d}/future@latest",
    "verify {d}/empty@latest",
    "restore {d}/none-sound/monday {d}/live",
    "restore {d}/backups/monday {d}/backups/tuesday/live",
    "restore {d}/backups/monday {d}/empty",
    "restore --without-catalog {d}/backups@latest {d}/live",
    "restore --without-catalog {d}/trees {d}/live",
    "restore --without-catalog {d}/empty {d}/live",
    "restore {d}/backups/monday {d}/none/live",
    "restore --owner root {d}/backups/monday {d}/live",
    "restore --limit fast {d}/backups/monday {d}/live",
    "check --max-age 1h {d}/backups",
    "check --max-age 1y {d}/backups",
    "check --max-age 1h {d}/empty",
    "prune {d}/backups",
    "prune --keep-last 1 {d}/none-sound",
    "prune --keep-within 7 {d}/backups",
    "verify --subset 8/7 {d}/backups/monday",
    "remove {d}/backups",
];

const STORE_COMMANDS: &[&str] = &[
    "store restore file://{d}/store {d}/live",
    "store restore file://{d}/store@latest {d}/live",
    "store show file://{d}/store@000000",
    "store fence file://{d}/store nobody",
    "store push --distrust {d}/nonsense file://{d}/store {d}/backups/monday",
    "store prune file://{d}/store",
    "store list nonsense://x",
];

/// The kinds of the failures that no command line can cause with certainty. `src/failure/messages.txt` has them.
const ELSEWHERE: [&str; 2] = ["ambiguous_backup", "other"];

fn prepared() -> Daily {
    let daily = Daily::new();
    for dir in ["several", "none-sound", "future", "empty"] {
        fs::create_dir(daily.temp.path().join(dir)).unwrap();
    }
    let at = |name: &str| daily.temp.path().join(name);
    let other = Engine::new(at("other"), "users");
    for (engine, name, age) in [
        (&daily.engine, "several/orders", 60),
        (&other, "several/users", 60),
        (&daily.engine, "none-sound/monday", 60),
        (&daily.engine, "future/soon", -2 * DAY as i64),
    ] {
        engine.checkpoint(&at(name), age, Policy::Independent);
    }
    fs::remove_file(at("none-sound/monday/tables/1.sst")).unwrap();
    fs::write(at("nonsense"), "x").unwrap();
    fs::create_dir_all(at("trees/orders")).unwrap();
    fs::write(at("trees/orders/current"), "x").unwrap();
    daily
}

/// Runs a command, and returns its exit code and its lines on stderr.
fn failure(daily: &Daily, line: &str) -> String {
    let ran = daily.run(&line.split(' ').collect::<Vec<_>>());
    shown(line, &ran)
}

fn shown(line: &str, ran: &Ran) -> String {
    let lines = ran.err.lines().filter(|line| !line.is_empty());
    let lines: String = lines.map(|line| format!("  {line}\n")).collect();
    format!("$ lsm-checkpoint {line}   => {}\n{lines}", ran.code)
}

/// `LSM_CHECKPOINT_WRITE=1 cargo test -p lsm-checkpoint-cli failures` rewrites the snapshot.
#[test]
fn the_failures_of_the_command_are_as_recorded() {
    let daily = prepared();
    let mut found: String = COMMANDS.iter().map(|line| failure(&daily, line)).collect();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut list = command();
    list.arg("list").arg(daily.dir()).stdout(full);
    let ran = Ran::of(&mut list, daily.temp.path().to_str().unwrap());
    found.push_str(&shown("list {d}/backups > /dev/full", &ran));
    let mut dump = command();
    dump.args(["manifest", "dump"]).arg(daily.at("monday/v1")).arg("tables");
    dump.env("NO_COLOR", "1");
    let text = terminal::run(dump, 200);
    let lines: String = text.lines().map(|line| format!("  {line}\n")).collect();
    found.push_str(&format!(
        "$ lsm-checkpoint manifest dump {{d}}/backups/monday/v1 tables   => a terminal\n{lines}"
    ));
    if cfg!(feature = "store") {
        assert_eq!(daily.run(&["store", "init", "file://{d}/store"]).code, 0);
        found.extend(STORE_COMMANDS.iter().map(|line| failure(&daily, line)));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/errors.txt");
    if std::env::var_os("LSM_CHECKPOINT_WRITE").is_some() {
        fs::write(&path, &found).unwrap();
        return;
    }
    let kept = fs::read_to_string(&path).unwrap();
    let is_same = if cfg!(feature = "store") { found == kept } else { kept.starts_with(&found) };
    assert!(is_same, "{} should be:\n{found}", path.display());
}

/// Reads all sources below a directory, without the tests.
fn sources(dir: PathBuf) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let sources = entries.flat_map(|path| match path.extension() {
        None => sources(path),
        Some(end) if end == "rs" && !path.ends_with("tests.rs") => vec![fs::read_to_string(path).unwrap()],
        Some(_) => Vec::new(),
    });
    sources.collect()
}

/// Returns the word that a call such as `Failure::new(exit, word, sentence)` begins with.
fn kind(call: &str) -> Option<&str> {
    let (before, rest) = call.split_once('"')?;
    let (word, _) = rest.split_once('"')?;
    let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    (is_word && !before.contains(';')).then_some(word)
}

/// A failure that is made in the sources is in one of the two snapshots.
#[test]
fn every_kind_of_failure_is_recorded() {
    let daily = prepared();
    let mut recorded: Vec<String> = ELSEWHERE.map(str::to_owned).to_vec();
    let of_libraries = include_str!("../../src/failure/messages.txt").lines();
    recorded.extend(of_libraries.filter_map(|line| Some(line.split_once(' ')?.1.to_owned())));
    let commands = COMMANDS.iter().chain(STORE_COMMANDS.iter().filter(|_| cfg!(feature = "store")));
    if cfg!(feature = "store") {
        assert_eq!(daily.run(&["store", "init", "file://{d}/store"]).code, 0);
    }
    for line in commands {
        let (_, lines) = daily.json(&[&["--quiet"], &line.split(' ').collect::<Vec<_>>()[..]].concat());
        recorded.extend(lines.iter().filter_map(|line| Some(line["kind"].as_str()?.to_owned())));
    }
    recorded.extend(["output", "terminal"].map(str::to_owned));
    let mut number = 0;
    for source in sources(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        for call in source.split("Failure::new(").skip(1).chain(source.split("Failure::refused(").skip(1)) {
            let Some(kind) = kind(call) else { continue };
            assert!(recorded.iter().any(|one| one == kind), "{kind} is not recorded");
            number += 1;
        }
    }
    assert!(number >= 10, "{number}");
}
