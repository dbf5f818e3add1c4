//! A view: the state that reads need. It cannot change the files.
//!
//! This file uses `lsm-manifest` to find the live version with read-only calls, so a tree on a read-only volume opens.
//! Without it, a lost CURRENT would open as an empty tree, and a CURRENT beside an exchanged archive as another tree.

use std::{collections::BTreeMap, path::Path};

use lsm_fs::Fs;
use lsm_manifest::{ReadOptions, Recovered, recover};

use super::{
    Result,
    log::{Write, replay},
    table::{Rows, merge},
    version::Version,
};

/// A version and the writes after it.
pub(crate) struct View {
    pub(crate) version: Version,
    pub(crate) memtable: Rows,
    /// The number of the last write. The first write is number 1.
    pub(crate) seqno: u64,
}

impl View {
    /// Creates an empty tree.
    pub(crate) fn new(identity: &str) -> Self {
        Self { version: Version::new(identity.to_owned()), memtable: Rows::new(), seqno: 0 }
    }

    /// Opens a tree for reading. Returns `None` if no tree is stored there. If a writer replaces the version meanwhile,
    /// a file may be missing. In that case, open the tree again.
    pub(crate) fn open(fs: &dyn Fs, dir: &Path) -> Result<Option<Self>> {
        let live = recover(fs, dir, &ReadOptions::new())?;
        live.map(|live| Self::load(fs, dir, &live)).transpose()
    }

    /// Recovers a tree from the version that CURRENT names and the writes in its log.
    pub(crate) fn load(fs: &dyn Fs, dir: &Path, live: &Recovered) -> Result<Self> {
        let version = Version::load(fs, dir, live)?;
        let logged = version.log.map_or(Ok(Vec::new()), |id| replay(fs, dir, id))?;
        let mut view = Self { seqno: version.seqno, memtable: Rows::new(), version };
        logged.into_iter().for_each(|write| view.apply(write));
        Ok(view)
    }

    /// Makes a write visible.
    pub(crate) fn apply(&mut self, (key, value): Write) {
        self.memtable.insert(key, value);
        self.seqno += 1;
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&Vec<u8>> {
        let tables = self.version.tables.iter().rev().map(|table| &table.rows);
        let newest = [&self.memtable].into_iter().chain(tables).find_map(|rows| rows.get(key));
        newest.and_then(Option::as_ref)
    }

    /// Returns all rows, in the order of their keys.
    pub(crate) fn scan(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut rows = merge(&self.version.tables);
        rows.extend(self.memtable.clone());
        rows.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}
