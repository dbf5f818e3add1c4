//! [`Repository::collect`]: deletes everything that no backup needs.

mod batch;
mod idle;
mod known;
mod probes;
mod staging;

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::OnceCell;

use crate::{
    changes::{DropForgotten, Fence},
    error::Result,
    format::Head,
    key::{CATALOGS, DATA, HEADS, Key},
    meter::{Meter, OnProgress},
    repository::Repository,
    session::Session,
};
use known::Known;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// The number of names that are deleted between two looks at the meter. Each answer is looked up among them.
const STEP: usize = 1000;
/// The number of names that a report quotes.
const QUOTED: usize = 100;

/// The options of a collect.
#[derive(Clone)]
pub struct CollectOptions {
    grace: Duration,
    fence_idle: Option<Duration>,
    batch: usize,
    progress: Option<OnProgress>,
}

impl Default for CollectOptions {
    fn default() -> Self {
        Self { grace: 7 * DAY, fence_idle: None, batch: 100_000, progress: None }
    }
}

impl CollectOptions {
    /// Creates the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the time for which a forgotten backup can come back. Default: 7 days. It starts when a collect first sees
    /// the forgotten backup, by the clock of the store. With zero, forgotten backups are dropped at once.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Fences writers that have finished no object for this time, by the clock of the store. Default: none.
    ///
    /// A push that is fenced although it is alive has to copy its objects within the store, and fails after three
    /// fences. Choose a time that is much longer than a push takes for one object, such as a day.
    #[must_use]
    pub fn fence_idle(mut self, idle: Option<Duration>) -> Self {
        self.fence_idle = idle;
        self
    }

    /// Sets the number of names that are listed before a state is read. Default: 100,000, which takes about 10 MiB of
    /// memory.
    #[must_use]
    pub fn batch(mut self, names: usize) -> Self {
        self.batch = names.max(1);
        self
    }

    /// Reports progress, and cancels if the callback returns `Break`. A file is an object that was deleted. The
    /// callback is asked while there is nothing to delete, too.
    #[must_use]
    pub fn progress(mut self, progress: OnProgress) -> Self {
        self.progress = Some(progress);
        self
    }
}

impl fmt::Debug for CollectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectOptions")
            .field("grace", &self.grace)
            .field("fence_idle", &self.fence_idle)
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}

/// The result of a collect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CollectReport {
    /// The number of forgotten backups that were dropped.
    pub dropped_backups: u64,
    /// The writers that were fenced because they were idle.
    pub fenced_writers: Vec<crate::id::WriterId>,
    /// The number of objects that were deleted.
    pub deleted_objects: u64,
    /// The bytes of these objects.
    pub deleted_bytes: u64,
    /// The number of states that were deleted.
    pub deleted_states: u64,
    /// The number of objects that no backup needs, but whose push is still registered.
    pub spared_objects: u64,
    /// The number of objects below `probe/` that were deleted. A killed [`init`](Repository::init) or collect leaves
    /// them, and they are deleted once they are a day old.
    pub deleted_probes: u64,
    /// The number of staging files of dead clients that were removed from a local repository.
    pub deleted_staging_files: u64,
    /// The number of objects below `data/`, `backup/`, `head/` and `probe/` with names that no repository makes. They
    /// were left alone. Names below `head/` count only if the number of the newest state is at least K. Before that, no
    /// states can be deleted, so the collect does not look for names there.
    pub strangers: u64,
    /// The first hundred of these names.
    pub stranger_names: Vec<String>,
}

impl CollectReport {
    fn strange(&mut self, name: &str) {
        self.strangers += 1;
        if self.stranger_names.len() < QUOTED {
            self.stranger_names.push(name.chars().take(200).collect());
        }
    }
}

