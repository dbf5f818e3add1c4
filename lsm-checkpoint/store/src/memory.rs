//! [`Memory`]: the files that a client keeps between its runs.
//!
//! Losing these files is safe. They only save requests and transfers, and reveal a rollback of the repository. A
//! damaged file is ignored. If a file cannot be written, the client warns once and goes on.

mod resume;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use lsm_fs::{Fs, FsExt, SyncMode};

use crate::{
    environment::{Environment, blocking},
    error::{Error, Result},
    format::{ObjectRef, RefsPlace, Sha256},
    hex,
    id::RepositoryId,
    options::Options,
};
pub(crate) use resume::Finished;

const SEEN: &str = "seen";
const REFS: &str = "refs";

/// The maximum length of a cached list of references.
const REFS_MAX: u64 = 256 << 20;

/// The client's directory for one repository, if it has one.
#[derive(Debug)]
pub(crate) struct Memory {
    environment: Arc<dyn Environment>,
    dir: Option<Dir>,
    has_warned: AtomicBool,
}

#[derive(Clone, Debug)]
struct Dir {
    fs: Arc<dyn Fs>,
    path: PathBuf,
}

impl Memory {
    pub(crate) async fn open(options: &Options, repository: RepositoryId) -> Result<Self> {
        let none = Self::none(options);
        let Some((fs, base)) = options.state.clone() else { return Ok(none) };
        let path = base.join(repository.to_string());
        let made = path.join(REFS);
        let memory = Self { dir: Some(Dir { fs, path }), ..none };
        memory.run(move |dir| Ok(dir.fs.create_dir_all(&made)?)).await?;
        Ok(memory)
    }

    /// Makes a memory that keeps nothing.
    pub(crate) fn none(options: &Options) -> Self {
        let environment = Arc::clone(&options.environment);
        Self { environment, dir: None, has_warned: AtomicBool::new(false) }
    }

    /// Returns `true` if there is a directory.
    pub(crate) const fn is_kept(&self) -> bool {
        self.dir.is_some()
    }

    /// Runs work on the directory. Without one, returns the default.
    async fn run<T: Default + Send + 'static>(
        &self,
        work: impl FnOnce(&Dir) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Some(dir) = self.dir.clone() else { return Ok(T::default()) };
        blocking(&*self.environment, move || work(&dir)).await.map_err(Error::System)?
    }

    /// Runs work that only saves later runs something. Returns `false` and warns if it fails, once for all failures.
    async fn try_run(&self, work: impl FnOnce(&Dir) -> Result<()> + Send + 'static) -> bool {
        let outcome = self.run(work).await;
        if let Err(error) = &outcome
            && !self.has_warned.swap(true, Ordering::Relaxed)
        {
            log::warn!(
                "the state directory cannot be written, so later runs may repeat work and overlook a rollback: {error}"
            );
        }
        outcome.is_ok()
    }

    /// Returns the newest number that a run of this client has seen.
    pub(crate) async fn newest_seen(&self) -> Result<Option<u64>> {
        self.run(|dir| {
            let bytes = dir.fs.read_to_vec(&dir.path.join(SEEN), 64);
            let text = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
            Ok(text.and_then(|text| text.trim().parse().ok()))
        })
        .await
    }

    /// Keeps the newest number for later runs. Returns `false` if that failed.
    pub(crate) async fn saw(&self, number: u64) -> bool {
        self.try_run(move |dir| {
            let text = format!("{number}\n");
            let _ = dir.fs.rewrite_atomic(&dir.path.join(SEEN), text.as_bytes(), SyncMode::Normal)?;
            Ok(())
        })
        .await
    }

    /// Returns the references of a catalog, if an earlier run has kept them.
    pub(crate) async fn refs(&self, catalog: Sha256, place: RefsPlace) -> Result<Option<Vec<ObjectRef>>> {
        self.run(move |dir| {
            let bytes = dir.fs.read_to_vec(&refs_path(dir, catalog), REFS_MAX.min(place.len)).ok();
            Ok(bytes.and_then(|bytes| place.decode(&bytes).ok()))
        })
        .await
    }

    /// Keeps the references of a catalog.
    pub(crate) async fn keep_refs(&self, catalog: Sha256, blocks: Vec<u8>) {
        self.try_run(move |dir| {
            let path = refs_path(dir, catalog);
            let _ = dir.fs.rewrite_atomic(&path, &blocks, SyncMode::Normal)?;
            Ok(())
        })
        .await;
    }

    /// Removes the references of catalogs that are not in `live`.
    pub(crate) async fn keep_only(&self, live: Vec<Sha256>) {
        self.try_run(move |dir| {
            let folder = dir.path.join(REFS);
            let names: std::collections::BTreeSet<_> = live.iter().map(|sha| hex::encode(sha)).collect();
            for entry in dir.fs.read_dir(&folder)? {
                if entry.name.to_str().is_some_and(|name| !names.contains(name)) {
                    dir.fs.remove_file(&folder.join(&entry.name))?;
                }
            }
            Ok(())
        })
        .await;
    }
}

fn refs_path(dir: &Dir, catalog: Sha256) -> PathBuf {
    dir.path.join(REFS).join(hex::encode(&catalog))
}
