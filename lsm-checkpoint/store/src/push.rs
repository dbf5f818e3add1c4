//! [`Repository::push`]: carries a checkpoint into the repository.

mod commit;
mod entry;
mod known;
mod object;
mod options;
mod send;
mod size;
mod source;
mod survey;

use std::{collections::BTreeSet, ops::ControlFlow, path::Path, sync::Arc, time::Duration};

use lsm_checkpoint::Progress;
use lsm_fs::Fs;

use crate::{
    changes::{Fence, Register},
    environment::blocking,
    error::{Error, Result},
    format::{Backup, Head},
    id::WriterId,
    key::ObjectName,
    meter::Meter,
    repository::Repository,
    session::Session,
};
use commit::{AddBackup, Outcome};
pub use options::{PushOptions, Pushed};
use source::Source;
use survey::Survey;

/// The number of fences after which a push gives up.
const FENCES: u32 = 3;
/// The number of times that reused objects may disappear before a push gives up.
const LOSSES: u32 = 100;
/// The longest time for which a cancelled push cleans up.
const PARTING: Duration = Duration::from_secs(10);

impl Repository {
    /// Pushes a checkpoint: the directory `dir` of a filesystem.
    ///
    /// # Contract
    ///
    /// A file is not sent if the last backup of the same source has the same bytes under the same name. It is not even
    /// read if name, length and the engine's checksum are the same. Every file that is read is compared with its
    /// checksum in the checkpoint, if there is one. A checkpoint that already has a backup is not pushed again, and
    /// [`Pushed::was_there`] is set.
    ///
    /// Three exceptions: a [distrusted](PushOptions::distrust) object is not reused, a damaged catalog is not reused
    /// either, and with [`PushOptions::rehash`] every file is read.
    ///
    /// With a [state directory](crate::Options::state), a killed push resumes if the same checkpoint is pushed again:
    /// only files that it had not sent in full are sent. The checkpoint must not be changed or removed during the call.
    ///
    /// # Crash semantics
    ///
    /// The backup is in the repository completely or not at all, and completely after `Ok`.
    ///
    /// # Errors
    ///
    /// - [`Unknown`](Error::Unknown): the backup may be committed, now or later. Push the same checkpoint again.
    /// - [`BackupExists`](Error::BackupExists): this checkpoint was pushed and forgotten, before the call or during it.
    ///   Bring it back with [`undo`](Self::undo).
    /// - [`Checkpoint`](Error::Checkpoint), [`SourceDamaged`](Error::SourceDamaged), [`Fs`](Error::Fs): the checkpoint
    ///   cannot be read, or is damaged.
    /// - [`TooLarge`](Error::TooLarge): there are too many backups, or the checkpoint has too many files. The call
    ///   finds this before it sends anything, unless other clients add backups meanwhile.
    /// - [`Fenced`](Error::Fenced): this push was fenced three times.
    /// - [`Denied`](Error::Denied): the credentials may not list, read or write.
    /// - [`Cancelled`](Error::Cancelled): the callback returned `Break`. No backup was committed. With a state
    ///   directory, the next push of the checkpoint resumes. Without one, the call fences its writer, so that a collect
    ///   deletes its objects. If the store does not answer within 10 seconds, the writer stays until it is fenced.
    /// - [`StoreLacks`](Error::StoreLacks), and the errors of [`list`](Self::list).
    pub async fn push(&self, fs: Arc<dyn Fs>, dir: &Path, options: &PushOptions) -> Result<Pushed> {
        let meter = Arc::new(Meter::new(options.progress.clone()));
        let session = &self.session().under(&meter);
        session.before_writing().await?;
        let environment = &*session.access.options.environment;
        let (read_from, dir, asked) = (Arc::clone(&fs), dir.to_path_buf(), Arc::clone(&meter));
        let source = Arc::new(Source { fs, dir: dir.clone() });
        let survey = blocking(environment, move || survey::read(&*read_from, &dir, &asked)).await;
        let survey = survey.map_err(Error::System)??;
        let head = session.newest().await?.head;
        let replaced = match in_the_way(session, &head, &survey, options).await? {
            Standing::None => None,
            Standing::Damaged(catalog) => Some(catalog),
            Standing::Sound(backup) => {
                // A killed run may have left a writer, although another push of the same checkpoint has committed.
                if let Some(writer) = session.memory.resume(survey.id).await?.writer {
                    session.commit(&mut Fence(writer)).await?;
                }
                let _ = session.memory.ended(survey.id).await;
                return Ok(Pushed::already(backup));
            }
        };
        size::check(session, &head, &survey)?;
        let push = Push { session, source, survey: &survey, options, meter, replaced };
        let outcome = push.run(&head).await;
        if outcome.is_ok() {
            // The backup is committed. Notes of this push that stay in the state directory only cost the next push a
            // read.
            let _ = session.memory.ended(survey.id).await;
        }
        outcome
    }
}

