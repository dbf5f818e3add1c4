//! `list`: lists the checkpoints of a directory.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::Args;
use lsm_checkpoint::{CheckpointState, ListedCheckpoint};
use lsm_fs::{Fs, FsFileType, StdFs};

use crate::{
    around::no_checkpoints,
    exit::Exit,
    failure::of_error,
    record::{Record, of_path},
    session::{Result, Session},
    table::{Column, Columns},
    text,
};

/// List the checkpoints of a directory, by time.
///
/// Exits with 2 if one of them is incomplete or cannot be read.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// The directory that holds the checkpoints.
    dir: PathBuf,
}

/// A symbolic link in the directory.
struct Link {
    name: OsString,
    to: PathBuf,
}

const COLUMNS: [Column; 10] = [
    Column::text("NAME"),
    Column::text("TIME"),
    Column::text("AGE").gives_way(5),
    Column::text("IDENTITY").gives_way(6),
    Column::number("SEQNO").gives_way(1),
    Column::number("FILES").gives_way(2),
    Column::number("BYTES"),
    Column::number("SHARED").gives_way(3),
    Column::number("EXCLUSIVE").gives_way(4),
    Column::text("STATE"),
];

impl ListArgs {
    pub(crate) fn run(&self, session: &Session) -> Result {
        let mut listed = session.list(&self.dir)?;
        // Entries without a time come last, by name.
        listed.sort_by_cached_key(|checkpoint| {
            let created = checkpoint.contents.as_ref().map(|contents| contents.created);
            (created.is_none(), created, checkpoint.name.clone())
        });
        let links = links(&self.dir)?;
        let mut table = Columns::new(COLUMNS);
        for checkpoint in &listed {
            table.row(cells(session, checkpoint));
            session.out.record(&record(session, &self.dir, checkpoint));
        }
        if listed.is_empty() {
            no_checkpoints(session, &self.dir)?;
        } else {
            session.out.lines(&table.show());
        }
        for Link { name, to } in &links {
            session.out.line(format!("{} -> {}", text::name(name), text::path(to)));
            session.out.record(&Record::new("link").with("name", of_path(name)).path("to", to));
        }
        for checkpoint in &listed {
            if let CheckpointState::Unreadable(error) = &checkpoint.state {
                session.out.note(of_error(error));
            }
        }
        let is_sound = |checkpoint: &ListedCheckpoint| {
            !matches!(checkpoint.state, CheckpointState::Unreadable(_) | CheckpointState::Incomplete)
        };
        Ok(if listed.iter().all(is_sound) { Exit::Done } else { Exit::Unsound })
    }
}

fn links(dir: &Path) -> Result<Vec<Link>> {
    let entries = StdFs.read_dir(dir)?;
    let links = entries.into_iter().filter(|entry| entry.file_type == FsFileType::Symlink);
    // A link may vanish between the two calls.
    Ok(links
        .filter_map(|entry| Some(Link { to: dir.join(&entry.name).read_link().ok()?, name: entry.name }))
        .collect())
}

fn state(checkpoint: &ListedCheckpoint) -> &'static str {
    match checkpoint.state {
        CheckpointState::Complete => "complete",
        CheckpointState::Incomplete => "incomplete",
        CheckpointState::Staged => "staged",
        _ => "unreadable",
    }
}

fn cells(session: &Session, checkpoint: &ListedCheckpoint) -> Vec<String> {
    let name = text::name(&checkpoint.name);
    let state = state(checkpoint).to_owned();
    let Some(contents) = &checkpoint.contents else {
        let mut cells = vec![name];
        cells.resize(COLUMNS.len() - 1, "-".to_owned());
        cells.push(state);
        return cells;
    };
    let created = text::timestamp(contents.created);
    // In an unreadable checkpoint, not every file could be looked at, so its size is unknown.
    let size = |bytes| match checkpoint.state {
        CheckpointState::Unreadable(_) => "-".to_owned(),
        _ => session.size(bytes),
    };
    let identity = if contents.identity.is_empty() { "-".to_owned() } else { contents.identity.clone() };
    vec![
        name,
        session.time(created),
        session.age(created),
        identity,
        contents.seqno.map_or_else(|| "-".to_owned(), |seqno| seqno.to_string()),
        contents.files.to_string(),
        size(contents.shared_bytes.saturating_add(contents.exclusive_bytes)),
        size(contents.shared_bytes),
        size(contents.exclusive_bytes),
        state,
    ]
}

fn record(session: &Session, dir: &Path, checkpoint: &ListedCheckpoint) -> Record {
    let record = Record::new("checkpoint")
        .with("name", of_path(&checkpoint.name))
        .path("path", &dir.join(&checkpoint.name))
        .with("state", state(checkpoint));
    let record = match &checkpoint.state {
        CheckpointState::Unreadable(error) => record.with("error", of_error(error)),
        _ => record,
    };
    let Some(contents) = &checkpoint.contents else { return record };
    let created = text::timestamp(contents.created);
    let record = record
        .time("created", created)
        .number("age_seconds", u64::try_from(session.now.duration_since(created).as_secs()).ok())
        .with("identity", contents.identity.as_str())
        .number("seqno", contents.seqno)
        .number("version_id", contents.version_id)
        .number("files", contents.files);
    if matches!(checkpoint.state, CheckpointState::Unreadable(_)) {
        return record;
    }
    record
        .number("bytes", contents.shared_bytes.saturating_add(contents.exclusive_bytes))
        .number("shared_bytes", contents.shared_bytes)
        .number("exclusive_bytes", contents.exclusive_bytes)
}
