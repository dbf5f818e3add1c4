//! The command line.

use clap::{Parser, Subcommand};

use crate::{globals::Globals, verbs};

/// Lists, verifies, restores and removes the checkpoints of LSM trees, of whatever engine.
#[derive(Debug, Parser)]
#[command(name = "lsm-checkpoint", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const AFTER_HELP: &str = "\
DIR@latest names the newest sound checkpoint of a directory, wherever a checkpoint is expected.

There is no `create`: only the engine knows its live version, so the engine makes its checkpoints.
ADAPT.md of the crate lsm-checkpoint says how an engine does that.

Exit codes: 0 done; 1 usage; 2 something is unsound, or nothing is young enough; 3 another process is
at work; 4 refused, nothing changed; 5 input or output failed; 130 and 143 ended by a signal.";

/// A command.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    List(verbs::list::ListArgs),
    Show(verbs::show::ShowArgs),
    Du(verbs::du::DuArgs),
    Diff(verbs::diff::DiffArgs),
    Verify(verbs::verify::VerifyArgs),
    Check(verbs::check::CheckArgs),
    Restore(verbs::restore::RestoreArgs),
    Copy(verbs::copy::CopyArgs),
    Remove(verbs::remove::RemoveArgs),
    Prune(verbs::prune::PruneArgs),
    Sweep(verbs::sweep::SweepArgs),
    Manifest(verbs::manifest::ManifestArgs),
    #[cfg(feature = "store")]
    Store(verbs::store::StoreArgs),
    Completions(verbs::completions::CompletionsArgs),
    Man(verbs::completions::ManArgs),
}
