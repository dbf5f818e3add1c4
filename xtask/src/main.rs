//! The chores of this workspace: one command for the tests, the same locally and in CI.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its terminal")]

mod bench;
mod ci;
mod forward;
mod install;
mod platforms;
mod powercut;
mod realfs;
mod report;
mod servers;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::bail;
use workspace::Workspace;
use xtask_common::{cmd, workspace};

mod flags {
    #![allow(unreachable_pub, reason = "xflags generates public items")]

    use std::ffi::OsString;

    xflags::xflags! {
        /// Runs the chores of this workspace.
        cmd xtask {
            /// Run everything that must pass before a commit lands.
            cmd ci {
                /// Run this step only. May be given several times.
                repeated --only step: String
                /// List the steps and stop.
                optional --list
            }
            /// Run the `realfs` tests on ext4, XFS, btrfs and tmpfs. Needs root.
            cmd realfs {
                /// Run the tests on overlayfs, exFAT, NTFS, FUSE file systems and a btrfs quota instead.
                optional --foreign
                /// Passed on to the test binaries, after `--`.
                repeated filter: String
            }
            /// Cut the power below ext4, XFS and btrfs, and compare the remains with the crash model. Needs root.
            cmd powercut {
                /// Try everything, which takes hours. Without it, a part that takes ten minutes at most.
                optional --full
                /// Passed on to the power-cut test, after `--`.
                repeated arg: String
            }
            /// Check the core crates for other platforms, and run part of their tests under wine and qemu. Takes an
            /// hour.
            cmd platforms {
                /// Record the results in `lsm-fs/PLATFORMS.md`.
                optional --write
                /// Only targets whose name holds one of these words, such as `windows`.
                repeated word: String
            }
            /// Check rules that the compiler cannot: layers, words, documents.
            cmd tidy { repeated args: OsString }
            /// Compare the public API of each crate with its `PUBLIC_API.txt`.
            cmd api { repeated args: OsString }
            /// Check that the crates can be released. Publishes nothing.
            cmd release { repeated args: OsString }
            /// Run property tests, crash sweeps and fuzz targets in turn, with fresh seeds.
            cmd soak { repeated args: OsString }
            /// Break a copy of the code as `xtask/mutants` says, one place at a time. A test must fail each time.
            cmd mutants { repeated args: OsString }
            /// Draw the recorded tables of the benches.
            cmd plots { repeated args: OsString }
            /// Run the searches of the store's proof at full size, and its tests on each object server. Takes an hour.
            cmd servers {
                /// The time for which the processes of the part `herd` work. Default: 10.
                optional --minutes minutes: u64
                /// Run this part only: proof, tours, faults, engines, command, herd or resume. May be given several
                /// times.
                repeated --only part: String
            }
            /// Run the benches on real filesystems and print their tables as Markdown. Needs root.
            cmd bench {
                /// Record the tables below `xtask/bench`, in place of the tables of the same jobs, and draw the plots.
                optional --out
                /// Fail if a row is missing, over its target, or more than a quarter above its recorded ratio, in two
                /// runs.
                optional --check
                /// Compare with this revision instead: run both in turn, print ratios (below 1: this tree is faster).
                optional --against rev: String
                /// With --against: the number of runs of each side. Default: 3.
                optional --rounds count: usize
                /// With --against: fail if the ratio of a row is above this, e.g. 1.1.
                optional --limit ratio: f64
                /// Passed on to the benches, after `--`.
                repeated job: String
            }
        }
    }
}

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    xtask_common::exit_code(forward::run(&args).unwrap_or_else(|| dispatch(flags::Xtask::from_env_or_exit())))
}

/// Runs one chore. Returns `false` if it ran and found a fault.
fn dispatch(flags: flags::Xtask) -> anyhow::Result<bool> {
    match flags.subcommand {
        flags::XtaskCmd::Ci(ci) if ci.list => Ok(ci::list()),
        flags::XtaskCmd::Ci(ci) => ci::run(&ci.only),
        flags::XtaskCmd::Realfs(realfs) if realfs.foreign => {
            realfs::run_foreign(&Workspace::load()?, &realfs.filter)
        }
        flags::XtaskCmd::Realfs(realfs) => realfs::run(&Workspace::load()?, &realfs.filter),
        flags::XtaskCmd::Platforms(all) => platforms::run(&Workspace::load()?, all.write, &all.word),
        flags::XtaskCmd::Powercut(power) => powercut::run(&Workspace::load()?, power.full, &power.arg),
        flags::XtaskCmd::Servers(servers) => {
            servers::run(&Workspace::load()?, servers.minutes.unwrap_or(10), &servers.only)
        }
        flags::XtaskCmd::Bench(bench) => {
            if bench.against.is_none() && (bench.rounds.is_some() || bench.limit.is_some()) {
                bail!("--rounds and --limit belong to --against REV");
            }
            let against = bench.against.as_deref().map(|revision| {
                let rounds = bench.rounds.unwrap_or(3).max(1);
                bench::Against { revision, rounds, limit: bench.limit }
            });
            let usage = bench::Use { out: bench.out, check: bench.check, against };
            bench::run(&Workspace::load()?, &bench.job, usage)
        }
        _ => bail!("this chore is a program of its own"),
    }
}
