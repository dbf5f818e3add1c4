//! [`CheckpointInfo`]: the contents and the costs of a finished checkpoint.

use std::{fmt, path::PathBuf};

use lsm_fs::DirectorySync;

use crate::{CatalogFile, Method, PauseStats};

/// A number of files and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// The number of files.
    pub files: u64,
    /// The total length of the files.
    pub bytes: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// The number and the total length of the files, by method.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TotalsByMethod {
    hard_link: Totals,
    base_link: Totals,
    reflink: Totals,
    copy: Totals,
    written: Totals,
}

/// Formats a map whose keys are the names of the methods in messages.
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

/// A report on the use of a base checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BaseReport {
    /// The reason why an [optional base](crate::Checkpoint::optional_base) was not used.
    pub unusable: Option<String>,
    /// The number of files of the base that were read and then linked, because of
    /// [`verify_base`](crate::Checkpoint::verify_base).
    pub verified_files: u64,
    /// Damaged files of the base, relative to it. The checkpoint took them from the source instead. Every checkpoint
    /// that shares these files with the base is damaged, too. [`verify`](crate::verify()) finds them.
    pub damaged: Vec<PathBuf>,
}

/// A description of a finished checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckpointInfo {
    /// The number of tables.
    pub sst_files: u64,
    /// The number of blob files.
    pub blob_files: u64,
    /// The number of files of other kinds, including metadata and without the catalog.
    pub other_files: u64,
    /// The total length of all these files.
    pub total_bytes: u64,
    /// The captured version. If there are several trees, this is the version of the first.
    pub version_id: u64,
    /// The sequence number: the checkpoint holds every write up to it, and a replay starts after it. `None` if the
    /// source had no write or did not know its number, so a replay starts at the first write.
    pub seqno: Option<u64>,
    /// The folder and the captured version of each tree.
    pub trees: Vec<(String, u64)>,
    /// The statistics of the deletion pause, if the engine has one.
    pub pause: Option<PauseStats>,
    /// [`Durable`](DirectorySync::Durable) if the checkpoint survives a crash.
    /// [`NotSupported`](DirectorySync::NotSupported) if the platform has no way to make names durable, so that a crash
    /// may lose the checkpoint.
    pub durability: DirectorySync,
    /// A report on the use of the [base](crate::Checkpoint::base).
    pub base: BaseReport,
    /// The number of files and directories whose mode could not be set to the source's. Either the target's mount has
    /// no modes or refuses to set them, and the entries stay private to the user of the process. Or the process may not
    /// set the group, and the mode is set without rights for the group.
    pub modes_not_kept: u64,
    /// The number of files and directories whose owner or group is not the source's. A process that is not root may not
    /// give files away (`chown(2)`), so the engine that uses them has to run as the user of this process.
    pub owners_not_kept: u64,
    pub(crate) by_method: TotalsByMethod,
}

impl CheckpointInfo {
    /// Returns the files that came by this method.
    #[must_use]
    pub fn by_method(&self, method: Method) -> Totals {
        let mut by_method = self.by_method;
        *by_method.of(method)
    }
}
