//! Reads the data objects of backups, and compares each piece with its SHA-256.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use super::{Audit, CheckReport, Damage, VerifyOptions};
use crate::{
    defect::Defect,
    environment::blocking,
    error::{Error, Result},
    format::{Backup, ObjectRef, PIECE, Sha256, sha256},
    key::{Key, ObjectName},
    meter::Step,
};

impl Audit<'_> {
    /// Reads the objects of the selected part. An object that several backups share is read once, unless their catalogs
    /// record different digests.
    pub(super) async fn read_all(
        &self,
        backups: &[&Backup],
        options: &VerifyOptions,
        report: &mut CheckReport,
        damage: &mut Damage,
    ) -> Result<()> {
        let total = backups.iter().fold((0_u64, 0_u64), |(files, bytes), backup| {
            (files.saturating_add(backup.files), bytes.saturating_add(backup.bytes))
        });
        self.meter.expect(total.0, total.1)?;
        // An object is read for the first backup that needs it, and compared with the digests in that backup's catalog.
        let mut seen = BTreeSet::new();
        for backup in backups {
            self.read_backup(backup, options, &mut seen, (report, damage)).await?;
        }
        Ok(())
    }

    async fn read_backup(
        &self,
        backup: &Backup,
        options: &VerifyOptions,
        seen: &mut BTreeSet<(ObjectName, Sha256)>,
        (report, damage): (&mut CheckReport, &mut Damage),
    ) -> Result<()> {
        let catalog = match self.session.proved_catalog(backup).await? {
            Ok(catalog) => catalog,
            Err(defect) => {
                damage.add(Key::Catalog(backup.catalog.name), defect, backup.id);
                return Ok(());
            }
        };
        let mut to_read = Vec::new();
        for file in &catalog.files {
            // The first digest is part of the key: a forged catalog must not hide the damage of an object.
            let new = catalog.object_of(file).zip(file.pieces.first()).filter(|(object, first)| {
                options.includes(object.name) && seen.insert((object.name, **first))
            });
            match new {
                Some((object, _)) => to_read.push((object, file.pieces.as_slice())),
                None => self.meter.did(Step { files: 1, bytes: file.len, sent: 0 })?,
            }
        }
        let found = Mutex::new((0_u64, Vec::new()));
        let concurrency = self.session.access.options.concurrency;
        let read = self.meter.each(concurrency, 0..to_read.len(), |at| {
            let (found, to_read) = (&found, &to_read);
            async move {
                let Some(&(object, pieces)) = to_read.get(at) else { return Ok(()) };
                let defect = self.read_object(object, pieces).await?;
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                found.0 = found.0.saturating_add(object.len);
                found.1.extend(defect.map(|defect| (object.name, defect)));
                Ok(())
            }
        });
        read.await?;
        let (bytes, mut damaged) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        report.read_bytes = report.read_bytes.saturating_add(bytes);
        damaged.sort_by_key(|(name, _)| *name);
        for (name, defect) in damaged {
            damage.add(Key::Data(name), defect, backup.id);
        }
        Ok(())
    }

    /// Reads an object part by part. Returns its damage.
    async fn read_object(&self, object: ObjectRef, pieces: &[Sha256]) -> Result<Option<Defect>> {
        let access = &self.session.access;
        let part = access.read_part(access.options.part);
        let per_part = usize::try_from(part / PIECE).unwrap_or(usize::MAX).max(1);
        let mut offset = 0;
        for digests in pieces.chunks(per_part) {
            let len = part.min(object.len.saturating_sub(offset));
            let _permit = access.permit(len).await;
            access.pace(len).await?;
            let bytes = match access.get_range(Key::Data(object.name), offset, len).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return Ok(Some(Defect::Missing)),
                Err(Error::Corrupt { what, .. }) => return Ok(Some(what)),
                Err(error) => return Err(error),
            };
            let digests = digests.to_vec();
            let compare = move || {
                let piece = usize::try_from(PIECE).unwrap_or(usize::MAX);
                bytes.chunks(piece).map(sha256).eq(digests)
            };
            if !blocking(&*access.options.environment, compare).await.map_err(Error::System)? {
                return Ok(Some(Defect::Digest));
            }
            offset += len;
            self.meter.did(Step { bytes: len, sent: len, files: 0 })?;
        }
        self.meter.did(Step { files: 1, bytes: 0, sent: 0 })?;
        Ok(None)
    }
}
