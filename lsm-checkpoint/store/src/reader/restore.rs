//! [`RepositoryFs::restore`]: a restore that resumes where a killed one stopped.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{Checkpoint, CheckpointDir, CheckpointInfo, Policy};
use lsm_fs::Fs;

use super::{RepositoryFs, debris::Debris, seed::Seed};
use crate::error::{Error, Result};

impl RepositoryFs {
    /// Restores the backup to a target that does not exist, as [`lsm_checkpoint::restore`] does, with these options.
    /// The policy is always [`Independent`](Policy::Independent).
    ///
    /// # Contract
    ///
    /// If an earlier restore to the same target was killed, the bytes that it has written are taken from the local
    /// disk, in runs of up to 4 MiB. Only the other runs are fetched. All bytes are compared with their SHA-256.
    ///
    /// The debris of the earlier restore is copied, so the volume needs room for both. If there is too little room, but
    /// enough without the debris, each of its files is removed as soon as its copy is made.
    ///
    /// The debris is removed at the end of a restore that succeeds, and if the backup has gone. After any other error
    /// it stays for the next call, in `.{name}.killed.checkpoint-staged` beside the target. The files that the failed
    /// call itself has made are removed. To give up the debris, [`sweep`](lsm_checkpoint::sweep()) the parent.
    ///
    /// # Crash semantics
    ///
    /// The target is absent or complete, and complete after `Ok`. The next call, or
    /// [`sweep`](lsm_checkpoint::sweep()), clears the leftovers of a dead process.
    ///
    /// # Errors
    ///
    /// - [`BackupGone`](Error::BackupGone): the backup was forgotten and collected, or replaced, meanwhile. Nothing is
    ///   left behind.
    /// - [`Corrupt`](Error::Corrupt): an object of the backup is damaged or missing.
    /// - [`Denied`](Error::Denied), [`Store`](Error::Store): the store cannot be read. Call it again.
    /// - [`Cancelled`](Error::Cancelled): the callback returned `Break`. It is asked between the steps of
    ///   `lsm-checkpoint`, so a request under way ends first.
    /// - [`Checkpoint`](Error::Checkpoint): as [`lsm_checkpoint::restore`]. After `NoSpace`, make room and call it
    ///   again, or sweep the parent to give up the debris.
    /// - [`Fs`](Error::Fs): the debris of the earlier restore cannot be locked or removed.
    pub fn restore(
        &self,
        fs: &Arc<dyn Fs>,
        target: &Path,
        options: &Checkpoint<'_>,
    ) -> Result<CheckpointInfo> {
        let checkpoint = CheckpointDir::open(Arc::new(self.clone()), self.dir())?;
        let _ = self.inner.fetcher.take_failure();
        let debris = Debris::adopt(&**fs, target, self.inner.fetcher.paths())?;
        let seed = debris.as_ref().map(|debris| Seed::new(Arc::clone(fs), debris.dir.clone()));
        let attempt = |seed: Option<Seed>, options: Checkpoint<'_>| {
            self.inner.fetcher.set_seed(seed);
            let outcome = options.policy(Policy::Independent).restore(&checkpoint, &**fs, target);
            self.inner.fetcher.set_seed(None);
            outcome
        };
        let mut outcome = attempt(seed.clone(), *options);
        if let (Some(seed), Err(lsm_checkpoint::Error::NoSpace { needed, available })) = (seed, &outcome)
            && available.saturating_add(seed.held_bytes(self.inner.fetcher.paths())) >= *needed
        {
            // The check would count the debris as lost space again.
            outcome = attempt(Some(seed.shrinking()), options.check_space(false));
        }
        let is_made = matches!(outcome, Ok(_) | Err(lsm_checkpoint::Error::PublishedNotDurable { .. }));
        let outcome = outcome.map_err(|error| self.explain(error));
        let is_over = is_made || matches!(outcome, Err(Error::BackupGone { .. }));
        let removed = debris.filter(|_| is_over).map_or(Ok(()), |debris| debris.remove(&**fs));
        outcome.and_then(|info| removed.map(|()| info))
    }

    /// Restores the backup into a directory that exists and is empty, as [`Checkpoint::restore_into`] does, with these
    /// options. The policy is always [`Independent`](Policy::Independent). A second call starts over.
    ///
    /// # Errors
    ///
    /// As [`restore`](Self::restore), and [`Checkpoint`](Error::Checkpoint) as [`Checkpoint::restore_into`].
    pub fn restore_into(&self, fs: &dyn Fs, dir: &Path, options: &Checkpoint<'_>) -> Result<CheckpointInfo> {
        let checkpoint = CheckpointDir::open(Arc::new(self.clone()), self.dir())?;
        let _ = self.inner.fetcher.take_failure();
        let outcome = options.policy(Policy::Independent).restore_into(&checkpoint, fs, dir);
        outcome.map_err(|error| self.explain(error))
    }

    /// Returns the failure of the request that made the restore fail, if there was one.
    fn explain(&self, error: lsm_checkpoint::Error) -> Error {
        match (error, self.inner.fetcher.take_failure()) {
            (_, Some(gone @ Error::BackupGone { .. })) => gone,
            (lsm_checkpoint::Error::Cancelled, _) => Error::Cancelled,
            // The caller has to know the entry that was left behind.
            (error @ lsm_checkpoint::Error::LeftBehind { .. }, _) | (error, None) => error.into(),
            (_, Some(failure)) => failure,
        }
    }
}
