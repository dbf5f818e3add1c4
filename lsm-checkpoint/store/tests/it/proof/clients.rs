//! The clients of the scenarios, as programs of the real code.

use std::sync::Arc;
use std::time::Duration;

use lsm_checkpoint_store::proof::Rules;
use lsm_checkpoint_store::{
    BackupId, CollectOptions, Error, Location, PushOptions, Repository, Result, VerifyOptions,
};

use super::environment::options;
use super::source::Source;
use crate::step::client::{Event, Log, Program};
use crate::step::store::StepStore;

/// The parameters that all clients of a scenario share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// The number K of states that the repository keeps.
    pub(crate) kept_heads: u64,
    pub(crate) rules: Rules,
    /// The number of keys in a batch of `collect`.
    pub(crate) batch: usize,
}

/// One operation of a client.
#[derive(Clone)]
pub(crate) enum Task {
    Init,
    Push(Source),
    Forget(BackupId),
    Undo(BackupId),
    /// Collects without a grace.
    Collect,
    /// Fences the first writer that is registered.
    Fence,
    /// Fences all registered writers.
    FenceAll,
    /// Reads a backup in full, as a restore does.
    Read(BackupId),
}

impl Setting {
    /// Makes a client that does these tasks one after the other and stops at the first error.
    pub(crate) fn client(self, number: u8, tasks: impl IntoIterator<Item = Task>) -> Program {
        let tasks: Arc<[Task]> = tasks.into_iter().collect();
        Arc::new(move |store, log| {
            let tasks = Arc::clone(&tasks);
            Box::pin(async move {
                if let Err(error) = self.run(number, store, &log, &tasks).await {
                    log.say(Event::Failed(error.to_string()));
                }
            })
        })
    }

    async fn run(self, number: u8, store: StepStore, log: &Log, tasks: &[Task]) -> Result<()> {
        let location = Location::of_store(Arc::new(store), "");
        let options = options(number, self.kept_heads, self.rules);
        if matches!(tasks, [Task::Init]) {
            return Repository::init(location, options).await.map(drop);
        }
        let repository = Repository::open(location, options).await?;
        for task in tasks {
            self.perform(&repository, log, task).await?;
        }
        Ok(())
    }

    async fn perform(self, repository: &Repository, log: &Log, task: &Task) -> Result<()> {
        match task {
            Task::Init => panic!("it stands alone"),
            Task::Push(source) => {
                let pushed =
                    repository.push(Arc::clone(&source.fs), &source.dir, &PushOptions::new()).await?;
                assert_eq!(pushed.backup.id, source.backup, "the backup is named after its checkpoint");
                log.say(Event::Committed(source.backup.to_string()));
            }
            Task::Forget(backup) => repository.forget(&[*backup]).await?,
            Task::Undo(backup) => repository.undo(&[*backup]).await?,
            Task::Collect => {
                let options = CollectOptions::new().grace(Duration::ZERO).batch(self.batch);
                repository.collect(&options).await.map(drop)?;
            }
            Task::Fence => {
                if let Some(writer) = repository.status().await?.writers.first() {
                    repository.fence(writer.id).await.map(drop)?;
                }
            }
            Task::FenceAll => {
                for writer in repository.status().await?.writers {
                    repository.fence(writer.id).await.map(drop)?;
                }
            }
            Task::Read(backup) => self.read(repository, log, *backup).await?,
        }
        Ok(())
    }

    /// Reads a backup. It must be whole, or the reader must get the error that it has gone.
    async fn read(self, repository: &Repository, log: &Log, backup: BackupId) -> Result<()> {
        match repository.verify(&VerifyOptions::new().backups([backup])).await {
            Ok(report) if report.is_sound() => log.say(Event::Reached("read")),
            Ok(report) => {
                // The backup may have been forgotten and collected meanwhile. A second look must say so.
                let there = repository.list().await?.iter().any(|listed| listed.id == backup);
                if there {
                    log.say(Event::Broken(format!("a backup that is there is damaged: {report:?}")));
                }
            }
            Err(Error::NoSuchBackup { .. } | Error::BackupGone { .. }) => log.say(Event::Reached("gone")),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