impl Repository {
    /// Drops forgotten backups whose grace is over, and deletes the objects that nothing needs: of dropped backups, of
    /// fenced pushes, old states, and objects below `probe/` that are a day old by the clock of the store. On a local
    /// disk, it also removes the staging files of dead clients, and the empty folders of pushes that have ended.
    ///
    /// # Contract
    ///
    /// It may run at any time, beside any number of pushes and other collectors. It never deletes an object of a
    /// backup, of a forgotten backup, or of a registered push. A push that failed may still be registered: fence it, or
    /// set [`fence_idle`](CollectOptions::fence_idle). Objects with names that no repository makes are left.
    ///
    /// # Crash semantics
    ///
    /// Call it again. Each deletion is independent of the others.
    ///
    /// # Errors
    ///
    /// - [`Corrupt`](crate::Error::Corrupt): the references of a backup in the newest state are missing or damaged, so
    ///   live objects cannot be told from garbage. The call stopped there and deleted nothing more. Heal the backup
    ///   with a push, or forget it and collect with a grace of zero.
    /// - [`Denied`](crate::Error::Denied): the credentials may not list, read, write or delete. The call ends at the
    ///   first object that the store refuses to delete.
    /// - [`Unknown`](crate::Error::Unknown): call it again.
    /// - [`Cancelled`](crate::Error::Cancelled): the callback returned `Break`. Objects that were deleted by then stay
    ///   deleted. Call it again.
    /// - [`StoreLacks`](crate::Error::StoreLacks), and the errors of [`list`](Self::list).
    pub async fn collect(&self, options: &CollectOptions) -> Result<CollectReport> {
        let meter = Arc::new(Meter::new(options.progress.clone()));
        let session = &self.session().under(&meter);
        session.before_writing().await?;
        Collector { session, options, meter, clock: OnceCell::new() }.run().await
    }
}

/// A collect under way.
#[derive(Debug)]
struct Collector<'a> {
    session: &'a Session,
    options: &'a CollectOptions,
    meter: Arc<Meter>,
    /// The store's time, once it was needed.
    clock: OnceCell<Duration>,
}

impl Collector<'_> {
    async fn run(&self) -> Result<CollectReport> {
        let mut report = CollectReport::default();
        let head = self.session.newest().await?.head;
        self.fence_idle(&head, &mut report).await?;
        self.drop_forgotten(&head, &mut report).await?;
        let mut known = Known::default();
        for folder in [DATA, CATALOGS] {
            self.collect_folder(folder, &mut known, &mut report).await?;
        }
        self.trim(&mut report).await?;
        self.remove_probes(&mut report).await?;
        report.deleted_staging_files = self.remove_staging_files().await?;
        let newest = self.session.newest().await?.head;
        let live = newest.referenced().map(|backup| backup.catalog.sha256).collect();
        self.session.memory.keep_only(live).await;
        Ok(report)
    }

    async fn fence_idle(&self, head: &Head, report: &mut CollectReport) -> Result<()> {
        let Some(idle) = self.options.fence_idle.filter(|_| !head.writers.is_empty()) else { return Ok(()) };
        let now = self.store_time().await?;
        for writer in &head.writers {
            if self.is_idle(writer, now, idle).await? && self.session.commit(&mut Fence(writer.id)).await?.1 {
                report.fenced_writers.push(writer.id);
            }
        }
        Ok(())
    }

    async fn drop_forgotten(&self, head: &Head, report: &mut CollectReport) -> Result<()> {
        if head.forgotten.is_empty() {
            return Ok(());
        }
        let grace = self.options.grace;
        let now = if grace.is_zero() { None } else { Some(self.store_time().await?) };
        report.dropped_backups = self.session.commit(&mut DropForgotten { grace, now }).await?.1;
        Ok(())
    }

    /// Deletes the states that are K or more below the newest.
    async fn trim(&self, report: &mut CollectReport) -> Result<()> {
        let newest = self.session.newest().await?.head.number;
        let kept = if self.session.rules().trim_k { self.session.constants.kept_heads.get() } else { 1 };
        let Some(last) = newest.checked_sub(kept) else { return Ok(()) };
        let mut listing = self.session.access.list(HEADS);
        let mut old = Vec::new();
        while let Some(listed) = listing.next().await? {
            match listed.key {
                Some(Key::Head(number)) if number <= last => old.push(listed.name),
                Some(_) => {}
                None => report.strange(&listed.name),
            }
        }
        old.sort_unstable();
        for batch in old.chunks(self.options.batch.min(STEP)) {
            self.meter.check()?;
            report.deleted_states += self.session.access.delete(batch.to_vec()).await?;
        }
        Ok(())
    }
}
