//! [`Side`]: the programs that push and restore.

use std::path::Path;
use std::process::{Command, Stdio};

use lsm_checkpoint_servers::BUCKET;

use crate::client::{self, CONCURRENCY};
use crate::server::{KEY, SECRET, Served};
use crate::table::Target;

/// A program that pushes and restores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    /// `object_store` alone.
    Bare,
    Rclone,
    Restic,
}

impl Side {
    /// The sides that are there.
    pub(crate) fn found() -> Vec<Self> {
        let runs = |side: &Self| match side {
            Self::Ours | Self::Bare => true,
            Self::Rclone | Self::Restic => {
                let found = Command::new(side.word()).arg("version").stdout(Stdio::null()).status().is_ok();
                if !found {
                    eprintln!("{} is not installed", side.name());
                }
                found
            }
        };
        [Self::Ours, Self::Bare, Self::Rclone, Self::Restic].into_iter().filter(runs).collect()
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Bare => "object_store",
            Self::Rclone => "rclone",
            Self::Restic => "restic",
        }
    }

    /// The name as a prefix of keys, which is also the name of the program.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            _ => self.name(),
        }
    }

    /// Our target beside this side. restic packs small files, so beside restic there is no target for them.
    pub(crate) const fn target(self, is_large: bool) -> Target {
        match self {
            Self::Bare => Target::Ratio(1.11),
            Self::Rclone => Target::Ratio(1.0),
            Self::Restic if is_large => Target::Ratio(1.0),
            _ => Target::None,
        }
    }

    /// Makes an empty repository.
    pub(crate) fn init(self, served: &Served, dir: &Path, prefix: &str) {
        match self {
            Self::Ours => drop(client::run(served, &["init", prefix])),
            Self::Restic => run(restic(served, dir, prefix).arg("init")),
            Self::Bare | Self::Rclone => {}
        }
    }

    /// Pushes a directory. `known` is the directory that was pushed before. Returns our memory, or 0 for rclone and
    /// restic.
    pub(crate) fn push(
        self,
        served: &Served,
        dir: &Path,
        prefix: &str,
        (from, known): (&Path, Option<&Path>),
    ) -> u64 {
        let text = from.to_str().unwrap();
        match self {
            Self::Ours => {
                let state = dir.join(format!("state-{prefix}"));
                client::run(served, &["push", prefix, text, state.to_str().unwrap()])
            }
            Self::Bare => {
                let known = known.map(|known| known.to_str().unwrap());
                let words: Vec<&str> = ["put", prefix, text].into_iter().chain(known).collect();
                client::run(served, &words)
            }
            Self::Rclone => {
                // Without times, which cost it one request for each file.
                run(rclone(served).args(["copy", "--size-only", text]).arg(remote(prefix)));
                0
            }
            Self::Restic => {
                // A new link changes the time of the inode.
                run(restic(served, dir, prefix).current_dir(from).args(["backup", "--ignore-ctime", "."]));
                0
            }
        }
    }

    /// Restores into a directory that does not exist. Returns our memory, or 0 for rclone and restic.
    pub(crate) fn restore(self, served: &Served, dir: &Path, prefix: &str, target: &Path) -> u64 {
        let text = target.to_str().unwrap();
        match self {
            Self::Ours => return client::run(served, &["restore", prefix, text]),
            Self::Bare => return client::run(served, &["get", prefix, text]),
            Self::Rclone => run(rclone(served).arg("copy").arg(remote(prefix)).arg(text)),
            Self::Restic => run(restic(served, dir, prefix).args(["restore", "latest", "--target", text])),
        }
        run(Command::new("sync").args(["-f", text]));
        0
    }
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn remote(prefix: &str) -> String {
    format!("s3:{BUCKET}/{prefix}")
}

fn rclone(served: &Served) -> Command {
    let mut command = Command::new("rclone");
    // rclone 1.60 refuses a bundle ("unsupported transport"), and the server speaks plain HTTP.
    command.env_remove("AWS_CA_BUNDLE");
    command.env("RCLONE_CONFIG", "/dev/null").env("RCLONE_CONFIG_S3_TYPE", "s3");
    command.env("RCLONE_CONFIG_S3_PROVIDER", "Other").env("RCLONE_CONFIG_S3_REGION", "us-east-1");
    command.env("RCLONE_CONFIG_S3_ACCESS_KEY_ID", KEY).env("RCLONE_CONFIG_S3_SECRET_ACCESS_KEY", SECRET);
    command.env("RCLONE_CONFIG_S3_ENDPOINT", &served.url).arg("--s3-no-check-bucket");
    let count = CONCURRENCY.to_string();
    command.args(["--transfers", &count, "--checkers", &count]);
    command
}

fn restic(served: &Served, dir: &Path, prefix: &str) -> Command {
    let mut command = Command::new("restic");
    command.envs(client::environment(served)).env("RESTIC_PASSWORD", "speed");
    command.env("RESTIC_CACHE_DIR", dir.join("restic-cache"));
    command.arg("-r").arg(format!("s3:{}/{BUCKET}/{prefix}", served.url));
    command.args(["-o", &format!("s3.connections={CONCURRENCY}"), "--compression", "off", "-q"]);
    command
}
