//! Backups of a fjall database: the recipe in the README of `lsm-checkpoint-fjall`, and the verbs of this command on
//! each backup. fjall opens every restored database, and every key is compared.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use fjall::{Database, KeyspaceCreateOptions};
use serde_json::Value;
use tempfile::TempDir;

use crate::{schema, support::Ran};

#[path = "../../../fjall/examples/nightly.rs"]
#[allow(dead_code, reason = "an example has a main function")]
mod nightly;

const README: &str = include_str!("../../../fjall/README.md");
const EXAMPLE: &str = include_str!("../../../fjall/examples/nightly.rs");

/// The keys and values of each keyspace.
type Contents = BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>;

/// Opens a database with fjall, and returns its contents.
fn contents(dir: &Path) -> Contents {
    let db = Database::builder(dir).open().unwrap();
    let dump = |name: &str| {
        let keyspace = db.keyspace(name, KeyspaceCreateOptions::default).unwrap();
        let pairs = keyspace.iter().map(|pair| pair.into_inner().unwrap());
        pairs.map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
    };
    db.list_keyspace_names().iter().map(|name| (name.to_string(), dump(name))).collect()
}

/// A database with a backup of each of three nights.
struct Nights(TempDir);

const NIGHTS: [&str; 3] = ["monday", "tuesday", "wednesday"];

impl Nights {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        nightly::three_nights(temp.path()).unwrap();
        Self(temp)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Returns the contents after a night.
    fn expected(&self, night: usize) -> Contents {
        let mut all = contents(&self.path("db"));
        let is_kept = |key: &[u8]| NIGHTS[..=night].iter().any(|night| key.starts_with(night.as_bytes()));
        all.get_mut("users").unwrap().retain(|key, _| is_kept(key));
        assert_eq!(all["users"].len(), 1000 * (night + 1));
        all
    }

    /// Runs the command. `{d}` in an argument stands for the directory.
    fn run(&self, args: &[&str]) -> Ran {
        let dir = self.0.path().to_str().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lsm-checkpoint"));
        command
            .env("XDG_STATE_HOME", self.path("state"))
            .args(args.iter().map(|arg| arg.replace("{d}", dir)));
        Ran::of(&mut command, dir)
    }

    /// Runs the command, which must succeed, and returns its lines.
    fn json(&self, args: &[&str]) -> Vec<Value> {
        let ran = self.run(&[args, &["--json", "--quiet"]].concat());
        assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
        let lines = ran.out.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.inspect(schema::check).collect()
    }
}

#[test]
fn the_function_of_the_readme_is_the_one_that_makes_these_backups() {
    let (_, function) = EXAMPLE.split_once("\nfn nightly(").unwrap();
    let (function, _) = function.split_once("\n}\n").unwrap();
    assert!(README.contains(&format!("\nfn nightly({function}\n}}\n")), "fn nightly({function}");
}

#[cfg(feature = "store")]
#[test]
fn the_recipe_of_the_readme_runs_and_the_restored_database_has_every_key() {
    let nights = Nights::new();
    let dir = nights.0.path().to_str().unwrap();
    let script = format!("#!/bin/sh\nexec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_lsm-checkpoint"));
    fs::write(nights.path("lsm-checkpoint"), script).unwrap();
    fs::set_permissions(nights.path("lsm-checkpoint"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(nights.path("data")).unwrap();
    let path = format!("{dir}:{}", std::env::var("PATH").unwrap());
    let (_, block) = README.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    for line in block.lines() {
        let here = line.replace("s3://bucket", &format!("file://{dir}/bucket"));
        let here = here.replace(" /", &format!(" {dir}/"));
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", &here]).env("PATH", &path).env("HOME", dir);
        let ran = Ran::of(shell, dir);
        assert_eq!(ran.code, 0, "{line}\n{}{}", ran.out, ran.err);
    }
    assert_eq!(block.lines().count(), 6);
    assert_eq!(contents(&nights.path("data/db")), nights.expected(2));
    assert!(nights.path("backups/wednesday").exists(), "the newest one is kept");
    let kept = fs::read_dir(nights.path("backups")).unwrap().count();
    assert!(kept < 3, "one for each day, and the backups are of the same day or of two days");
}

#[cfg(feature = "store")]
#[test]
fn each_night_comes_back_from_a_store() {
    let nights = Nights::new();
    let _ = nights.json(&["store", "init", "file://{d}/store"]);
    for (night, name) in NIGHTS.into_iter().enumerate() {
        let pushed = nights.json(&["store", "push", "file://{d}/store", &format!("{{d}}/backups/{name}")]);
        let from = format!("file://{{d}}/store@{}", pushed[0]["id"].as_str().unwrap());
        let _ = nights.json(&["store", "restore", &from, &format!("{{d}}/{name}")]);
        assert_eq!(contents(&nights.path(name)), nights.expected(night), "{name}");
    }
    let _ = nights.json(&["store", "verify", "file://{d}/store"]);
}

#[test]
fn backups_are_listed_verified_copied_and_restored() {
    let nights = Nights::new();
    let listed = nights.json(&["list", "{d}/backups"]);
    let of = |field: &str| listed.iter().map(|line| line[field].clone()).collect::<Vec<_>>();
    assert_eq!(listed.len(), 3);
    let identities = of("identity");
    assert!(identities[0].as_str().unwrap().starts_with("fjall-"), "{listed:?}");
    assert!(identities.iter().all(|identity| *identity == identities[0]), "{listed:?}");
    fs::create_dir(nights.path("disk")).unwrap();
    for (night, name) in NIGHTS.into_iter().enumerate() {
        let backup = format!("{{d}}/backups/{name}");
        let _ = nights.json(&["verify", &backup]);
        let _ = nights.json(&["copy", &backup, &format!("{{d}}/disk/{name}")]);
        let _ = nights.json(&["restore", &format!("{{d}}/disk/{name}"), &format!("{{d}}/{name}")]);
        assert_eq!(contents(&nights.path(name)), nights.expected(night), "{name}");
    }
    let journal = nights.path("backups/monday/0.jnl");
    let mut bytes = fs::read(&journal).unwrap();
    bytes[100] ^= 1;
    fs::write(&journal, bytes).unwrap();
    assert_eq!(nights.run(&["verify", "{d}/backups/monday"]).code, 2, "a flipped bit of a journal");
}
