//! File content: bytes, a length and permissions, which may arrive in any order.

use std::sync::OnceLock;

use lsm_fs::Permissions;

use crate::{
    hash::Fingerprint,
    micro::{Change, Payload},
    pages::Pages,
};

/// Bytes, a length and permissions.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileNode {
    pub(crate) len: u64,
    pub(crate) pages: Pages,
    /// The permissions that were set, if any were.
    pub(crate) permissions: Option<Permissions>,
    fingerprint: OnceLock<u128>,
}

impl FileNode {
    /// Applies a content change. Data beyond the length stays hidden until a length covers it.
    pub(crate) fn apply(&mut self, change: &Change) {
        self.fingerprint = OnceLock::new();
        match change {
            Change::Data { range, payload: Payload::Bytes(bytes), .. } => {
                self.pages.write(range.start, bytes);
            }
            Change::Data { range, payload: Payload::Pages(pages), .. } => {
                self.pages.splice(pages, range.clone());
            }
            Change::Data { range, payload: Payload::Zeros, .. } => self.pages.clear(range.clone()),
            Change::Size { from, to, .. } => {
                if to < from {
                    self.pages.clear(*to..u64::MAX);
                }
                self.len = *to;
            }
            Change::Permissions { to, .. } => self.permissions = Some(*to),
            Change::Link { .. } | Change::Unlink { .. } => {}
        }
    }

    /// Drops the data beyond the length.
    pub(crate) fn cut(&mut self) {
        self.fingerprint = OnceLock::new();
        self.pages.clear(self.len..u64::MAX);
    }

    #[inline]
    pub(crate) fn needs_cut(&self) -> bool {
        self.pages.reach_beyond(self.len)
    }

    /// Returns a fingerprint of the readable content, without the permissions.
    pub(crate) fn fingerprint(&self) -> u128 {
        *self.fingerprint.get_or_init(|| {
            if self.needs_cut() {
                let mut file = self.clone();
                file.cut();
                return file.fingerprint();
            }
            let mut hash = Fingerprint::new();
            hash.word(self.len);
            self.pages.fingerprint(&mut hash);
            hash.finish()
        })
    }

    /// Returns a fingerprint of the readable content and of the permissions that were set.
    pub(crate) fn with_permissions(&self) -> u128 {
        let mut hash = Fingerprint::new();
        hash.wide(self.fingerprint());
        if let Some(permissions) = &self.permissions {
            hash.permissions(permissions);
        }
        hash.finish()
    }
}
