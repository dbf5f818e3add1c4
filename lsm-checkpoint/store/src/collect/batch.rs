//! Deletes garbage in batches: lists names, then reads the newest state, then deletes.

use super::{CollectReport, Collector, STEP, known::Known};
use crate::{
    access::Listed,
    error::Result,
    format::Head,
    key::{Key, ObjectName},
    meter::Step,
};

/// An object in a list.
struct Found {
    name: ObjectName,
    key: Key,
    len: u64,
}

impl Collector<'_> {
    /// Collects a folder. One list continues across all batches.
    pub(super) async fn collect_folder(
        &self,
        folder: &'static str,
        known: &mut Known,
        report: &mut CollectReport,
    ) -> Result<()> {
        let mut listing = self.session.access.list(folder);
        loop {
            let early = if self.session.rules().list_first { None } else { Some(self.needed(known).await?) };
            let mut batch = Vec::new();
            while batch.len() < self.options.batch
                && let Some(object) = listing.next().await?
            {
                match found(&object) {
                    Some(found) => batch.push(found),
                    None => report.strange(&object.name),
                }
            }
            if batch.is_empty() {
                return Ok(());
            }
            // The state is read after the names. An object that is written later is not among them. If this state
            // neither references an object among them nor has its writer, no later state needs it.
            let head = match early {
                Some(head) => head,
                None => self.needed(known).await?,
            };
            self.delete_garbage(batch, &head, known, report).await?;
        }
    }

    /// Reads the newest state and the references of its backups.
    async fn needed(&self, known: &mut Known) -> Result<Head> {
        loop {
            let head = self.session.newest().await?.head;
            let Err(error) = known.add(self.session, &head).await? else { return Ok(head) };
            // A later state may have dropped the backup.
            if self.session.newest().await?.head.number == head.number {
                return Err(error);
            }
        }
    }

    async fn delete_garbage(
        &self,
        batch: Vec<Found>,
        head: &Head,
        known: &Known,
        report: &mut CollectReport,
    ) -> Result<()> {
        let mut garbage = Vec::new();
        for found in batch {
            if known.contains(found.name) {
                continue;
            }
            if self.session.rules().registered && head.has_writer(found.name.writer) {
                report.spared_objects += 1;
                continue;
            }
            garbage.push(found);
        }
        garbage.sort_unstable_by_key(|found| found.name);
        for step in garbage.chunks(STEP) {
            self.meter.check()?;
            let names = step.iter().map(|found| found.key.to_string()).collect();
            let deleted = self.session.access.delete(names).await?;
            let bytes = step.iter().fold(0_u64, |sum, found| sum.saturating_add(found.len));
            report.deleted_objects += deleted;
            report.deleted_bytes = report.deleted_bytes.saturating_add(bytes);
            self.meter.did(Step { files: deleted, bytes, sent: 0 })?;
        }
        Ok(())
    }
}

fn found(listed: &Listed) -> Option<Found> {
    let key = listed.key?;
    Some(Found { name: key.object()?, key, len: listed.len })
}
