//! [`Globals`]: the options of all verbs.

use clap::Args;
use jiff::Timestamp;

/// The options that every verb has.
#[derive(Args, Debug)]
#[command(next_help_heading = "Options of all commands")]
pub(crate) struct Globals {
    /// Print one JSON object a line; the schema is in the repository.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print exact numbers of bytes.
    #[arg(long, global = true)]
    pub(crate) bytes: bool,
    /// Print results and errors only.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Print the messages of the library too.
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    /// Show progress even if stderr is no terminal: a line a second.
    #[arg(long, global = true, conflicts_with = "no_progress")]
    pub(crate) progress: bool,
    /// Show no progress.
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
    /// Take this time for the present, so that ages are the same in every run of a test.
    #[arg(long, global = true, hide = true, value_name = "TIME")]
    pub(crate) now: Option<Timestamp>,
}
