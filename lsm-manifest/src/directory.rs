//! [`ManifestDirectory`]: the life cycle of an engine's directory, from nothing to version n.

mod options;
mod start;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lsm_fs::{DirectorySync, Fs, FsDirLock, parent_of};
pub use options::DirectoryOptions;

use crate::{
    DurableArchive, Error, ManifestArchiveWriter, Recovered, Result, UNFINISHED_FILE, WriteOptions,
    current::read_if_there, names::version_file_name, next_version_id, publish_current, remove_stale,
    republish_current,
};

/// An engine's directory, opened by its one writer.
///
/// The life cycle is four calls: [`open`](Self::open), [`next_version`](Self::next_version),
/// [`publish`](Self::publish),
/// [`remove_stale`](Self::remove_stale). The first version is published like every other one. The crate's first page
/// shows a program.
///
/// The value holds the owner lock of the directory until it is dropped. Threads may share it: publications follow one
/// another.
#[derive(Debug)]
pub struct ManifestDirectory {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    options: DirectoryOptions,
    /// `None` where the caller sees to it, or the platform has no such locks.
    _lock: Option<Box<dyn FsDirLock>>,
    state: Mutex<State>,
}

/// What is known of the names on disk.
#[derive(Debug)]
struct State {
    /// The first start is not finished: [`UNFINISHED_FILE`] may be there.
    is_unfinished: bool,
    /// CURRENT, as everybody sees it, survives a crash.
    is_durable: bool,
}

