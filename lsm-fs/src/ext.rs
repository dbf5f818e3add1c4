//! [`FsExt`] and [`FsFileExt`]: what can be said in terms of the traits.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::{Component, Path, PathBuf},
};

use crate::{DirectorySync, Error, Fs, FsFile, FsOpenOptions, Op, Result, SyncMode, batch::remove_after};

/// The directory that holds a path's name: `.` for a bare name, the path itself for a root.
#[must_use]
pub fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

/// Conveniences on every [`Fs`].
pub trait FsExt: Fs {
    /// Whether the path leads to something; symlinks are followed.
    ///
    /// # Errors
    ///
    /// Those of [`Fs::metadata`], except `NotFound` and `NotADirectory`, which mean `false`.
    fn exists(&self, path: &Path) -> Result<bool> {
        match self.metadata(path) {
            Ok(_) => Ok(true),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// How many names the inode has, where the platform tells.
    ///
    /// # Errors
    ///
    /// Those of [`Fs::metadata`].
    fn hard_link_count(&self, path: &Path) -> Result<Option<u64>> {
        Ok(self.metadata(path)?.link_count)
    }

    /// Reads a whole file of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// `FileTooLarge` if it is longer, before anything is allocated for it; those of [`Fs::open`] and
    /// [`FsFile::read_at`].
    fn read_to_vec(&self, path: &Path, limit: u64) -> Result<Vec<u8>> {
        let file = self.open(path, &FsOpenOptions::new().read(true))?;
        let len = file.metadata()?.len;
        let fits = usize::try_from(len).ok().filter(|_| len <= limit);
        let Some(len) = fits else {
            let what = format!("{len} bytes, at most {limit} were expected");
            return Err(Error::new(Op::ReadAt, path, io::Error::new(io::ErrorKind::FileTooLarge, what)));
        };
        let mut bytes = vec![0; len];
        let read = file.read_at(&mut bytes, 0)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Writes a new file and syncs its bytes. Its name is not durable until the parent is synced.
    ///
    /// # Crash semantics
    ///
    /// Before it returns, a crash may leave no file, or one with any part of the bytes.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`, and the file there is untouched; those of [`Fs::open`], [`FsFile::write_at`] and
    /// [`FsFile::sync_all`]: then the file is removed again.
    fn write_new(&self, path: &Path, bytes: &[u8], mode: SyncMode) -> Result<()> {
        let file = self.open(path, &FsOpenOptions::new().write(true).create_new(true))?;
        let written = write_and_sync(&*file, bytes, mode);
        drop(file);
        written.map_err(|e| remove_after(self, path, e))
    }

    /// Replaces a file's contents, or creates it, as one step: at every moment, and after every crash, the path leads
    /// to all of the old bytes or all of the new ones.
    ///
    /// # Contract
    ///
    /// Writes `.{name}.tmp-{n}` in the same directory, with the first `n` that nothing has, syncs it, renames it over
    /// `path` and syncs the directory. Two writers may race: one of them wins, whole. Other links to the old inode keep
    /// the old bytes; mode and owner are those of a new file; a symlink at `path` is replaced itself. On return the
    /// new contents are durable, unless the answer is [`NotSupported`](DirectorySync::NotSupported).
    ///
    /// # Crash semantics
    ///
    /// A crash may leave the temporary file behind. It never stands in the way of a later call, and [`is_leftover`]
    /// knows it.
    ///
    /// # Errors
    ///
    /// Until the rename, the path is as before, and the temporary file is removed (a failed removal is attached). An
    /// error whose operation is [`Op::SyncDirectory`] comes after the rename: readers see the new bytes, a crash may
    /// bring back the old ones.
    fn rewrite_atomic(&self, path: &Path, bytes: &[u8], mode: SyncMode) -> Result<DirectorySync> {
        self.rewrite_atomic_with(path, mode, &mut |file| file.write_at(bytes, 0))
    }

    /// As [`rewrite_atomic`](Self::rewrite_atomic), with contents that `write` writes into an empty file, so that they
    /// need not be in memory together.
    ///
    /// # Errors
    ///
    /// As [`rewrite_atomic`](Self::rewrite_atomic), and the errors of `write`. The path is as before.
    fn rewrite_atomic_with(
        &self,
        path: &Path,
        mode: SyncMode,
        write: &mut dyn FnMut(&dyn FsFile) -> Result<()>,
    ) -> Result<DirectorySync> {
        let Some(name) = path.file_name() else {
            return Err(Error::new(Op::Open, path, io::Error::from(io::ErrorKind::InvalidInput)));
        };
        let (temp, file) = create_temp(self, parent_of(path), name)?;
        let written = write(&*file).and_then(|()| file.sync_all(mode));
        drop(file);
        written.and_then(|()| self.rename(&temp, path)).map_err(|e| remove_after(self, &temp, e))?;
        self.sync_directory(parent_of(path), mode)
    }

    /// Creates a directory and those above it that are missing. Nothing is synced.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` if `path` is no directory, `NotADirectory` if something on the way is none; those of
    /// [`Fs::create_dir`]: what was created stays.
    fn create_dir_all(&self, path: &Path) -> Result<()> {
        let mut missing = Vec::new();
        let mut at = path;
        while !self.exists(at)? {
            missing.push(at);
            let parent = parent_of(at);
            if parent == at {
                break;
            }
            at = parent;
        }
        for dir in missing.iter().rev() {
            match self.create_dir(dir) {
                Ok(()) => {}
                // Someone else made it meanwhile.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && is_directory(self, dir) => {}
                Err(e) => return Err(e),
            }
        }
        if missing.is_empty() && !is_directory(self, path) {
            return Err(Error::new(Op::CreateDir, path, io::Error::from_raw_os_error(crate::errno::EEXIST)));
        }
        Ok(())
    }

    /// Creates `base`/`below` with all that is missing of it, and makes every name from `base` down durable.
    ///
    /// # Contract
    ///
    /// `base` exists, and its own name is durable: the directory that an operator made, or a root. Each directory from
    /// there to the lowest but one is synced, the lowest first, whether or not this call made what is in it: an earlier
    /// call may have died between its `create_dir` and its sync. Syncing what is clean costs next to nothing.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `below` is not made of plain names; those of [`Fs::create_dir`]: what was created stays, and
    /// the same call can be made again. Those of [`Fs::sync_directory`]: what was created stays, and nothing makes its
    /// names durable; only other names, on a device that works, do.
    fn create_dir_all_durable(&self, base: &Path, below: &Path, mode: SyncMode) -> Result<DirectorySync> {
        if !below.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(Error::new(Op::CreateDir, below, io::Error::from(io::ErrorKind::InvalidInput)));
        }
        self.create_dir_all(&base.join(below))?;
        let mut outcome = DirectorySync::Durable;
        for above in below.ancestors().skip(1) {
            let dir = if above.as_os_str().is_empty() { base.to_path_buf() } else { base.join(above) };
            if self.sync_directory(&dir, mode)? == DirectorySync::NotSupported {
                outcome = DirectorySync::NotSupported;
            }
        }
        Ok(outcome)
    }
}

impl<F: Fs + ?Sized> FsExt for F {}

/// Conveniences on every [`FsFile`].
pub trait FsFileExt: FsFile {
    /// Fills `buf` from an offset.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the file ends before; the errors of [`FsFile::read_at`].
    fn read_exact_at(&self, buf: &mut [u8], offset: u64, path: &Path) -> Result<()> {
        let read = self.read_at(buf, offset)?;
        if read == buf.len() {
            return Ok(());
        }
        let what = format!("{} bytes at offset {offset} wanted, the file ends after {read}", buf.len());
        Err(Error::new(Op::ReadAt, path, io::Error::new(io::ErrorKind::UnexpectedEof, what)))
    }
}

impl<T: FsFile + ?Sized> FsFileExt for T {}

fn write_and_sync(file: &dyn FsFile, bytes: &[u8], mode: SyncMode) -> Result<()> {
    file.write_at(bytes, 0)?;
    file.sync_all(mode)
}

fn is_directory<F: Fs + ?Sized>(fs: &F, path: &Path) -> bool {
    fs.metadata(path).is_ok_and(|m| m.is_dir())
}

/// Whether a name is one that this crate makes for a moment, so that a crash can leave it behind: a temporary file of
/// [`FsExt::rewrite_atomic`], or a directory in which [`Fs::capabilities`] tried out a mount.
///
/// Who knows that nobody else is at work in a directory may remove what has such a name.
///
/// # Examples
///
/// ```
/// use lsm_fs::is_leftover;
///
/// assert!(is_leftover(".current.tmp-0".as_ref()));
/// assert!(!is_leftover("current".as_ref()));
/// assert!(!is_leftover(".current.tmp-x".as_ref()));
/// ```
#[must_use]
pub fn is_leftover(name: &OsStr) -> bool {
    let Some(name) = name.as_encoded_bytes().strip_prefix(b".") else { return false };
    let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (stem, digits) = name.split_at(name.len() - digits);
    !digits.is_empty() && (stem == PROBE_STEM.as_bytes() || stem.ends_with(TEMP_SUFFIX.as_bytes()))
}

/// The name of a probe's directory, between the dot and the number.
pub(crate) const PROBE_STEM: &str = "lsm-fs-probe-";

const TEMP_SUFFIX: &str = ".tmp-";

/// Names that a crash left behind are stepped over, so their number bounds the search; this bounds it from above.
const TEMP_ATTEMPTS: u32 = 1 << 16;

/// Past this many bytes a name leaves no room for what makes it temporary, in the 255 that filesystems take.
const LONG_NAME_BYTES: usize = 200;

fn create_temp<F: Fs + ?Sized>(fs: &F, dir: &Path, name: &OsStr) -> Result<(PathBuf, Box<dyn FsFile>)> {
    let options = FsOpenOptions::new().write(true).create_new(true);
    let stem = if name.len() > LONG_NAME_BYTES { OsStr::new("long-name") } else { name };
    let mut attempt = 0;
    loop {
        let mut temp = OsString::from(".");
        temp.push(stem);
        temp.push(format!("{TEMP_SUFFIX}{attempt}"));
        let path = dir.join(temp);
        match fs.open(&path, &options) {
            Ok(file) => return Ok((path, file)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && attempt < TEMP_ATTEMPTS => attempt += 1,
            Err(e) => return Err(e),
        }
    }
}
