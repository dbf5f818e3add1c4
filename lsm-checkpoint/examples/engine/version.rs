//! A version: the tables of the tree, and the log with the later writes.
//!
//! This file uses `lsm-manifest`, whose archives have a checksum per section. Without it, a flipped bit in a manifest
//! would change the list of tables, and the tables that it omits would be deleted as garbage.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::Fs;
use lsm_manifest::Recovered;

use super::{
    Result,
    frame::{take, take_u64},
    log::log_path,
    table::{Contents, Table, TableMeta, blob_path, table_path},
};

/// A version is immutable. The next version is a changed copy.
#[derive(Clone)]
pub(crate) struct Version {
    /// The number of the archive, or 0 before the first publication.
    pub(crate) id: u64,
    /// The identity of the database. Retention tools group checkpoints by it.
    pub(crate) identity: String,
    /// The tables hold every write up to this number.
    pub(crate) seqno: u64,
    next_file: u64,
    /// The log with the writes after `seqno`. The version in a checkpoint has none.
    pub(crate) log: Option<u64>,
    /// The tables, oldest first.
    pub(crate) tables: Vec<Arc<Table>>,
}

impl Version {
    pub(crate) fn new(identity: String) -> Self {
        Self { id: 0, identity, seqno: 0, next_file: 1, log: None, tables: Vec::new() }
    }

    /// Returns a number for a new file. A number is never reused, because a checkpoint may hold an older file with that
    /// name.
    pub(crate) fn take_file_id(&mut self) -> u64 {
        let id = self.next_file;
        self.next_file += 1;
        id
    }

    /// Skips the number of an existing file.
    pub(crate) fn skip_file_id(&mut self, id: u64) {
        self.next_file = self.next_file.max(id.saturating_add(1));
    }

    /// Returns the paths of all files that the version names.
    pub(crate) fn files(&self, dir: &Path) -> Vec<PathBuf> {
        let mut files: Vec<_> = self.log.iter().map(|&id| log_path(dir, id)).collect();
        for TableMeta { id, blob, .. } in self.tables.iter().map(|table| table.meta) {
            files.push(table_path(dir, id));
            files.extend(blob.map(|_| blob_path(dir, id)));
        }
        files
    }

    /// Encodes the sections of the archive.
    pub(crate) fn sections(&self) -> [(&'static str, Vec<u8>); 3] {
        let counters = [self.seqno, self.next_file, self.log.unwrap_or(0)];
        let mut tables = Vec::new();
        for TableMeta { id, table, blob } in self.tables.iter().map(|table| table.meta) {
            tables.extend(id.to_le_bytes());
            // A blob file is never empty, so the length 0 stands for no blob file.
            for contents in [table, blob.unwrap_or(Contents { len: 0, checksum: 0 })] {
                tables.extend(contents.len.to_le_bytes());
                tables.extend(contents.checksum.to_le_bytes());
            }
        }
        let identity = self.identity.clone().into_bytes();
        [("identity", identity), ("counters", counters.map(u64::to_le_bytes).concat()), ("tables", tables)]
    }

    /// Reads a version from its archive and opens its tables.
    pub(crate) fn load(fs: &dyn Fs, dir: &Path, live: &Recovered) -> Result<Self> {
        let section = |name| live.archive.read_section(name).map(|section| section.payload);
        let (identity, counters, tables) = (section("identity")?, section("counters")?, section("tables")?);
        let too_short = || format!("{}: a section is too short", live.archive.path().display());
        let mut version = Self::new(String::from_utf8(identity)?);
        version.id = live.current.version_id;
        let mut rest = &*counters;
        let [seqno, next_file, log] = [(); 3].map(|()| take_u64(&mut rest));
        version.seqno = seqno.ok_or_else(too_short)?;
        version.next_file = next_file.ok_or_else(too_short)?;
        version.log = Some(log.ok_or_else(too_short)?).filter(|&id| id > 0);
        let mut rest = &*tables;
        while !rest.is_empty() {
            let meta = take_table(&mut rest).ok_or_else(too_short)?;
            version.tables.push(Table::open(fs, dir, meta)?);
        }
        Ok(version)
    }
}

fn take_table(from: &mut &[u8]) -> Option<TableMeta> {
    let id = take_u64(from)?;
    let mut contents = || Some(Contents { len: take_u64(from)?, checksum: u128::from_le_bytes(take(from)?) });
    Some(TableMeta { id, table: contents()?, blob: Some(contents()?).filter(|blob| blob.len > 0) })
}
