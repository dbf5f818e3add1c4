//! `store forget`, `store undo` and `store fence`: changes that delete nothing.

use clap::Args;
use lsm_checkpoint_store::{BackupId, WriterId, blocking::Repository};

use super::{
    open::{ClientArgs, ask},
    pick::{digits, find},
};
use crate::{
    exit::Exit,
    failure::Failure,
    record::Record,
    session::{Result, Session},
    text,
};

/// Forget backups. Until `store collect` drops them after the grace, `store undo` brings them back.
#[derive(Args, Debug)]
pub(super) struct ForgetArgs {
    /// The repository.
    url: String,
    /// Backups, named by the first digits of their identifiers.
    #[arg(required = true, value_parser = digits)]
    ids: Vec<String>,
}

impl ForgetArgs {
    pub(super) fn run(&self, session: &Session, client: &ClientArgs) -> Result {
        let opened = client.open(session, &self.url)?;
        let repository = &opened.repository;
        let backups = ask(session, repository, Repository::list)?;
        let forgotten = ask(session, repository, Repository::status)?.forgotten;
        // If a response was lost, the operator repeats the command, and the backup is already forgotten.
        let known = || backups.iter().chain(forgotten.iter().map(|forgotten| &forgotten.backup));
        let ids = self.ids.iter().map(|digits| find(&self.url, known(), digits).map(|backup| backup.id));
        let ids: Vec<_> = ids.collect::<Result<_>>()?;
        repository.forget(&ids)?;
        tell(session, &ids, "forgotten");
        Ok(Exit::Done)
    }
}

/// Bring forgotten backups back.
#[derive(Args, Debug)]
pub(super) struct UndoArgs {
    /// The repository.
    url: String,
    /// Backups, named by the first digits of their identifiers. `store status` shows them.
    #[arg(required = true, value_parser = digits)]
    ids: Vec<String>,
}

impl UndoArgs {
    pub(super) fn run(&self, session: &Session, client: &ClientArgs) -> Result {
        let opened = client.open(session, &self.url)?;
        let repository = &opened.repository;
        let backups = ask(session, repository, Repository::list)?;
        let forgotten = ask(session, repository, Repository::status)?.forgotten;
        let known = || forgotten.iter().map(|forgotten| &forgotten.backup).chain(&backups);
        let ids = self.ids.iter().map(|digits| find(&self.url, known(), digits).map(|backup| backup.id));
        let ids: Vec<_> = ids.collect::<Result<_>>()?;
        repository.undo(&ids)?;
        tell(session, &ids, "brought_back");
        Ok(Exit::Done)
    }
}

fn tell(session: &Session, ids: &[BackupId], state: &'static str) {
    for id in ids {
        session.out.line(format!("{id}: {}", state.replace('_', " ")));
        session.out.record(&Record::new("changed").with("id", id.to_string()).with("state", state));
    }
}

/// Fence the push of a dead writer: declare it over, so that the next `store collect` deletes its objects.
///
/// If the writer is alive after all, its push copies its objects within the store and goes on. The third fence ends it.
/// No data is lost.
#[derive(Args, Debug)]
pub(super) struct FenceArgs {
    /// The repository.
    url: String,
    /// The writer, as `store writers` shows it.
    writer: String,
}

impl FenceArgs {
    pub(super) fn run(&self, session: &Session, client: &ClientArgs) -> Result {
        let writer: WriterId = self
            .writer
            .parse()
            .map_err(|error| Failure::usage(format!("{}: {error}", text::plain(&self.writer))))?;
        let opened = client.open(session, &self.url)?;
        if opened.repository.fence(writer)? {
            session.out.line(format!("{writer}: fenced"));
        } else {
            // If a response was lost, the operator repeats the command.
            let url = text::plain(&self.url);
            session.out.note(format!(
                "no push of writer {writer} is under way; `lsm-checkpoint store writers {url}` shows all"
            ));
        }
        session.out.record(&Record::new("changed").with("id", writer.to_string()).with("state", "fenced"));
        Ok(Exit::Done)
    }
}
