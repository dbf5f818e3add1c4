//! The README: its captures match the output, and the commands of its recipes run.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use lsm_checkpoint::Policy;

use crate::support::{DAY, Daily, HOUR, PRESENT, Ran};

const README: &str = include_str!("../../README.md");

/// Makes a week of nightly checkpoints. The first two are copies.
fn nightly(daily: &Daily) {
    for (at, name) in ["sun", "sat", "fri", "thu", "wed", "tue", "mon"].into_iter().enumerate() {
        let policy = if name == "mon" || name == "tue" { Policy::Independent } else { Policy::PreferLink };
        daily.engine.checkpoint(&daily.at(name), (HOUR + DAY * at as u64) as i64, policy);
    }
}

/// Cuts the rate and the time left from a line of progress. They differ in each run.
fn without_rate(line: &str) -> String {
    match line.split_once("B/s, ") {
        Some((before, _)) => before.rsplit_once(", ").unwrap().0.to_owned(),
        None => line.to_owned(),
    }
}

/// Runs a command of the README and returns its output. Of the lines of progress, only the first and the last are kept.
fn capture(daily: &Daily, command: &str) -> String {
    let args: Vec<_> = command.split(' ').skip(1).map(|arg| arg.replace("/backups", "{d}/backups")).collect();
    let ran = daily.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let progress: Vec<_> = ran.err.lines().collect();
    let ends = [progress.first(), progress.last()].into_iter().flatten().take(progress.len());
    let lines = ends.copied().chain(ran.out.lines());
    lines.map(|line| format!("{line}\n").replace("{d}", "")).collect()
}

/// `LSM_CHECKPOINT_WRITE=1 cargo test -p lsm-checkpoint-cli captures` rewrites them.
#[test]
fn the_captures_are_true() {
    let daily = Daily::empty();
    nightly(&daily);
    let mut written = String::new();
    let mut rest = README;
    let mut number = 0;
    while let Some((before, after)) = rest.split_once("```console\n$ ") {
        let (block, after) = after.split_once("```").unwrap();
        let (command, kept) = block.split_once('\n').unwrap();
        let found = capture(&daily, command);
        if std::env::var_os("LSM_CHECKPOINT_WRITE").is_none() {
            let plain = |text: &str| text.lines().map(without_rate).collect::<Vec<_>>();
            assert_eq!(plain(kept), plain(&found), "{command}");
        }
        written.push_str(&format!("{before}```console\n$ {command}\n{found}```"));
        rest = after;
        number += 1;
    }
    assert_eq!(number, 3);
    if std::env::var_os("LSM_CHECKPOINT_WRITE").is_some() {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"), written + rest).unwrap();
    }
}

/// Prepares the state in which a recipe starts.
fn prepare(recipe: &str, daily: &Daily) {
    for dir in ["data", "mnt/disk", "var/lib/node-exporter"] {
        fs::create_dir_all(daily.temp.path().join(dir)).unwrap();
    }
    nightly(daily);
    let data = daily.temp.path().join("data");
    match recipe {
        "A damaged catalog" => fs::write(daily.at("mon/CHECKPOINT"), "damaged").unwrap(),
        "Restore a database" => fs::create_dir_all(data.join("db")).unwrap(),
        "An undecided target" => {
            fs::create_dir_all(data.join("db")).unwrap();
            fs::create_dir_all(data.join(".db.checkpoint-staged")).unwrap();
        }
        "A damaged manifest" => {
            assert_eq!(daily.run(&["restore", "{d}/backups/mon", "{d}/data/db"]).code, 0);
            let mut bytes = fs::read(data.join("db/v1")).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(data.join("db/v1"), bytes).unwrap();
        }
        "A nightly job"
        | "A restore drill"
        | "Moving to another disk"
        | "Off the machine"
        | "A full disk" => {}
        other => panic!("how does the recipe {other:?} begin?"),
    }
}

/// Lists the commands of a recipe, also from its systemd units, each with the expected exit code.
fn commands(recipe: &str) -> Vec<(String, i32)> {
    let blocks = recipe.split("```").skip(1).step_by(2);
    let lines = blocks.flat_map(|block| {
        let (language, text) = block.split_once('\n').unwrap();
        text.lines().filter_map(move |line| match language {
            "sh" => Some(line),
            "ini" => line.strip_prefix("ExecStart="),
            other => panic!("a block in {other}"),
        })
    });
    lines.map(|line| (line.to_owned(), if line.ends_with("# exits with 2") { 2 } else { 0 })).collect()
}

/// Installs a script that runs the command at the fixed present.
fn install(dir: &Path) {
    let binary = env!("CARGO_BIN_EXE_lsm-checkpoint");
    let script = format!("#!/bin/sh\nexec '{binary}' --now {PRESENT} \"$@\"\n");
    fs::write(dir.join("lsm-checkpoint"), script).unwrap();
    fs::set_permissions(dir.join("lsm-checkpoint"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_recipes_run() {
    let (_, cookbook) = README.split_once("\n## Cookbook\n").unwrap();
    let (cookbook, _) = cookbook.split_once("\n## ").unwrap();
    let mut ran = 0;
    for recipe in cookbook.split("\n### ").skip(1) {
        let (title, text) = recipe.split_once('\n').unwrap();
        let daily = Daily::empty();
        prepare(title, &daily);
        install(daily.temp.path());
        let dir = daily.temp.path().to_str().unwrap();
        for (line, code) in commands(text) {
            let mut here = line.replace("/usr/local/bin/lsm-checkpoint", "lsm-checkpoint");
            for place in ["/backups", "/data/", "/mnt/", "/var/lib/"] {
                here = here.replace(&format!(" {place}"), &format!(" {dir}{place}"));
            }
            here = here.replace("file:///mnt/", &format!("file://{dir}/mnt/"));
            let path = format!("{dir}:{}", std::env::var("PATH").unwrap());
            let shell = Ran::of(
                Command::new("sh").args(["-c", &here]).env("PATH", path).env("TZ", "UTC").env("HOME", dir),
                dir,
            );
            assert_eq!(shell.code, code, "{title}: {line}\n{}{}", shell.out, shell.err);
            ran += 1;
        }
    }
    assert_eq!(ran, 32);
}