impl ManifestDirectory {
    /// Opens a directory for its one writer. Returns its live version, or `None` if nothing is stored in it.
    ///
    /// # Contract
    ///
    /// *A version.* CURRENT, its archive and every section are verified, and CURRENT is published once more: the
    /// process that published it may have died before it was durable. From here on the engine may build on it and
    /// remove the files that it has replaced, if [`is_durable`](Self::is_durable) says so. On a full disk, CURRENT
    /// stays as it is and the call succeeds; `is_durable` is then `false`.
    ///
    /// *Nothing stored.* The directory is missing, or it holds only empty folders and names that say nothing; or an
    /// earlier first start was cut. The call creates the directory if its parent is there, makes its name durable,
    /// and marks it with [`UNFINISHED_FILE`]. It removes everything that an earlier first start has left: archives, the
    /// engine's files, and the contents of its folders. Files that the engine has not declared stay. The engine now
    /// makes its folders and files, and publishes a first version. Until [`publish`](Self::publish) has returned, it
    /// must tell nobody that anything is stored, because the next start would remove it.
    ///
    /// *The caller's part.* The parent of the directory exists, its name is durable, and it can be opened for reading.
    /// A directory that is a mount point owes its name to the operator. Make files in the directory only after this
    /// call has returned; empty folders may be made before.
    ///
    /// *Exclusion.* The owner lock of the directory is held until the value is dropped. Where the platform has none,
    /// the caller keeps other writers out. Readers need no lock.
    ///
    /// # Crash semantics
    ///
    /// Every state that a crash leaves is one of those above: the same call goes on from there.
    ///
    /// # Errors
    ///
    /// - [`InUse`](Error::InUse): another writer has the directory.
    /// - [`MissingCurrent`](Error::MissingCurrent): CURRENT was lost. Also if an earlier first start was cut and has
    ///   left data, on a volume that cannot sync directories: there, nothing tells the two apart.
    /// - [`ForeignDirectory`](Error::ForeignDirectory): the directory belongs to somebody else.
    /// - Those of [`recover`](crate::recover): the version is damaged, or its archive is lost.
    /// - [`Fs`](Error::Fs): the filesystem failed. A full disk is an error only while the first start is not finished;
    ///   nothing is stored yet, so make room and open again.
    ///
    /// # Examples
    ///
    /// ```
    /// use lsm_fs_mem::MemFs;
    /// use lsm_manifest::{DirectoryOptions, Error, ManifestDirectory, WriteOptions};
    /// use std::{path::Path, sync::Arc};
    ///
    /// # fn main() -> lsm_manifest::Result<()> {
    /// let fs: Arc<dyn lsm_fs::Fs> = Arc::new(MemFs::new());
    /// let (dir, options) = (Path::new("/db"), DirectoryOptions::new());
    /// let (directory, live) = ManifestDirectory::open(&fs, dir, &options)?;
    /// assert!(live.is_none());
    /// assert!(matches!(ManifestDirectory::open(&fs, dir, &options), Err(Error::InUse { .. })));
    ///
    /// let archive = directory.next_version(WriteOptions::new())?.finish()?;
    /// let _ = directory.publish(&archive)?;
    /// drop(directory);
    /// let (_, live) = ManifestDirectory::open(&fs, dir, &options)?;
    /// assert_eq!(live.expect("a version").current.version_id, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn open(
        fs: &Arc<dyn Fs>,
        dir: &Path,
        options: &DirectoryOptions,
    ) -> Result<(Self, Option<Recovered>)> {
        start::make_directory(&**fs, dir)?;
        let lock = if options.locked_by_caller { None } else { start::lock(&**fs, dir)? };
        let (state, live) = start::start(&**fs, dir, options)?;
        let directory = Self {
            fs: Arc::clone(fs),
            dir: dir.to_path_buf(),
            options: options.clone(),
            _lock: lock,
            state: Mutex::new(state),
        };
        Ok((directory, live))
    }

    /// Begins the archive of the next version, which is the first one if there is none.
    ///
    /// Its number is higher than every number that was used in the directory: see
    /// [`next_version_id`](crate::next_version_id). Two archives at a time get two numbers; publish them in their
    /// order.
    ///
    /// # Errors
    ///
    /// As [`next_version_id`](crate::next_version_id) and [`ManifestArchiveWriter::create`].
    pub fn next_version(&self, options: WriteOptions) -> Result<ManifestArchiveWriter<'_>> {
        let _one_at_a_time = self.state();
        let version_id = next_version_id(&*self.fs, &self.dir)?;
        ManifestArchiveWriter::create(&*self.fs, &self.dir.join(version_file_name(version_id)), options)
    }

    /// Makes a finished archive of this directory the live version, as one step. The first one ends the first start.
    ///
    /// After this call the engine may say that the version is stored. Returns
    /// [`NotSupported`](DirectorySync::NotSupported) if the platform cannot say that it survives a crash.
    ///
    /// # Crash semantics
    ///
    /// Before it returns, a crash leaves the version before it or the new one, whole. Before there is a first version,
    /// it leaves a directory in which nothing is stored.
    ///
    /// # Errors
    ///
    /// As [`publish_current`](crate::publish_current). After [`PublishedNotDurable`](Error::PublishedNotDurable), and
    /// after an error of the first version, call it again with the same archive, or open the directory anew.
    pub fn publish(&self, archive: &DurableArchive<'_>) -> Result<DirectorySync> {
        if parent_of(archive.path()) != self.dir {
            return Err(Error::NotAVersion { file: archive.path().to_path_buf() });
        }
        let mut state = self.state();
        state.is_durable = false;
        let published = publish_current(archive)?;
        state.finish_start(&*self.fs, &self.dir, &self.options)?;
        state.is_durable = published == DirectorySync::Durable;
        Ok(published)
    }

    /// Tells if CURRENT, as it is now, is known to survive a crash. Only then may the engine remove the tables, logs
    /// and blobs that the live version has replaced.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.state().is_durable
    }

    /// Removes the archives and edit logs of versions that are not live, and temporary files. Returns their paths.
    ///
    /// If CURRENT is not known to be durable, it is published once more before anything is removed. If that finds the
    /// disk full, or if the platform cannot say, nothing is removed, and the call succeeds.
    ///
    /// # Crash semantics
    ///
    /// As [`remove_stale`](crate::remove_stale()).
    ///
    /// # Errors
    ///
    /// As [`republish_current`] and [`remove_stale`](crate::remove_stale()); nothing is stored yet: nothing is removed.
    pub fn remove_stale(&self) -> Result<Vec<PathBuf>> {
        let (fs, dir) = (&*self.fs, &*self.dir);
        let mut state = self.state();
        let Some(live) = read_if_there(fs, dir)? else { return Ok(Vec::new()) };
        if !state.is_durable {
            state.confirm(fs, dir, &self.options)?;
        }
        if state.is_durable { remove_stale(fs, dir, live.version_id) } else { Ok(Vec::new()) }
    }

    /// A panic under the lock leaves no flag that claims more than is so.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Publishes the CURRENT that is there once more. On a full disk it stays as it is, unless the first start is not
    /// finished: then a crash could take back the only version, and the next start would clear what was built on it.
    fn confirm(&mut self, fs: &dyn Fs, dir: &Path, options: &DirectoryOptions) -> Result<()> {
        match republish_current(fs, dir, options.sync_mode) {
            Ok(synced) => self.is_durable = synced == DirectorySync::Durable,
            Err(Error::Fs(error)) if is_full(&error) && !self.is_unfinished => {
                log::warn!("{error}; nothing that the live version has replaced is removed");
                // Names that a killed process made are seen, and may not be on disk yet.
                let _ = fs.sync_directory(dir, options.sync_mode)?;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Takes the mark of an unfinished first start away, durably. CURRENT is durable before that.
    fn finish_start(&mut self, fs: &dyn Fs, dir: &Path, options: &DirectoryOptions) -> Result<()> {
        if self.is_unfinished {
            match fs.remove_file(&dir.join(UNFINISHED_FILE)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
            let _ = fs.sync_directory(dir, options.sync_mode)?;
            self.is_unfinished = false;
        }
        Ok(())
    }
}

fn is_full(error: &lsm_fs::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
