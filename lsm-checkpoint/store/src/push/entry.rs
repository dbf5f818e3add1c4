//! The records that a push makes: its writer, the catalog, and the entry of the backup. The catalog is written here.
//! The caller commits the writer and the entry.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use lsm_fs::{Fs, FsFile, FsOpenOptions, StdFs};

use super::{
    Push, Reused,
    known::{Files, Origin, Stored},
    options::Pushed,
};
use crate::{
    error::{Error, Result},
    format::{Backup, BackupCatalog, CATALOG_MAX, CatalogPlace, RegisteredWriter, StoredFile, sha256},
    id::{Nonce, WriterId},
    key::{CATALOGS, Key, ObjectName},
    session::Session,
};

/// The longest host name that a push records. A longer one is cut.
const HOST_MAX: usize = 64;

/// Draws a new writer.
pub(super) fn writer(session: &Session) -> Result<RegisteredWriter> {
    Ok(RegisteredWriter {
        id: WriterId(session.access.random()?),
        host: host(),
        process: std::process::id(),
        started: now(session),
        registered_in: 0,
    })
}

/// Returns the name of this host, or an empty text.
fn host() -> String {
    let mut bytes = [0; HOST_MAX];
    let file = StdFs.open(Path::new("/proc/sys/kernel/hostname"), &FsOpenOptions::new().read(true));
    let read = file.and_then(|file| file.read_at(&mut bytes, 0)).unwrap_or(0);
    let name = String::from_utf8_lossy(bytes.get(..read).unwrap_or_default()).into_owned();
    let name = if name.is_empty() { std::env::var("COMPUTERNAME").unwrap_or_default() } else { name };
    name.chars().filter(char::is_ascii_graphic).take(HOST_MAX).collect()
}

/// Returns the time in the resolution of a state.
fn now(session: &Session) -> Duration {
    let now = session.access.options.environment.unix_time();
    Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

impl Push<'_> {
    /// Writes the catalog, and returns the backup for the state with the objects that it takes from other backups.
    pub(super) async fn put_catalog(&self, writer: WriterId, files: &Files) -> Result<(Backup, Reused)> {
        let stored = files.all();
        let objects = stored.iter().filter_map(|file| file.object);
        let reused = objects.map(|object| object.name).filter(|name| name.writer != writer).collect();
        let catalog = self.catalog(&stored)?;
        let encoded = catalog.encode().map_err(|defect| Error::defect(CATALOGS, defect));
        let (bytes, refs) = encoded?;
        let (len, sha256) = (bytes.len() as u64, sha256(&bytes));
        Error::if_too_large(CATALOGS, len, CATALOG_MAX)?;
        let bytes = Bytes::from(bytes);
        let name = if self.session.rules().fresh_key {
            self.session.put_new(writer, Key::Catalog, bytes).await?
        } else {
            let name = ObjectName { writer: WriterId(self.survey.id.0), nonce: Nonce(self.survey.id.0) };
            self.session.overwrite(Key::Catalog(name), bytes).await?;
            name
        };
        let backup = Backup {
            id: self.survey.id,
            source: self.survey.source.clone(),
            seqno: self.survey.seqno,
            created: self.survey.created,
            pushed: now(self.session),
            files: self.survey.files.len() as u64,
            bytes: self.survey.bytes(),
            catalog: CatalogPlace { name, len, sha256, refs },
        };
        Ok((backup, reused))
    }

    fn catalog(&self, stored: &[Stored]) -> Result<BackupCatalog> {
        let mut refs = Vec::new();
        let mut files = Vec::with_capacity(stored.len());
        for (file, stored) in self.survey.files.iter().zip(stored) {
            let too_many = |_| Error::defect(CATALOGS, crate::defect::Defect::Records);
            let object = stored.object.map(|_| u32::try_from(refs.len()).map_err(too_many)).transpose()?;
            refs.extend(stored.object);
            files.push(StoredFile {
                path: file.path.clone(),
                len: file.len,
                object,
                checksum: file.checksum,
                pieces: stored.pieces.clone(),
                permissions: file.permissions,
            });
        }
        Ok(BackupCatalog {
            repository: self.session.constants.id,
            backup: self.survey.id,
            checkpoint: self.survey.checkpoint.clone(),
            refs,
            files,
            folders: self.survey.folders.clone(),
        })
    }

    pub(super) fn pushed(&self, backup: Backup, files: &Files, fences: u32) -> Pushed {
        let mut pushed =
            Pushed { was_there: false, reused_files: 0, reused_bytes: 0, fences, ..Pushed::already(backup) };
        for (file, stored) in self.survey.files.iter().zip(files.all()) {
            let (count, bytes) = match stored.origin {
                Origin::Sent => (&mut pushed.sent_files, &mut pushed.sent_bytes),
                Origin::Known | Origin::Copied => (&mut pushed.reused_files, &mut pushed.reused_bytes),
            };
            *count += 1;
            *bytes = bytes.saturating_add(file.len);
        }
        pushed
    }
}
