//! `store list`, `store show`, `store status` and `store writers`.

use clap::Args;
use jiff::SignedDuration;
use lsm_checkpoint::Catalog;
use lsm_checkpoint_store::{
    Backup, Forgotten, ReadOptions, RegisteredWriter, SourceStatus, blocking::Repository,
};

use super::{
    open::{ClientArgs, ask},
    pick::{BackupName, newest_in_time},
};
use crate::{
    exit::Exit,
    record::Record,
    session::{Result, Session},
    table::{Column, Columns},
    text,
    verbs::show::show_catalog,
};

/// The digits of an identifier that a table shows.
const SHORT: usize = 12;

/// List the backups of a repository, ordered by the time of their checkpoints.
#[derive(Args, Debug)]
pub(super) struct ListArgs {
    /// The repository.
    url: String,
    /// Only the backups of this source.
    #[arg(long, value_name = "IDENTITY")]
    source: Option<String>,
}

const COLUMNS: [Column; 7] = [
    Column::text("ID"),
    Column::text("TIME"),
    Column::text("AGE").gives_way(2),
    Column::text("SOURCE"),
    Column::number("SEQNO").gives_way(1),
    Column::number("FILES"),
    Column::number("BYTES"),
];

impl ListArgs {
    pub(super) fn run(&self, session: &Session, client: &ClientArgs) -> Result {
        let opened = client.open(session, &self.url)?;
        let mut backups = ask(session, &opened.repository, Repository::list)?;
        backups.retain(|backup| self.source.as_ref().is_none_or(|source| backup.source == *source));
        backups.sort_by_key(|backup| (backup.created, backup.pushed));
        if backups.is_empty() {
            session.out.line(format!("{}: no backups", text::plain(&self.url)));
            return Ok(Exit::Done);
        }
        let mut table = Columns::new(COLUMNS);
        for backup in &backups {
            let created = text::since_epoch(backup.created);
            table.row([
                short(&backup.id.to_string()),
                session.time(created),
                session.age(created),
                text::plain(&backup.source).into_owned(),
                backup.seqno.map_or_else(|| "-".to_owned(), |seqno| seqno.to_string()),
                backup.files.to_string(),
                session.size(backup.bytes),
            ]);
            session.out.record(&record_of("backup", backup));
        }
        session.out.lines(&table.show());
        Ok(Exit::Done)
    }
}

pub(super) fn short(id: &str) -> String {
    id.chars().take(SHORT).collect()
}

/// Makes the `--json` record of a backup.
pub(super) fn record_of(kind: &'static str, backup: &Backup) -> Record {
    Record::new(kind)
        .with("id", backup.id.to_string())
        .with("source", backup.source.as_str())
        .number("seqno", backup.seqno)
        .time("created", text::since_epoch(backup.created))
        .time("pushed", text::since_epoch(backup.pushed))
        .number("files", backup.files)
        .number("bytes", backup.bytes)
}

/// Show the catalog of a backup: its trees and its files.
#[derive(Args, Debug)]
pub(super) struct ShowArgs {
    /// URL@latest or URL@ID.
    backup: BackupName,
    /// With URL@latest: choose the newest backup of this source.
    #[arg(long, value_name = "IDENTITY")]
    source: Option<String>,
}

impl ShowArgs {
    pub(super) fn run(&self, session: &Session, client: &ClientArgs) -> Result {
        let opened = client.open(session, &self.backup.url)?;
        let backup = self.backup.resolve(session, &opened.repository, self.source.as_deref())?;
        let id = backup.id;
        let files = ask(session, &opened.repository, move |all| all.files(id, &ReadOptions::new()))?;
        let catalog = Catalog::read(&files, files.dir())?;
        let name = format!("{}@{}", self.backup.url, backup.id);
        show_catalog(session, name.as_ref(), &catalog);
        Ok(Exit::Done)
    }
}

