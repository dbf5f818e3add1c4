//! The command line.

use clap::{Parser, Subcommand};

use crate::{globals::Globals, verbs};

/// List, verify, restore, copy and remove checkpoints of LSM storage engines.
#[derive(Debug, Parser)]
#[command(name = "lsm-checkpoint", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const AFTER_HELP: &str = "\
Wherever a command takes a CHECKPOINT, DIR@latest stands for the newest sound checkpoint in DIR.

There is no `create`: only the engine knows its live version, so it makes the checkpoints itself.
ADAPT.md of the crate lsm-checkpoint shows how to add that to an engine.

Exit codes: 0 done; 1 usage error; 2 unsound, or no checkpoint is young enough; 3 busy (another
process); 4 refused, nothing changed; 5 input or output failed; 130, 143 ended by a signal.";

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
