//! `store push`.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use lsm_checkpoint_store::{Key, ObjectName, OnProgress, PushOptions, Pushed};
use lsm_fs::{FsExt, StdFs};

use super::{look::record_of, open::ClientArgs};
use crate::{
    exit::Exit,
    failure::Failure,
    location::resolve,
    session::{Result, Session},
    text,
};

/// The maximum length of a list of damaged objects, in bytes.
const LIST_MAX: u64 = 64 << 20;

/// Push a checkpoint into a repository.
///
/// Only files that the last backup of the same source lacks are sent. The backup appears only once it is complete. To
/// resume a killed push, run it again.
#[derive(Args, Debug)]
pub(super) struct PushArgs {
    /// The repository.
    url: String,
    /// A checkpoint, or DIR@latest.
    checkpoint: PathBuf,
    /// Read every file, even if the last backup has one with the same name, length and checksum.
    #[arg(long)]
    rehash: bool,
    /// Send files again whose objects this list names. `store check` and `store verify` write it with --save.
    #[arg(long, value_name = "FILE")]
    distrust: Option<PathBuf>,
}

impl PushArgs {
    pub(super) fn run(&self, session: &Session, client: &ClientArgs) -> Result {
        let path = resolve(session, &self.checkpoint)?;
        let distrusted = self.distrusted()?;
        let opened = client.open_to_push(session, &self.url)?;
        let pushed = with_meter(session, "push", |tell| {
            let options = PushOptions::new().rehash(self.rehash).distrust(distrusted).progress(tell);
            Ok(opened.repository.push(Arc::new(StdFs), &path, &options)?)
        })?;
        self.show(session, &pushed);
        Ok(Exit::Done)
    }

    /// Reads the list of damaged objects.
    fn distrusted(&self) -> Result<Vec<ObjectName>> {
        let Some(file) = &self.distrust else { return Ok(Vec::new()) };
        let text = String::from_utf8_lossy(&StdFs.read_to_vec(file, LIST_MAX)?).into_owned();
        let lines = text.lines().filter(|line| !line.is_empty());
        lines
            .map(|line| {
                let key = Key::parse(line).and_then(|key| key.object());
                key.ok_or_else(|| {
                    let line = text::plain(line).into_owned();
                    Failure::usage(format!("{}: not the name of an object: {line}", text::path(file)))
                })
            })
            .collect()
    }

    fn show(&self, session: &Session, pushed: &Pushed) {
        let Pushed { backup, was_there, .. } = pushed;
        let (url, id) = (text::plain(&self.url), backup.id);
        if *was_there {
            session.out.line(format!("{url}@{id}: already in the repository"));
        } else {
            session.out.line(format!(
                "{url}@{id}: pushed, sent {} in {}, reused {} in {}",
                session.size(pushed.sent_bytes),
                text::count(pushed.sent_files, "file"),
                session.size(pushed.reused_bytes),
                text::count(pushed.reused_files, "file"),
            ));
        }
        if pushed.fences > 0 {
            session.out.note("a collector fenced this push as idle; raise the collector's --fence-idle");
        }
        session.out.record(
            &record_of("pushed", backup)
                .with("was_there", *was_there)
                .number("sent_files", pushed.sent_files)
                .number("sent_bytes", pushed.sent_bytes)
                .number("reused_files", pushed.reused_files)
                .number("reused_bytes", pushed.reused_bytes),
        );
    }
}

/// Runs a step with progress, and clears the progress before it returns.
pub(super) fn with_meter<T>(
    session: &Session,
    step: &str,
    run: impl FnOnce(OnProgress) -> Result<T>,
) -> Result<T> {
    let meter = Arc::new(session.meter(step));
    let shared = Arc::clone(&meter);
    let result = run(Arc::new(move |progress| shared.tell(progress)));
    drop(meter);
    result
}
