//! How an archive is written and read: [`WriteOptions`], [`ReadOptions`].

use std::sync::Arc;

use lsm_fs::SyncMode;

use crate::EncryptionProvider;

/// How an archive is written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WriteOptions {
    pub(crate) mirror: bool,
    pub(crate) parity: bool,
    pub(crate) encryption: Option<Arc<dyn EncryptionProvider>>,
    pub(crate) sync_mode: SyncMode,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl WriteOptions {
    /// A mirror of the footer, no parity, no encryption, ordinary syncs.
    #[must_use]
    pub const fn new() -> Self {
        Self { mirror: true, parity: false, encryption: None, sync_mode: SyncMode::Normal }
    }

    /// Whether the head of the file holds a copy of the footer.
    #[must_use]
    pub const fn mirror(mut self, mirror: bool) -> Self {
        self.mirror = mirror;
        self
    }

    /// Whether each block is followed by parity, half as long as the block.
    #[cfg(feature = "parity")]
    #[must_use]
    pub const fn parity(mut self, parity: bool) -> Self {
        self.parity = parity;
        self
    }

    /// Seals every block.
    #[must_use]
    pub fn encryption(mut self, provider: Arc<dyn EncryptionProvider>) -> Self {
        self.encryption = Some(provider);
        self
    }

    /// How far the syncs of the archive, its directory and CURRENT reach.
    #[must_use]
    pub const fn sync_mode(mut self, mode: SyncMode) -> Self {
        self.sync_mode = mode;
        self
    }
}

/// How an archive is read.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ReadOptions {
    pub(crate) encryption: Option<Arc<dyn EncryptionProvider>>,
}

impl ReadOptions {
    /// Without a key.
    #[must_use]
    pub const fn new() -> Self {
        Self { encryption: None }
    }

    /// Opens every block with this key; a block that is not sealed is then refused.
    #[must_use]
    pub fn encryption(mut self, provider: Arc<dyn EncryptionProvider>) -> Self {
        self.encryption = Some(provider);
        self
    }
}
