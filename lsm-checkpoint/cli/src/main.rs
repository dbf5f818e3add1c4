//! `lsm-checkpoint`, the operator's command. `README.md` is its manual.
//!
//! Each verb has a file in `verbs/` with its arguments and its `run`. That function takes a [`session::Session`],
//! prints through [`output::Output`], and returns an [`exit::Exit`] or a [`failure::Failure`].

mod args;
mod around;
mod exit;
mod failure;
mod globals;
mod groups;
mod location;
mod logger;
mod output;
mod owner;
mod progress;
mod prometheus;
mod record;
mod retention;
mod session;
mod signals;
mod table;
mod text;
mod verbs;
mod waiting;

use std::process::ExitCode;

use args::{Cli, Verb};
use clap::{
    Parser,
    error::{ContextKind, ContextValue, ErrorKind},
};
use exit::Exit;
use failure::Failure;
use output::{Form, show_failure};
use session::{Result, Session};
use signals::Signals;

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => run(&cli),
        Err(error) => end_of_parsing(&error),
    }
}

fn run(cli: &Cli) -> ExitCode {
    let signals = match Signals::catch() {
        Ok(signals) => signals,
        Err(error) => {
            let failure = Failure::of_signals(&error);
            show_failure(if cli.globals.json { Form::Json } else { Form::Text }, &failure, None);
            return ExitCode::from(Exit::Io.code(None));
        }
    };
    logger::start(cli.globals.verbose);
    let session = Session::new(&cli.globals, signals);
    let result = dispatch(&cli.verb, &session);
    // If both fail, report the failure of the work rather than the failure of the output.
    let result = result.and_then(|exit| session.out.finish().map(|()| exit));
    let signal = session.signals.arrived();
    let exit = result.unwrap_or_else(|failure| {
        session.out.failure(&failure, signal);
        failure.exit
    });
    ExitCode::from(exit.code(signal))
}

fn dispatch(verb: &Verb, session: &Session) -> Result {
    match verb {
        Verb::List(args) => args.run(session),
        Verb::Show(args) => args.run(session),
        Verb::Du(args) => args.run(session),
        Verb::Diff(args) => args.run(session),
        Verb::Verify(args) => args.run(session),
        Verb::Check(args) => args.run(session),
        Verb::Restore(args) => args.run(session),
        Verb::Copy(args) => args.run(session),
        Verb::Remove(args) => args.run(session),
        Verb::Prune(args) => args.run(session),
        Verb::Sweep(args) => args.run(session),
        Verb::Manifest(args) => args.run(session),
        #[cfg(feature = "store")]
        Verb::Store(args) => args.run(session),
        Verb::Completions(args) => args.run::<Cli>(session),
        Verb::Man(args) => args.run::<Cli>(session),
    }
}

/// Prints help and version to stdout. Anything else from clap is a usage error.
fn end_of_parsing(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // A reader that closed the pipe has seen enough.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let is_json = std::env::args_os().any(|arg| arg == "--json");
    if is_create(error) {
        let failure = Failure::usage("there is no `create`, because the engine makes the checkpoints")
            .hint("see the end of `lsm-checkpoint --help`");
        show_failure(if is_json { Form::Json } else { Form::Text }, &failure, None);
    } else if is_json {
        let text = error.render().to_string();
        let message = text.trim_start_matches("error: ").trim_end();
        show_failure(Form::Json, &Failure::usage(message), None);
    } else {
        let _ = error.print();
    }
    ExitCode::from(Exit::Usage.code(None))
}

/// Returns `true` for the command `create`. For clap, the most similar one is `restore`, which does the opposite.
fn is_create(error: &clap::Error) -> bool {
    matches!(error.get(ContextKind::InvalidSubcommand), Some(ContextValue::String(name)) if name == "create")
}
