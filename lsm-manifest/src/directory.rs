//! [`ManifestDirectory`]: the life cycle of an engine's directory, from its creation to its latest version.

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

/// An engine's directory, opened by its only writer.
///
/// The life cycle consists of four calls: [`open`](Self::open), [`next_version`](Self::next_version),
/// [`publish`](Self::publish) and [`remove_stale`](Self::remove_stale). The first version is published in the same way
/// as every later one. The front page of the crate shows a complete program.
///
/// The value holds the owner lock of the directory until it is dropped, unless
/// [`locked_by_caller`](DirectoryOptions::locked_by_caller) is set or the platform has no such locks. It can be shared
/// between threads, and concurrent publications run one after the other.
///
#[doc = include_str!("directory/audit_example.md")]
#[derive(Debug)]
pub struct ManifestDirectory {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    options: DirectoryOptions,
    /// `None` if the caller locks the directory itself, or if the platform has no directory locks.
    _lock: Option<Box<dyn FsDirLock>>,
    state: Mutex<DirectoryState>,
}

/// The known state of the directory on disk.
#[derive(Debug)]
struct DirectoryState {
    /// `true` until the first start is finished. [`UNFINISHED_FILE`] may exist.
    is_unfinished: bool,
    /// `true` if the CURRENT file that is visible now survives a crash.
    is_durable: bool,
}

impl ManifestDirectory {
    /// Opens a directory for its only writer. Returns the live version, or `None` if nothing is stored in the
    /// directory.
    ///
    /// # Contract
    ///
    /// *The directory has a live version.* The call verifies CURRENT, its archive and every section. It then publishes
    /// CURRENT once more, because the process that published it may have died before the change was durable. If
    /// [`is_durable`](Self::is_durable) returns `true`, the engine may build on this version and remove the files that
    /// it replaced. If the disk is full, the call succeeds and leaves CURRENT as it is, and `is_durable` returns
    /// `false`.
    ///
    /// *Nothing is stored in the directory.* It is missing, it holds only empty folders and ignored names, or its first
    /// start was interrupted. The call creates the directory, makes its name durable, and marks it with
    /// [`UNFINISHED_FILE`]. It then removes everything that an interrupted first start left: archives, the engine's
    /// files, and the contents of the engine's folders. Files that the engine has not declared stay.
    ///
    /// After the call, the engine creates its folders and files, and publishes a first version. Until
    /// [`publish`](Self::publish) has returned, the engine must not acknowledge any data, because the next start would
    /// remove it.
    ///
    /// *Duties of the caller.* The parent of the directory must exist, and must be durable and readable. If the
    /// directory is a mount point, its name is the operator's responsibility. Do not create files in the directory
    /// before this call has returned. Empty folders may exist earlier.
    ///
    /// *Exclusion.* The value holds the owner lock of the directory until it is dropped. It holds none if
    /// [`locked_by_caller`](DirectoryOptions::locked_by_caller) is set, or if the platform has no such locks. The
    /// caller must then keep other writers out. Readers need no lock.
    ///
    /// # Crash semantics
    ///
    /// A crash at any point leaves one of the states above. Calling `open` again continues from it.
    ///
    /// # Errors
    ///
    /// - [`InUse`](Error::InUse): another writer has the directory open.
    /// - [`MissingCurrent`](Error::MissingCurrent): CURRENT was lost. On a volume that cannot sync directories, the
    ///   call also returns this error after an interrupted first start that left data, because it cannot tell the two
    ///   cases apart.
    /// - [`ForeignDirectory`](Error::ForeignDirectory): the directory belongs to another application.
    /// - The errors of [`recover`](crate::recover): the version is damaged, or its archive is lost.
    /// - [`Fs`](Error::Fs): the filesystem failed. A full disk is an error only while the first start is unfinished.
    ///   Nothing is stored at that point, so make room and open the directory again.
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

