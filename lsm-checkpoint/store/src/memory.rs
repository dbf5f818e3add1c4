//! [`Memory`]: the files that a client keeps between its runs.
//!
//! Losing these files is safe. They only save requests and transfers, and reveal a rollback of the repository. A
//! damaged file is ignored. If a file cannot be written, the client warns once and goes on.
//!
//! Several clients may share the directory. References are kept under their digest. The newest number only grows, under
//! a lock that is held for one write. Only the notes of a push belong to one client at a time.

mod resume;

use std::{
    io::ErrorKind,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use lsm_fs::{Fs, FsExt, FsOpenOptions, SyncMode};

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
const SEEN_LOCK: &str = "seen.lock";
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
        self.warn_of(self.run(work).await).is_some()
    }

    fn warn_of<T>(&self, outcome: Result<T>) -> Option<T> {
        if let Err(error) = &outcome
            && !self.has_warned.swap(true, Ordering::Relaxed)
        {
            log::warn!(
                "the state directory cannot be written, so later runs may repeat work and overlook a rollback: {error}"
            );
        }
        outcome.ok()
    }

    /// Returns the newest number that a run of this client has seen.
    pub(crate) async fn newest_seen(&self) -> Result<Option<u64>> {
        self.run(|dir| Ok(newest_seen(dir))).await
    }

    /// Keeps the newest number for later runs. Returns `false` if that failed, or if another client is at it.
    pub(crate) async fn saw(&self, number: u64) -> bool {
        self.warn_of(self.run(move |dir| keep_seen(dir, number)).await) == Some(Busy(false))
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
            match dir.fs.rewrite_atomic(&path, &blocks, SyncMode::Normal) {
                // A collect of another client has removed the unfinished file.
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                outcome => Ok(outcome.map(drop)?),
            }
        })
        .await;
    }

    /// Removes the references of catalogs that are not in `live`.
    pub(crate) async fn keep_only(&self, live: Vec<Sha256>) {
        self.try_run(move |dir| {
            let folder = dir.path.join(REFS);
            let names: std::collections::BTreeSet<_> = live.iter().map(|sha| hex::encode(sha)).collect();
            for entry in dir.fs.read_dir(&folder)? {
                if entry.name.to_str().is_none_or(|name| names.contains(name)) {
                    continue;
                }
                match dir.fs.remove_file(&folder.join(&entry.name)) {
                    // Another collect was faster.
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                    _ => {}
                }
            }
            Ok(())
        })
        .await;
    }
}

/// Set if another client holds the lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Busy(bool);

fn newest_seen(dir: &Dir) -> Option<u64> {
    let bytes = dir.fs.read_to_vec(&dir.path.join(SEEN), 64).ok()?;
    String::from_utf8(bytes).ok()?.trim().parse().ok()
}

/// Keeps a number, unless a higher one is there. Without the lock, a client could replace the number of a faster one.
fn keep_seen(dir: &Dir, number: u64) -> Result<Busy> {
    let lock = dir.fs.open(&dir.path.join(SEEN_LOCK), &FsOpenOptions::new().write(true).create(true))?;
    match lock.try_lock_exclusive() {
        Ok(true) => {}
        Ok(false) => return Ok(Busy(true)),
        // A mount without locks. A lower number only hides a rollback until the next state is read.
        Err(error) if error.kind() == ErrorKind::Unsupported => {}
        Err(error) => return Err(error.into()),
    }
    if newest_seen(dir).is_none_or(|seen| seen < number) {
        let text = format!("{number}\n");
        let _ = dir.fs.rewrite_atomic(&dir.path.join(SEEN), text.as_bytes(), SyncMode::Normal)?;
    }
    Ok(Busy(false))
}

fn refs_path(dir: &Dir, catalog: Sha256) -> PathBuf {
    dir.path.join(REFS).join(hex::encode(&catalog))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use lsm_fs::{Op, errno};
    use lsm_fs_mem::{Fault, FaultFs, MemFs};

    use super::*;

    fn dir() -> Dir {
        Dir { fs: Arc::new(MemFs::new()), path: PathBuf::from("/") }
    }

    #[test]
    fn a_lower_number_does_not_replace_a_higher_one() {
        let dir = dir();
        for (number, kept) in [(7, 7), (3, 7), (9, 9)] {
            assert_eq!(keep_seen(&dir, number).unwrap(), Busy(false));
            assert_eq!(newest_seen(&dir), Some(kept));
        }
        dir.fs.write_new(Path::new("/junk"), b"junk", SyncMode::Normal).unwrap();
        dir.fs.rename(Path::new("/junk"), Path::new("/seen")).unwrap();
        assert_eq!(keep_seen(&dir, 4).unwrap(), Busy(false));
        assert_eq!(newest_seen(&dir), Some(4), "a damaged file is replaced");
    }

    #[test]
    fn a_client_does_not_wait_for_another_one() {
        let dir = dir();
        let _ = keep_seen(&dir, 7).unwrap();
        let held = dir.fs.open(Path::new("/seen.lock"), &FsOpenOptions::new().write(true)).unwrap();
        assert!(held.try_lock_exclusive().unwrap());
        assert_eq!(keep_seen(&dir, 9).unwrap(), Busy(true));
        assert_eq!(newest_seen(&dir), Some(7));
        drop(held);
        assert_eq!(keep_seen(&dir, 9).unwrap(), Busy(false));
    }

    #[test]
    fn a_collect_of_another_client_may_remove_an_unfinished_file() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (errno, warns) in [(errno::ENOENT, false), (errno::EIO, true)] {
            let fs = FaultFs::new(MemFs::new());
            fs.create_dir(Path::new("/refs")).unwrap();
            fs.inject(Fault::on(Op::Rename).before(errno));
            let dir = Some(Dir { fs: Arc::new(fs), path: PathBuf::from("/") });
            let memory = Memory { dir, ..Memory::none(&Options::new()) };
            runtime.block_on(memory.keep_refs([1; 32], b"references".to_vec()));
            assert_eq!(memory.has_warned.load(Ordering::Relaxed), warns, "{errno}");
        }
    }
}
