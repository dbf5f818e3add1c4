//! [`CheckpointInfo`]: what a finished checkpoint holds and what it cost.

use std::fmt;

use lsm_fs::DirectorySync;

use crate::{CatalogFile, Method, PauseStats};

/// Files and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// How many files.
    pub files: u64,
    /// Their lengths together.
    pub bytes: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// The totals of each method.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TotalsByMethod {
    hard_link: Totals,
    base_link: Totals,
    reflink: Totals,
    copy: Totals,
    written: Totals,
}

/// By the names that messages have for the methods.
impl fmt::Debug for TotalsByMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut totals = *self;
        f.debug_map().entries(Method::ALL.map(|method| (method.name(), *totals.of(method)))).finish()
    }
}

impl TotalsByMethod {
    /// Adds up the files of a catalog.
    pub(crate) fn of_files(files: &[CatalogFile]) -> Self {
        let mut totals = Self::default();
        for file in files {
            totals.of(file.method).add(file.len);
        }
        totals
    }

    fn of(&mut self, method: Method) -> &mut Totals {
        match method {
            Method::HardLink => &mut self.hard_link,
            Method::BaseLink => &mut self.base_link,
            Method::Reflink => &mut self.reflink,
            Method::Copy => &mut self.copy,
            Method::Written => &mut self.written,
        }
    }
}

/// A finished checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckpointInfo {
    /// How many tables it holds.
    pub sst_files: u64,
    /// How many blob files.
    pub blob_files: u64,
    /// How many files of other kinds, metadata included; the catalog is not counted.
    pub other_files: u64,
    /// The lengths of all these files together.
    pub total_bytes: u64,
    /// The version that was captured; of several trees, that of the first.
    pub version_id: u64,
    /// Every write up to this number is in the checkpoint, and a replay starts behind it. `None`: the source knew of no
    /// write, so a replay starts at its first one.
    pub seqno: Option<u64>,
    /// The folder and the captured version of each tree.
    pub trees: Vec<(String, u64)>,
    /// What the pause of deletions has kept waiting, where the engine has one.
    pub pause: Option<PauseStats>,
    /// Whether the checkpoint survives a crash. [`NotSupported`](DirectorySync::NotSupported): the platform has no way
    /// to make names durable, and nothing is promised.
    pub durability: DirectorySync,
    pub(crate) by_method: TotalsByMethod,
}

impl CheckpointInfo {
    /// The files that came by this method.
    #[must_use]
    pub fn by_method(&self, method: Method) -> Totals {
        let mut by_method = self.by_method;
        *by_method.of(method)
    }
}
