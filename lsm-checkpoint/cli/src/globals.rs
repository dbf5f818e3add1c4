//! [`Globals`]: the options of all verbs.

use clap::Args;
use jiff::Timestamp;

/// The options that every verb has.
#[derive(Args, Debug)]
#[command(next_help_heading = "Options of all commands")]
pub(crate) struct Globals {
    /// Print one JSON object per line. The repository has the schema (schema.json).
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print sizes as exact numbers of bytes.
    #[arg(long, global = true)]
    pub(crate) bytes: bool,
    /// Print results and errors only.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Also print the messages of the libraries.
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    /// Show progress even if stderr is not a terminal: one line per second.
    #[arg(long, global = true, conflicts_with = "no_progress")]
    pub(crate) progress: bool,
    /// Show no progress.
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
    /// Use this time as the present, so that ages are the same in every run of a test.
    #[arg(long, global = true, hide = true, value_name = "TIME")]
    pub(crate) now: Option<Timestamp>,
}