/// Show the last backup of each source, forgotten backups, and unfinished pushes.
///
/// A backup whose time is in the future is skipped, because its age would hide that newer backups are missing.
#[derive(Args, Debug)]
pub(super) struct StatusArgs {
    /// The repository.
    url: String,
}

impl StatusArgs {
    pub(super) fn run(&self, session: &Session, client: &ClientArgs) -> Result {
        let opened = client.open(session, &self.url)?;
        let mut status = ask(session, &opened.repository, Repository::status)?;
        let backups = ask(session, &opened.repository, Repository::list)?;
        for source in &mut status.sources {
            let of_source = backups.iter().filter(|backup| backup.source == source.source);
            if let Some(newest) = newest_in_time(session, of_source) {
                source.last = newest.clone();
            }
        }
        session.out.record(&Record::new("state").number("number", status.state));
        let mut table = Columns::new([
            Column::text("SOURCE"),
            Column::text("LAST BACKUP"),
            Column::text("TIME"),
            Column::text("AGE"),
            Column::number("BACKUPS"),
            Column::number("BYTES"),
        ]);
        for source in &status.sources {
            let created = text::since_epoch(source.last.created);
            table.row([
                text::plain(&source.source).into_owned(),
                short(&source.last.id.to_string()),
                session.time(created),
                session.age(created),
                source.backups.to_string(),
                session.size(source.bytes),
            ]);
            session.out.record(&record_of_source(session, source));
        }
        match status.sources.len() {
            0 => session.out.line(format!("{}: no backups", text::plain(&self.url))),
            _ => session.out.lines(&table.show()),
        }
        for forgotten in &status.forgotten {
            show_forgotten(session, forgotten);
        }
        show_writers(session, &status.writers);
        Ok(Exit::Done)
    }
}

fn record_of_source(session: &Session, source: &SourceStatus) -> Record {
    let age: SignedDuration = session.now.duration_since(text::since_epoch(source.last.created));
    Record::new("source")
        .with("source", source.source.as_str())
        .with("last", source.last.id.to_string())
        .time("created", text::since_epoch(source.last.created))
        .number("age_seconds", u64::try_from(age.as_secs()).unwrap_or_default())
        .number("backups", source.backups)
        .number("bytes", source.bytes)
}

fn show_forgotten(session: &Session, forgotten: &Forgotten) {
    let backup = &forgotten.backup;
    let seen = forgotten.seen.map(text::since_epoch);
    let since = seen.map_or_else(
        || "its grace begins with the next collect".to_owned(),
        |seen| format!("its grace began {}", session.time(seen)),
    );
    session.out.line(format!(
        "forgotten: {} of {}, {since}",
        short(&backup.id.to_string()),
        text::plain(&backup.source)
    ));
    session.out.record(&record_of("forgotten", backup).time("grace_began", seen));
}

/// Show pushes that are under way or have died.
#[derive(Args, Debug)]
pub(super) struct WritersArgs {
    /// The repository.
    url: String,
}

impl WritersArgs {
    pub(super) fn run(&self, session: &Session, client: &ClientArgs) -> Result {
        let opened = client.open(session, &self.url)?;
        let status = ask(session, &opened.repository, Repository::status)?;
        if status.writers.is_empty() {
            session.out.line(format!("{}: there are no unfinished pushes", text::plain(&self.url)));
        }
        show_writers(session, &status.writers);
        Ok(Exit::Done)
    }
}

fn show_writers(session: &Session, writers: &[RegisteredWriter]) {
    for writer in writers {
        let started = text::since_epoch(writer.started);
        session.out.line(format!(
            "unfinished push: writer {}, process {} on {}, for {}",
            writer.id,
            writer.process,
            text::plain(&writer.host),
            session.age(started)
        ));
        session.out.record(
            &Record::new("writer")
                .with("id", writer.id.to_string())
                .with("host", writer.host.as_str())
                .with("process", writer.process)
                .time("started", started),
        );
    }
}
