//! [`Repository::check`] and [`Repository::verify`]: compare the repository with its catalogs.

mod bytes;
mod options;
mod wanted;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    error::{Error, Result},
    format::{Backup, Head},
    key::{CATALOGS, DATA, Key},
    meter::Meter,
    repository::Repository,
    session::Session,
};
use options::Damage;
pub use options::{CheckOptions, CheckReport, DamagedObject, VerifyOptions};
use wanted::Wanted;

impl Repository {
    /// Checks that each object of all backups, forgotten ones included, exists and has its length. The call makes one
    /// list request per 1,000 objects, and one request per backup for its references. It reads no files.
    ///
    /// # Errors
    ///
    /// Damage is part of the report, and not an error. Otherwise as [`list`](Self::list).
    pub async fn check(&self) -> Result<CheckReport> {
        self.check_with(&CheckOptions::new()).await
    }

    /// As [`check`](Self::check), with progress.
    ///
    /// # Errors
    ///
    /// Damage is part of the report, and not an error.
    ///
    /// - [`Cancelled`](Error::Cancelled): the callback returned `Break`. The call changes nothing, so call it again.
    /// - The errors of [`list`](Self::list).
    pub async fn check_with(&self, options: &CheckOptions) -> Result<CheckReport> {
        let meter = Arc::new(Meter::new(options.progress.clone()));
        let session = &self.session().under(&meter);
        let audit = Audit { session, meter };
        let head = audit.session.newest().await?.head;
        let backups: Vec<_> = head.referenced().collect();
        let (mut report, mut damage) = <(CheckReport, Damage)>::default();
        audit.compare_lists(&backups, Looks::AreTheWork, &mut report, &mut damage).await?;
        report.damaged = audit.still_damaged(&backups, damage.into_objects()).await?;
        Ok(report)
    }

    /// Checks backups as [`check`](Self::check) does, reads their files, and compares each piece with its SHA-256.
    /// Without a [choice](VerifyOptions::backups), it takes all backups that are not forgotten. A file that several
    /// backups share is read once, unless their catalogs disagree about its bytes.
    ///
    /// # Errors
    ///
    /// Damage is part of the report, and not an error.
    ///
    /// - [`NoSuchBackup`](Error::NoSuchBackup).
    /// - [`Cancelled`](Error::Cancelled): the callback returned `Break`. The call changes nothing, so call it again.
    /// - The errors of [`list`](Self::list).
    pub async fn verify(&self, options: &VerifyOptions) -> Result<CheckReport> {
        let meter = Arc::new(Meter::new(options.progress.clone()));
        let session = &self.session().under(&meter);
        let audit = Audit { session, meter };
        let head = audit.session.newest().await?.head;
        let backups = chosen(&head, options)?;
        let (mut report, mut damage) = <(CheckReport, Damage)>::default();
        audit.compare_lists(&backups, Looks::PrecedeIt, &mut report, &mut damage).await?;
        audit.read_all(&backups, options, &mut report, &mut damage).await?;
        report.damaged = audit.still_damaged(&backups, damage.into_objects()).await?;
        Ok(report)
    }
}

fn chosen<'h>(head: &'h Head, options: &VerifyOptions) -> Result<Vec<&'h Backup>> {
    let Some(chosen) = &options.backups else { return Ok(head.backups.iter().collect()) };
    let find = |&backup: &crate::id::BackupId| {
        head.referenced().find(|known| known.id == backup).ok_or(Error::NoSuchBackup { backup })
    };
    chosen.iter().map(find).collect()
}

/// A check under way.
#[derive(Debug)]
struct Audit<'a> {
    session: &'a Session,
    meter: Arc<Meter>,
}

/// The part of the objects that are looked up in the work of the call, for its progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    /// A check only looks up objects.
    AreTheWork,
    /// A verification reads them afterwards.
    PrecedeIt,
}

impl Audit<'_> {
    /// Compares lists of objects with the references.
    async fn compare_lists(
        &self,
        backups: &[&Backup],
        looks: Looks,
        report: &mut CheckReport,
        damage: &mut Damage,
    ) -> Result<()> {
        let mut wanted = Wanted::default();
        for backup in backups {
            // The references may all be in the state directory, so no request would ask the caller.
            self.meter.ask()?;
            match self.session.refs(backup).await? {
                Ok(refs) => wanted.add(&backup.catalog, &refs),
                Err(defect) => damage.add(Key::Catalog(backup.catalog.name), defect, backup.id),
            }
        }
        report.backups = backups.len() as u64;
        let meter = (looks == Looks::AreTheWork).then_some(&*self.meter);
        if let Some(meter) = meter {
            let (objects, bytes) = wanted.total();
            meter.expect(objects, bytes)?;
        }
        for folder in [DATA, CATALOGS] {
            wanted.look_up(self.session, folder, report, meter).await?;
        }
        let lacking = wanted.lacking();
        if lacking.is_empty() {
            return Ok(());
        }
        // Read the references again to find the backups that need a damaged object. Keeping them for all objects would
        // take too much memory.
        for backup in backups {
            let Ok(refs) = self.session.refs(backup).await? else { continue };
            let catalog = std::iter::once((Key::Catalog(backup.catalog.name), backup.catalog.len));
            for (key, len) in catalog.chain(refs.iter().map(|object| (Key::Data(object.name), object.len))) {
                if let Some(defect) = lacking.defect(key, len) {
                    damage.add(key, defect, backup.id);
                }
            }
        }
        Ok(())
    }

    /// Leaves out the damage of backups that were dropped during the call, and of backups that a push has healed, and
    /// whose new catalogs do not need the object.
    async fn still_damaged(
        &self,
        backups: &[&Backup],
        mut damaged: Vec<DamagedObject>,
    ) -> Result<Vec<DamagedObject>> {
        if damaged.is_empty() {
            return Ok(damaged);
        }
        let head = self.session.newest().await?.head;
        // The needs of each backup that has changed: none, or the objects of its new catalog.
        let mut changed = BTreeMap::new();
        for backup in backups {
            let needs = match head.referenced().find(|known| known.id == backup.id) {
                Some(newest) if newest.catalog.name == backup.catalog.name => continue,
                Some(newest) => match self.session.refs(newest).await? {
                    Ok(refs) => refs,
                    // The needs of the backup are unknown, so it counts as unchanged.
                    Err(_) => continue,
                },
                None => Vec::new(),
            };
            let needs: BTreeSet<_> = needs.into_iter().map(|object| Key::Data(object.name)).collect();
            changed.insert(backup.id, needs);
        }
        for object in &mut damaged {
            let key = object.key;
            object.backups.retain(|id| changed.get(id).is_none_or(|needs| needs.contains(&key)));
        }
        damaged.retain(|object| !object.backups.is_empty());
        Ok(damaged)
    }
}
