//! The operator's tour with the built command on an S3 server that checks signatures.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use lsm_checkpoint_servers::Server;
use lsm_checkpoint_servers::operator::{Address, Operator};
use serde_json::Value;
use tempfile::TempDir;

/// Returns the path of the command, which belongs to another package. Outside of CI, the first call builds it.
pub(crate) fn command() -> &'static Path {
    static COMMAND: OnceLock<PathBuf> = OnceLock::new();
    COMMAND.get_or_init(build)
}

fn build() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_worker")).ancestors().nth(2).unwrap();
    // In CI, the step `test` has built the command from the same checkout, together with the other crates. A build of
    // the command alone needs its dependencies with other features, which takes minutes.
    let built = target.join("debug/lsm-checkpoint");
    if std::env::var("CI").is_ok_and(|ci| ci == "true") && built.exists() {
        return built;
    }
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "-p", "lsm-checkpoint-cli", "--bin", "lsm-checkpoint", "--message-format", "json"]);
    build.arg("--target-dir").arg(target).stderr(Stdio::inherit());
    let output = build.output().unwrap();
    assert!(output.status.success(), "the command does not build");
    let messages = String::from_utf8(output.stdout).unwrap();
    let artifacts = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut programs = artifacts.filter_map(|message| Some(PathBuf::from(message["executable"].as_str()?)));
    programs.next_back().unwrap()
}

#[test]
fn the_command_gets_its_credentials_from_the_environment() {
    let (server, dir, command) = (Server::signed().unwrap(), TempDir::new().unwrap(), command());
    let address = Address::s3(&server.proxy.url());
    Operator::new(command, address, dir.path(), Some(&server.proxy)).tour().unwrap();
}

#[test]
fn the_same_tour_passes_on_a_folder() {
    let (dir, store, command) = (TempDir::new().unwrap(), TempDir::new().unwrap(), command());
    Operator::new(command, Address::folder(store.path()), dir.path(), None).tour().unwrap();
}
