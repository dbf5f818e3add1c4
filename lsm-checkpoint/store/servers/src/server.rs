//! [`Server`]: s3s-fs behind a proxy, on a temporary directory.

use std::io;
use std::path::Path;
use std::sync::Arc;

use object_store::ObjectStore;
use tempfile::TempDir;

use crate::proxy::{Proxy, Settings};
use crate::stores::{self, BUCKET};
use crate::upstream::Upstream;

/// The key and the secret of a [signed](Server::signed) server.
pub const CREDENTIALS: (&str, &str) = ("access", "a secret for tests");

/// An S3 server with one bucket.
#[derive(Debug)]
pub struct Server {
    /// The proxy in front of the server.
    pub proxy: Proxy,
    dir: TempDir,
}

impl Server {
    /// Starts a server with an atomic put-if-absent.
    ///
    /// # Errors
    ///
    /// No port, thread or directory is free.
    pub fn start(settings: Settings) -> io::Result<Self> {
        Self::of(settings, Upstream::s3)
    }

    /// Starts a server that refuses requests without the signature of [`CREDENTIALS`].
    ///
    /// # Errors
    ///
    /// No port, thread or directory is free.
    pub fn signed() -> io::Result<Self> {
        Self::of(Settings::default(), |root| Upstream::signed_s3(root, CREDENTIALS))
    }

    fn of(settings: Settings, upstream: impl FnOnce(&Path) -> io::Result<Upstream>) -> io::Result<Self> {
        let dir = TempDir::new()?;
        std::fs::create_dir(dir.path().join(BUCKET))?;
        Ok(Self { proxy: Proxy::start(upstream(dir.path())?, settings)?, dir })
    }

    /// Counts the uploads in parts that were neither completed nor aborted. No list of objects shows them.
    ///
    /// # Errors
    ///
    /// The directory cannot be read.
    pub fn unfinished_uploads(&self) -> io::Result<usize> {
        let mut unfinished = 0;
        for entry in std::fs::read_dir(self.dir.path())? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            // s3s-fs keeps a file `.upload-{id}.json` for each.
            unfinished += usize::from(name.starts_with(".upload-") && name.ends_with(".json"));
        }
        Ok(unfinished)
    }

    /// Makes a client of the server.
    ///
    /// # Errors
    ///
    /// As [`stores::s3`].
    pub fn store(&self) -> object_store::Result<Arc<dyn ObjectStore>> {
        stores::s3(&self.proxy.url())
    }
}
