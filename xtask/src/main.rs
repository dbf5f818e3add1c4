//! The chores of this workspace: one command for the tests, the same locally and in CI.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its terminal")]

mod api;
mod bench;
mod ci;
mod cmd;
mod install;
mod mutants;
mod realfs;
mod report;
mod soak;
mod tidy;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

mod flags {
    #![allow(unreachable_pub, reason = "xflags generates public items")]

    use std::path::PathBuf;

    xflags::xflags! {
        /// The chores of this workspace.
        cmd xtask {
            /// Everything that must hold before a commit lands.
            cmd ci {
                /// Run this step only; may be given several times.
                repeated --only step: String
                /// List the steps and stop.
                optional --list
            }
            /// Run the `realfs` tests on ext4, XFS, btrfs and tmpfs; needs root.
            cmd realfs {
                /// Passed on to the test binaries, after `--`.
                repeated filter: String
            }
            /// Check rules that no compiler knows: layers, words, documents.
            cmd tidy {
                /// Print the figures of the English beside their ceilings, and stop.
                optional --prose
                /// Lower the ceilings of the English to the figures of the working tree, and stop.
                optional --lower
            }
            /// Compare the public API of each crate with its `PUBLIC_API.txt`; needs a nightly toolchain.
            cmd api {
                /// Write the files instead.
                optional --write
            }
            /// Run property tests, crash sweeps and fuzz targets with fresh seeds, in turn, until the time is over.
            cmd soak {
                /// The time to run. A run that has begun ends after it.
                required --minutes minutes: u64
                /// Only targets whose name holds this word; may be given several times.
                repeated --only name: String
            }
            /// Break the code as `xtask/mutants` says, one place at a time, in a copy; a test must fail each time.
            cmd mutants {
                /// Print the mutants and stop.
                optional --list
                /// Begin with this one, by its number.
                optional --from number: usize
                /// Only those whose name or file holds one of these words.
                repeated word: String
            }
            /// Run the benches that print tables on real filesystems and print their Markdown; needs root.
            cmd bench {
                /// Put the tables into this document, in the place of the tables of the same command.
                optional --out file: PathBuf
                /// Fail if a ratio is worse than the recorded one by more than a quarter.
                optional --check
                /// Compare with this revision instead: run both in turn, print ratios (below 1: this tree is faster).
                optional --against rev: String
                /// With --against: how many times each side runs; 3 if not given.
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

/// Runs one chore; `false` means that it ran and found something wrong.
fn dispatch(flags: flags::Xtask) -> anyhow::Result<bool> {
    match flags.subcommand {
        flags::XtaskCmd::Ci(ci) if ci.list => Ok(ci::list()),
        flags::XtaskCmd::Ci(ci) => ci::run(&ci.only),
        flags::XtaskCmd::Realfs(realfs) => realfs::run(&Workspace::load()?, &realfs.filter),
        flags::XtaskCmd::Tidy(tidy) if tidy.lower => tidy::lower_ceilings(&Workspace::load()?),
        flags::XtaskCmd::Tidy(tidy) if tidy.prose => tidy::show_prose(&Workspace::load()?),
        flags::XtaskCmd::Tidy(_) => tidy::run(&Workspace::load()?),
        flags::XtaskCmd::Api(api) => api::run(&Workspace::load()?, api.write),
        flags::XtaskCmd::Soak(soak) => soak::run(&Workspace::load()?, soak.minutes, &soak.only),
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
