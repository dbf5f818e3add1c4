//! The chores of this workspace: one command for the tests, the same locally and in CI.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its terminal")]

mod api;
mod bench;
mod ci;
mod cmd;
mod install;
mod mutants;
mod powercut;
mod realfs;
mod release;
mod report;
mod servers;
mod soak;
mod tidy;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

mod flags {
    #![allow(unreachable_pub, reason = "xflags generates public items")]

    use std::path::PathBuf;

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
                /// Run the tests on overlayfs, exFAT, NTFS and a FUSE passthrough instead.
                optional --foreign
                /// Passed on to the test binaries, after `--`.
                repeated filter: String
            }
            /// Cut the power below ext4, XFS and btrfs, and compare the remains with the crash model. Needs root.
            cmd powercut {
                /// Try everything, which takes hours. Without it, a part that takes ten minutes at most.
                optional --full
                /// Passed on to the laboratory, after `--`.
                repeated arg: String
            }
            /// Check rules that the compiler cannot: layers, words, documents.
            cmd tidy {
                /// Print the figures of the English beside their ceilings, and stop.
                optional --prose
                /// Lower the ceilings of the English to the figures of the working tree, and stop.
                optional --lower
            }
            /// Compare the public API of each crate with its `PUBLIC_API.txt`. Needs a nightly toolchain.
            cmd api {
                /// Write the files instead.
                optional --write
            }
            /// Check that the crates can be released: versions, changelogs, public APIs, packages. Publishes nothing.
            cmd release {
                /// Required: the command for the real release is `cargo publish`, by a person.
                required --dry-run
            }
            /// Run property tests, crash sweeps and fuzz targets in turn, with fresh seeds, until the time is over.
            cmd soak {
                /// The time to run. The last run may end later.
                required --minutes minutes: u64
                /// Only targets whose name holds this word. May be given several times.
                repeated --only name: String
            }
            /// Run the proof of the repository at its full size, and its tests on every object store. Takes an hour.
            cmd servers {
                /// The time for which a herd of processes works. Default: 10.
                optional --minutes minutes: u64
            }
            /// Break a copy of the code as `xtask/mutants` says, one place at a time. A test must fail each time.
            cmd mutants {
                /// Print the mutants and stop.
                optional --list
                /// Begin with the mutant of this number.
                optional --from number: usize
                /// Only mutants whose name or file holds one of these words.
                repeated word: String
            }
            /// Run the benches on real filesystems and print their tables as Markdown. Needs root.
            cmd bench {
                /// Put the tables into this document, in place of the tables of the same command.
                optional --out file: PathBuf
                /// Fail if a ratio is more than a quarter above the recorded one.
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
    let flags = flags::Xtask::from_env_or_exit();
    match dispatch(flags) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
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
        flags::XtaskCmd::Powercut(power) => powercut::run(&Workspace::load()?, power.full, &power.arg),
        flags::XtaskCmd::Tidy(tidy) if tidy.lower => tidy::lower_ceilings(&Workspace::load()?),
        flags::XtaskCmd::Tidy(tidy) if tidy.prose => tidy::show_prose(&Workspace::load()?),
        flags::XtaskCmd::Tidy(_) => tidy::run(&Workspace::load()?),
        flags::XtaskCmd::Api(api) => api::run(&Workspace::load()?, api.write),
        flags::XtaskCmd::Release(_) => release::run(&Workspace::load()?),
        flags::XtaskCmd::Soak(soak) => soak::run(&Workspace::load()?, soak.minutes, &soak.only),
        flags::XtaskCmd::Servers(servers) => servers::run(&Workspace::load()?, servers.minutes.unwrap_or(10)),
        flags::XtaskCmd::Mutants(mutants) => {
            let flags::Mutants { list, from, word } = &mutants;
            let from = from.unwrap_or_default();
            let task = mutants::Task { list: *list, from, filter: word };
            mutants::run(&Workspace::load()?.root, &task)
        }
        flags::XtaskCmd::Bench(bench) => {
            if bench.against.is_none() && (bench.rounds.is_some() || bench.limit.is_some()) {
                anyhow::bail!("--rounds and --limit belong to --against REV");
            }
            let against = bench.against.as_deref().map(|revision| {
                let rounds = bench.rounds.unwrap_or(3).max(1);
                bench::Against { revision, rounds, limit: bench.limit }
            });
            let usage = bench::Use { out: bench.out.as_deref(), check: bench.check, against };
            bench::run(&Workspace::load()?, &bench.job, usage)
        }
    }
}