    /// Starts the archive of the next version, or of the first version if there is none.
    ///
    /// The number of the version is higher than CURRENT's and than the number in any file name, see
    /// [`next_version_id`](crate::next_version_id). Concurrent calls get different numbers. Publish their archives in
    /// ascending order, because [`publish`](Self::publish) refuses a lower number after a higher one.
    ///
    /// # Errors
    ///
    /// The errors of [`next_version_id`](crate::next_version_id) and [`ManifestArchiveWriter::create`].
    pub fn next_version(&self, options: WriteOptions) -> Result<ManifestArchiveWriter<'_>> {
        let _one_at_a_time = self.state();
        let version_id = next_version_id(&*self.fs, &self.dir)?;
        ManifestArchiveWriter::create(&*self.fs, &self.dir.join(version_file_name(version_id)), options)
    }

    /// Atomically makes a finished archive of this directory the live version. The first publication ends the first
    /// start.
    ///
    /// After this call, the engine may acknowledge the version as stored. Returns
    /// [`NotSupported`](DirectorySync::NotSupported) if the platform cannot guarantee that the version survives a
    /// crash.
    ///
    /// # Crash semantics
    ///
    /// Until the call returns, a crash leaves either the previous version or the new one, complete. If there was no
    /// previous version, a crash leaves either the new version or a directory in which nothing is stored.
    ///
    /// # Errors
    ///
    /// The errors of [`publish_current`](crate::publish_current). After
    /// [`PublishedNotDurable`](Error::PublishedNotDurable), or after any error while publishing the first version, call
    /// this again with the same archive, or reopen the directory.
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

    /// Returns `true` if the CURRENT file that is visible now is known to survive a crash. Only then may the engine
    /// remove the tables, logs and blobs that the live version replaced.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.state().is_durable
    }

    /// Removes temporary files and the archives and edit logs of all versions except the live one. Returns the removed
    /// paths.
    ///
    /// If CURRENT is not known to be durable, the call first publishes it once more. If the disk is too full for that,
    /// or if the platform cannot guarantee durability, the call removes nothing and succeeds. The same holds if no
    /// version was published yet.
    ///
    /// # Crash semantics
    ///
    /// The same as for [`remove_stale`](crate::remove_stale()).
    ///
    /// # Errors
    ///
    /// The errors of [`republish_current`] and [`remove_stale`](crate::remove_stale()). While the first start is
    /// unfinished, a full disk is an error.
    pub fn remove_stale(&self) -> Result<Vec<PathBuf>> {
        let (fs, dir) = (&*self.fs, &*self.dir);
        let mut state = self.state();
        let Some(live) = read_if_there(fs, dir)? else { return Ok(Vec::new()) };
        if !state.is_durable {
            state.confirm(fs, dir, &self.options)?;
        }
        if state.is_durable { remove_stale(fs, dir, live.version_id) } else { Ok(Vec::new()) }
    }

    /// Ignores poison. An operation claims durability, or the end of the first start, only in its last step. A panic
    /// therefore leaves no flag that claims too much.
    fn state(&self) -> MutexGuard<'_, DirectoryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DirectoryState {
    /// Publishes the existing CURRENT once more. If the disk is full, CURRENT stays as it is. During an unfinished
    /// first start, a full disk is an error: a crash could lose the only version, and the next start would then remove
    /// the data that was built on it.
    fn confirm(&mut self, fs: &dyn Fs, dir: &Path, options: &DirectoryOptions) -> Result<()> {
        match republish_current(fs, dir, options.sync_mode) {
            Ok(synced) => self.is_durable = synced == DirectorySync::Durable,
            Err(Error::Fs(error)) if is_full(&error) && !self.is_unfinished => {
                log::warn!("{error}; the files that the live version replaced are kept");
                // A process that was killed may have created names that are visible but not on disk yet.
                let _ = fs.sync_directory(dir, options.sync_mode)?;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Removes the mark of an unfinished first start, durably. The caller has made CURRENT durable before.
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