/// The backup of the same checkpoint in the newest state.
enum Standing {
    None,
    Sound(Backup),
    /// The caller distrusts an object of it, or its references cannot be read. The new backup replaces the one with
    /// this catalog.
    Damaged(ObjectName),
}

async fn in_the_way(
    session: &Session,
    head: &Head,
    survey: &Survey,
    options: &PushOptions,
) -> Result<Standing> {
    if head.forgotten(survey.id).is_some() {
        return Err(Error::BackupExists { backup: survey.id });
    }
    let Some(backup) = head.backup(survey.id) else { return Ok(Standing::None) };
    let distrusts = |name: &ObjectName| options.distrusted.contains(name);
    let is_damaged = match session.refs(backup).await? {
        _ if distrusts(&backup.catalog.name) => true,
        Ok(refs) => refs.iter().any(|object| distrusts(&object.name)),
        Err(_) => true,
    };
    Ok(if is_damaged { Standing::Damaged(backup.catalog.name) } else { Standing::Sound(backup.clone()) })
}

/// A push that is being made.
#[derive(Debug)]
struct Push<'a> {
    session: &'a Session,
    source: Arc<Source>,
    survey: &'a Survey,
    options: &'a PushOptions,
    meter: Arc<Meter>,
    replaced: Option<ObjectName>,
}

impl Push<'_> {
    async fn run(&self, head: &Head) -> Result<Pushed> {
        self.meter.expect(self.survey.files.len() as u64, self.survey.bytes())?;
        let resume = self.session.memory.resume(self.survey.id).await?;
        let (head, mut writer) = match resume.writer.filter(|&writer| head.has_writer(writer)) {
            Some(writer) => (head.clone(), writer),
            None => self.register().await?,
        };
        let outcome = self.carry(&head, &mut writer, resume.finished).await;
        // A later run can resume under this writer only with a state directory. Without one, fence the writer after a
        // local failure, so that a collect deletes its objects.
        let is_local = matches!(
            outcome,
            Err(Error::Cancelled
                | Error::TooLarge { .. }
                | Error::SourceDamaged { .. }
                | Error::Fs(_)
                | Error::Checkpoint(_))
        );
        if is_local && !self.session.memory.is_kept() {
            let is_cancelled = matches!(outcome, Err(Error::Cancelled));
            let _ = self.parting(is_cancelled).commit(&mut Fence(writer)).await;
        }
        outcome
    }

    /// Makes the session for cleaning up after a failure, by which the push's own meter is over. A caller that has
    /// cancelled does not wait for a store that is down.
    fn parting(&self, is_cancelled: bool) -> Session {
        let environment = Arc::clone(&self.session.access.options.environment);
        let end = environment.now().saturating_add(PARTING);
        let in_time = move |_: &Progress| match environment.now() < end {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        };
        let meter = if is_cancelled { Meter::new(Some(Arc::new(in_time))) } else { Meter::new(None) };
        self.session.under(&Arc::new(meter))
    }

    /// Registers a new writer, and returns the state that has it.
    async fn register(&self) -> Result<(Head, WriterId)> {
        let writer = entry::writer(self.session)?;
        let id = writer.id;
        let (head, ()) = self.session.commit(&mut Register(writer)).await?;
        self.session.memory.began(self.survey.id, id).await?;
        Ok((head, id))
    }

    async fn carry(
        &self,
        head: &Head,
        writer: &mut WriterId,
        resumed: std::collections::BTreeMap<String, crate::memory::Finished>,
    ) -> Result<Pushed> {
        let mut files = self.plan(head, resumed).await?;
        let (mut fences, mut losses) = (0, 0);
        loop {
            self.send_missing(*writer, &files).await?;
            let (backup, reused) = self.put_catalog(*writer, &files).await?;
            let add = &mut AddBackup { backup, writer: *writer, reused: &reused, replaced: self.replaced };
            match self.session.commit(add).await?.1 {
                Outcome::Added(backup) => return Ok(self.pushed(backup, &files, fences)),
                Outcome::There(backup) => return Ok(Pushed::already(backup)),
                Outcome::Forgotten => return Err(Error::BackupExists { backup: self.survey.id }),
                Outcome::Gone(objects) => {
                    losses += 1;
                    if losses > LOSSES {
                        let operation = format!("pushing backup {}", self.survey.id);
                        return Err(Error::Contended { place: self.session.access.place(), operation });
                    }
                    files.lose(&objects);
                }
                Outcome::Fenced => {
                    fences += 1;
                    if fences >= FENCES {
                        let place = self.session.access.place();
                        return Err(Error::Fenced { place, writer: *writer, times: fences });
                    }
                    // Register before the first copy, so that no collector deletes the copies.
                    *writer = self.register().await?.1;
                }
            }
        }
    }
}

/// The objects that a push takes from other backups.
type Reused = BTreeSet<ObjectName>;
