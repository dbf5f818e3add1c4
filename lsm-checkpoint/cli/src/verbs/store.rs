//! `store`: backups of checkpoints in an object store.

mod audit;
mod changes;
mod collect;
mod doctor;
mod look;
mod open;
pub(crate) mod pick;
mod prune;
mod push;
mod restore;

use clap::{Args, Subcommand};

use crate::session::{Result, Session};

const AFTER_HELP: &str = "\
URL is s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER. Credentials,
regions and endpoints come from the environment variables that the tools of each cloud use.

URL@latest names the newest backup. URL@ID names a backup by the first digits of its identifier.";

/// Back up checkpoints to S3, Google Cloud Storage, Azure or a folder on another disk, and restore them.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct StoreArgs {
    #[command(flatten)]
    client: open::ClientArgs,
    #[command(subcommand)]
    verb: Verb,
}

/// A command on a repository.
#[derive(Debug, Subcommand)]
enum Verb {
    Init(open::InitArgs),
    Push(push::PushArgs),
    List(look::ListArgs),
    Show(look::ShowArgs),
    Status(look::StatusArgs),
    Writers(look::WritersArgs),
    Check(audit::CheckArgs),
    Verify(audit::VerifyArgs),
    Doctor(doctor::DoctorArgs),
    Restore(restore::RestoreArgs),
    Forget(changes::ForgetArgs),
    Undo(changes::UndoArgs),
    Fence(changes::FenceArgs),
    Collect(collect::CollectArgs),
    Prune(prune::PruneArgs),
}

impl StoreArgs {
    pub(crate) fn run(&self, session: &Session) -> Result {
        let client = &self.client;
        match &self.verb {
            Verb::Init(args) => args.run(session, client),
            Verb::Push(args) => args.run(session, client),
            Verb::List(args) => args.run(session, client),
            Verb::Show(args) => args.run(session, client),
            Verb::Status(args) => args.run(session, client),
            Verb::Writers(args) => args.run(session, client),
            Verb::Check(args) => args.run(session, client),
            Verb::Verify(args) => args.run(session, client),
            Verb::Doctor(args) => args.run(session, client),
            Verb::Restore(args) => args.run(session, client),
            Verb::Forget(args) => args.run(session, client),
            Verb::Undo(args) => args.run(session, client),
            Verb::Fence(args) => args.run(session, client),
            Verb::Collect(args) => args.run(session, client),
            Verb::Prune(args) => args.run(session, client),
        }
    }
}
