//! [`PushOptions`] and [`Pushed`].

use std::{collections::BTreeSet, fmt};

use crate::{format::Backup, key::ObjectName, meter::OnProgress};

/// The options of a push.
#[derive(Clone, Default)]
pub struct PushOptions {
    pub(super) rehash: bool,
    pub(super) distrusted: BTreeSet<ObjectName>,
    pub(super) progress: Option<OnProgress>,
}

impl PushOptions {
    /// Creates the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads every file, even if the last backup has a file with the same name, length and checksum. A file whose bytes
    /// are the same is still not sent again.
    #[must_use]
    pub fn rehash(mut self, rehash: bool) -> Self {
        self.rehash = rehash;
        self
    }

    /// Reuses none of these objects, because a check or a verification has found them damaged. If this checkpoint has a
    /// backup that needs one of them, the new backup replaces it.
    #[must_use]
    pub fn distrust(mut self, objects: impl IntoIterator<Item = ObjectName>) -> Self {
        self.distrusted.extend(objects);
        self
    }

    /// Reports progress, and cancels if the callback returns `Break`.
    #[must_use]
    pub fn progress(mut self, progress: OnProgress) -> Self {
        self.progress = Some(progress);
        self
    }
}

impl fmt::Debug for PushOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushOptions")
            .field("rehash", &self.rehash)
            .field("distrusted", &self.distrusted.len())
            .finish_non_exhaustive()
    }
}

/// The result of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pushed {
    /// The backup.
    pub backup: Backup,
    /// `true` if the newest state had a backup of this checkpoint already: from an earlier push, from one at the same
    /// time, or from a request of this call whose answer was lost. Then nothing counts as sent.
    pub was_there: bool,
    /// The number of files that this call has sent.
    pub sent_files: u64,
    /// The bytes of these files.
    pub sent_bytes: u64,
    /// The number of files that the repository had already, that a killed push had sent, or that were copied after a
    /// fence. Empty files count here.
    pub reused_files: u64,
    /// The bytes of these files.
    pub reused_bytes: u64,
    /// The number of times that this push was fenced.
    pub fences: u32,
}

impl Pushed {
    pub(super) const fn already(backup: Backup) -> Self {
        let (reused_files, reused_bytes) = (backup.files, backup.bytes);
        Self { backup, was_there: true, sent_files: 0, sent_bytes: 0, reused_files, reused_bytes, fences: 0 }
    }
}
