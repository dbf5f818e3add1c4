//! Options for writing and reading archives: [`WriteOptions`] and [`ReadOptions`].

use std::sync::Arc;

use lsm_fs::SyncMode;

use crate::EncryptionProvider;

/// Options for writing an archive.
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
    /// Creates the default options: a mirror of the footer, no parity, no encryption, normal syncs.
    #[must_use]
    pub const fn new() -> Self {
        Self { mirror: true, parity: false, encryption: None, sync_mode: SyncMode::Normal }
    }

    /// Enables or disables the mirror, a copy of the footer in the head of the file.
    #[must_use]
    pub const fn mirror(mut self, mirror: bool) -> Self {
        self.mirror = mirror;
        self
    }

    /// Enables or disables parity, which adds about half of the payload's length to each block.
    #[cfg(feature = "parity")]
    #[must_use]
    pub const fn parity(mut self, parity: bool) -> Self {
        self.parity = parity;
        self
    }

    /// Seals (encrypts) every block with this provider.
    #[must_use]
    pub fn encryption(mut self, provider: Arc<dyn EncryptionProvider>) -> Self {
        self.encryption = Some(provider);
        self
    }

    /// Sets the sync mode for the archive, its directory and CURRENT.
    #[must_use]
    pub const fn sync_mode(mut self, mode: SyncMode) -> Self {
        self.sync_mode = mode;
        self
    }
}

/// Options for reading an archive.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ReadOptions {
    pub(crate) encryption: Option<Arc<dyn EncryptionProvider>>,
}

impl ReadOptions {
    /// Creates options without a key.
    #[must_use]
    pub const fn new() -> Self {
        Self { encryption: None }
    }

    /// Decrypts every block with this provider. A block that is not sealed is then refused.
    #[must_use]
    pub fn encryption(mut self, provider: Arc<dyn EncryptionProvider>) -> Self {
        self.encryption = Some(provider);
        self
    }
}
