//! [`Place`]: a store of each kind, with the server behind it.

use std::path::Path;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use tempfile::TempDir;

use crate::programs::Program;
use crate::proxy::{Proxy, Settings};
use crate::server::Server;
use crate::stores::{self, azure, s3_signed};
use crate::tour::Failure;

/// A store with one bucket or container. Its server ends when it is dropped.
#[derive(Debug)]
pub struct Place {
    /// The name for people.
    pub name: &'static str,
    /// A client.
    pub store: Arc<dyn ObjectStore>,
    ground: Ground,
}

#[derive(Debug)]
enum Ground {
    Memory,
    Local { _dir: TempDir },
    Server(Server),
    Program { _program: Program, proxy: Proxy, _dir: TempDir },
}

impl Place {
    /// The memory of this process.
    #[must_use]
    pub fn memory() -> Self {
        Self { name: "memory", store: Arc::new(InMemory::new()), ground: Ground::Memory }
    }

    /// A folder on a local disk, with a sync after each write.
    ///
    /// # Errors
    ///
    /// The folder cannot be made.
    pub fn local() -> Result<Self, Failure> {
        let dir = TempDir::new()?;
        let store = Arc::new(LocalFileSystem::new_with_prefix(dir.path())?.with_fsync(true));
        Ok(Self { name: "local disk", store, ground: Ground::Local { _dir: dir } })
    }

    /// s3s-fs in this process.
    ///
    /// # Errors
    ///
    /// As [`Server::start`].
    pub fn s3s() -> Result<Self, Failure> {
        let server = Server::start(Settings::default())?;
        Ok(Self { name: "s3s-fs", store: server.store()?, ground: Ground::Server(server) })
    }

    /// moto, behind a proxy.
    ///
    /// # Errors
    ///
    /// As [`Program::moto`], or no bucket can be made.
    pub async fn moto(program: &Path) -> Result<Self, Failure> {
        let (dir, program) = (TempDir::new()?, Program::moto(program)?);
        stores::make_bucket(&program.upstream()).await?;
        let proxy = Proxy::start(program.upstream(), Settings::default())?;
        let store = s3_signed(&proxy.url())?;
        Ok(Self { name: "moto", store, ground: Ground::Program { _program: program, proxy, _dir: dir } })
    }

    /// Azurite, behind a proxy.
    ///
    /// # Errors
    ///
    /// As [`Program::azurite`], or no container can be made.
    pub async fn azurite(program: &Path) -> Result<Self, Failure> {
        let dir = TempDir::new()?;
        let program = Program::azurite(program, dir.path())?;
        stores::make_container(&program.upstream()).await?;
        let proxy = Proxy::start(program.upstream(), Settings::default())?;
        let store = azure(&proxy.url())?;
        Ok(Self { name: "azurite", store, ground: Ground::Program { _program: program, proxy, _dir: dir } })
    }

    /// The proxy in front of the server. Memory and a local disk have none.
    #[must_use]
    pub fn proxy(&self) -> Option<&Proxy> {
        match &self.ground {
            Ground::Memory | Ground::Local { .. } => None,
            Ground::Server(server) => Some(&server.proxy),
            Ground::Program { proxy, .. } => Some(proxy),
        }
    }
}
