//! The options of all `store` commands, and `store init`.

use std::{
    env,
    num::NonZeroU64,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use clap::Args;
use lsm_checkpoint_store::{Location, Options, Retries, blocking::Repository};
use lsm_fs::{Fs, FsDirLock, FsExt, StdFs};

use crate::{
    exit::Exit,
    output::to_stderr,
    record::Record,
    session::{Result, Session},
    text::{self, parse_age, parse_size},
};

/// The options of every command on a repository.
#[derive(Args, Debug)]
#[command(next_help_heading = "Options of all store commands")]
pub(super) struct ClientArgs {
    /// The state directory, which remembers the newest state seen and unfinished pushes. Default: `$STATE_DIRECTORY`,
    /// which systemd sets, or `lsm-checkpoint` in `$XDG_STATE_HOME` or `~/.local/state`.
    #[arg(long, value_name = "DIR", global = true)]
    state: Option<PathBuf>,
    /// Use no state directory. A killed push then starts over, and a rollback of the repository goes unnoticed.
    #[arg(long, global = true, conflicts_with = "state")]
    no_state: bool,
    /// Transfer at most this many files at a time, and parts of one file.
    #[arg(long, value_name = "N", global = true, default_value_t = 16)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=256))]
    requests: u16,
    /// Transfer at most this many bytes of files per second, such as 50MiB.
    #[arg(long, value_name = "SIZE", global = true, value_parser = parse_size)]
    limit: Option<u64>,
    /// Repeat a request for this long while the store is down or overloaded, such as 30s. With 0s, fail at once.
    #[arg(long, value_name = "AGE", global = true, default_value = "5m", value_parser = parse_age)]
    retry_for: Duration,
}

/// The time between two notes about failed requests.
const BETWEEN_NOTES: Duration = Duration::from_secs(30);

/// An open repository, and the state directory of this run.
pub(super) struct Opened {
    pub(super) repository: Repository,
    state: StateDir,
}

impl Opened {
    /// Returns `true` if this run uses a state directory.
    pub(super) const fn has_state(&self) -> bool {
        !matches!(self.state, StateDir::Unused)
    }
}

/// The use of the state directory. Only two pushes would disturb each other.
#[derive(Clone, Copy, Debug)]
enum Use {
    Shared,
    Push,
}

/// The state directory of a run.
enum StateDir {
    Unused,
    Shared,
    /// A push holds the lock until its end.
    Locked(#[expect(dead_code, reason = "the lock ends when it is dropped")] Box<dyn FsDirLock>),
}

/// Asks a repository, and waits for the answer. A signal ends the wait: a store that is down may not answer for
/// minutes.
pub(super) fn ask<T: Send + 'static>(
    session: &Session,
    repository: &Repository,
    question: impl FnOnce(&Repository) -> lsm_checkpoint_store::Result<T> + Send + 'static,
) -> Result<T> {
    let repository = repository.clone();
    Ok(session.waiting(move || question(&repository))??)
}

impl ClientArgs {
    /// Opens a repository for any command but a push.
    pub(super) fn open(&self, session: &Session, url: &str) -> Result<Opened> {
        self.open_for(session, url, Use::Shared)
    }

    /// Opens a repository for a push, whose notes in the state directory no other push may use.
    pub(super) fn open_to_push(&self, session: &Session, url: &str) -> Result<Opened> {
        self.open_for(session, url, Use::Push)
    }

    fn open_for(&self, session: &Session, url: &str, use_of_state: Use) -> Result<Opened> {
        let (options, state) = self.options(session, url, use_of_state)?;
        let location = self.location(session, url)?;
        let repository = session.waiting(move || Repository::open(location, options))??;
        Ok(Opened { repository, state })
    }

    /// Parses a URL. While a request is repeated, a note shows the first failure at once, and later ones now and then.
    fn location(&self, session: &Session, url: &str) -> Result<Location> {
        let (is_quiet, last) = (session.out.quiet, Mutex::new(None::<Instant>));
        let note = move |failure: &str| {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if !is_quiet && last.is_none_or(|last| last.elapsed() >= BETWEEN_NOTES) {
                *last = Some(Instant::now());
                let failure = text::plain(failure);
                to_stderr(&format!(
                    "note: {failure}; a request is repeated for as long as --retry-for allows"
                ));
            }
        };
        let retries = Retries::new().limit(self.retry_for).on_failure(note);
        Ok(Location::parse(url)?.retries(&retries)?)
    }

    fn options(&self, session: &Session, url: &str, use_of_state: Use) -> Result<(Options, StateDir)> {
        let limit = self.limit.and_then(NonZeroU64::new);
        let options = Options::new().concurrency(usize::from(self.requests)).bytes_per_second(limit);
        let Some(base) = self.memory() else { return Ok((options, StateDir::Unused)) };
        let dir = base.join(folder_of(url));
        let found = StdFs.create_dir_all(&dir).and_then(|()| match use_of_state {
            Use::Shared => Ok(Some(StateDir::Shared)),
            Use::Push => Ok(StdFs.try_lock_directory(&dir)?.map(StateDir::Locked)),
        });
        match found {
            Ok(Some(state)) => Ok((options.state(Arc::new(StdFs), dir), state)),
            Ok(None) => {
                session
                    .out
                    .note(format!("{}: in use by another push, so no state is kept", text::path(&dir)));
                Ok((options, StateDir::Unused))
            }
            // The caller relies on the directory that `--state` names.
            Err(error) if self.state.is_some() => Err(error.into()),
            Err(error) => {
                session.out.note(format!("no state is kept: {error}"));
                Ok((options, StateDir::Unused))
            }
        }
    }

    /// Returns the parent of this client's state directories.
    fn memory(&self) -> Option<PathBuf> {
        if self.no_state {
            return None;
        }
        let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let state_home =
            || variable("XDG_STATE_HOME").or_else(|| Some(variable("HOME")?.join(".local/state")));
        self.state
            .clone()
            .or_else(|| variable("STATE_DIRECTORY"))
            .or_else(|| Some(state_home()?.join("lsm-checkpoint")))
    }
}

/// Makes a folder name from a URL. Two URLs may share a folder, because each repository has its own folder inside it.
fn folder_of(url: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    url.chars().take(100).map(|c| if is_plain(c) { c } else { '_' }).collect()
}

/// Create a repository, after a probe of the store.
///
/// The probe makes 20 rounds of 8 concurrent put-if-absent requests, for one object in each round. A store that accepts
/// two of them would lose backups, and is refused.
#[derive(Args, Debug)]
pub(super) struct InitArgs {
    /// The URL of the new repository.
    url: String,
}

impl InitArgs {
    pub(super) fn run(&self, session: &Session, client: &ClientArgs) -> Result {
        let (options, _) = client.options(session, &self.url, Use::Shared)?;
        let location = client.location(session, &self.url)?;
        let repository = session.waiting(move || Repository::init(location, options))??;
        let id = repository.constants().id.to_string();
        session.out.line(format!("{}: created, repository {id}", text::plain(&self.url)));
        session.out.record(&Record::new("repository").with("url", self.url.as_str()).with("id", id));
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_folder() {
        assert_eq!(folder_of("s3://backups/db"), "s3___backups_db");
        assert_eq!(folder_of("file:///../\u{e9}\0"), "file_________");
        assert_eq!(folder_of(&"a".repeat(1_000)).len(), 100);
    }
}
