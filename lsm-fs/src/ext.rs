//! [`FsExt`] and [`FsFileExt`]: conveniences built on the traits.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::{Component, Path, PathBuf},
};

use crate::{DirectorySync, Error, Fs, FsFile, FsOpenOptions, Op, Result, SyncMode, batch::remove_after};

/// Returns the directory that holds the name of a path: `.` for a bare name, and the path itself for a root.
#[must_use]
pub fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

/// Conveniences for every [`Fs`].
pub trait FsExt: Fs {
    /// Checks if the path leads to an existing file or directory. Symbolic links are followed.
    ///
    /// # Errors
    ///
    /// The errors of [`Fs::metadata`], except `NotFound` and `NotADirectory`, which give `false`.
    fn exists(&self, path: &Path) -> Result<bool> {
        match self.metadata(path) {
            Ok(_) => Ok(true),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Returns the number of names of the inode, if the platform provides it.
    ///
    /// # Errors
    ///
    /// The errors of [`Fs::metadata`].
    fn hard_link_count(&self, path: &Path) -> Result<Option<u64>> {
        Ok(self.metadata(path)?.link_count)
    }

    /// Reads a whole file of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// - `FileTooLarge`: the file is longer than `limit`. Nothing was allocated.
    /// - The errors of [`Fs::open`] and [`FsFile::read_at`].
    fn read_to_vec(&self, path: &Path, limit: u64) -> Result<Vec<u8>> {
        let file = self.open(path, &FsOpenOptions::new().read(true))?;
        let len = file.metadata()?.len;
        let fits = usize::try_from(len).ok().filter(|_| len <= limit);
        let Some(len) = fits else {
            let what = format!("the file has {len} bytes, more than the limit of {limit}");
            return Err(Error::new(Op::ReadAt, path, io::Error::new(io::ErrorKind::FileTooLarge, what)));
        };
        let mut bytes = vec![0; len];
        let read = file.read_at(&mut bytes, 0)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Creates a file with these bytes and syncs it. The name is not durable until the parent directory is synced.
    ///
    /// # Crash semantics
    ///
    /// Until the call returns, a crash may leave no file, or a file with any subset of the bytes.
    ///
    /// # Errors
    ///
    /// - `AlreadyExists`: the name exists, and the existing file is untouched.
    /// - The errors of [`Fs::open`], [`FsFile::write_at`] and [`FsFile::sync_all`]: the new file is removed.
    fn write_new(&self, path: &Path, bytes: &[u8], mode: SyncMode) -> Result<()> {
        let file = self.open(path, &FsOpenOptions::new().write(true).create_new(true))?;
        let written = write_and_sync(&*file, bytes, mode);
        drop(file);
        written.map_err(|e| remove_after(self, path, e))
    }

    /// Atomically replaces the contents of a file, or creates it. At any time and after any crash, the path leads to
    /// either all of the old bytes (or to no file, if there was none) or all of the new ones.
    ///
    /// # Contract
    ///
    /// The call writes a temporary file `.{name}.tmp-{n}` in the same directory, with the first `n` that is free. A
    /// name of more than 200 bytes is replaced by `long-name` there. The call syncs this file, renames it over `path`
    /// and syncs the directory. On return, the new contents are durable, unless the result is
    /// [`NotSupported`](DirectorySync::NotSupported).
    ///
    /// - If two writers race, one of them wins completely.
    /// - Other hard links to the old inode keep the old bytes.
    /// - The new file gets the default mode and owner of the process. The mode and owner of the replaced file are not
    ///   kept.
    /// - If `path` is a symbolic link, the link itself is replaced.
    ///
    /// # Crash semantics
    ///
    /// A crash may leave the temporary file. It does not disturb later calls, and [`is_leftover`] recognizes it.
    ///
    /// # Errors
    ///
    /// If an operation up to the rename fails, the path is unchanged and the temporary file is removed. A failed
    /// removal is attached to the error. If the operation of the error is [`Op::SyncDirectory`], the rename has taken
    /// effect: readers see the new bytes, but a crash may restore the old ones.
    fn rewrite_atomic(&self, path: &Path, bytes: &[u8], mode: SyncMode) -> Result<DirectorySync> {
        self.rewrite_atomic_with(path, mode, &mut |file| file.write_at(bytes, 0))
    }

    /// Replaces a file like [`rewrite_atomic`](Self::rewrite_atomic), but lets `write` fill the new, empty file. The
    /// contents need not be in memory at once.
    ///
    /// # Errors
    ///
    /// The errors of [`rewrite_atomic`](Self::rewrite_atomic) and of `write`. After an error of `write`, the path is
    /// unchanged.
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

    /// Creates a directory and its missing parents. Nothing is synced.
    ///
    /// # Errors
    ///
    /// - `AlreadyExists`: `path` exists and is not a directory.
    /// - `NotADirectory`: a parent exists and is not a directory.
    /// - The errors of [`Fs::create_dir`]. Directories that were already created stay.
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
                // Another thread or process created it in the meantime.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && is_directory(self, dir) => {}
                Err(e) => return Err(e),
            }
        }
        if missing.is_empty() && !is_directory(self, path) {
            return Err(Error::new(Op::CreateDir, path, io::Error::from_raw_os_error(crate::errno::EEXIST)));
        }
        Ok(())
    }

    /// Creates `base`/`below` with its missing parents, and makes the names on this path below `base` durable.
    ///
    /// # Contract
    ///
    /// `base` must exist, and its own name must be durable. For example, it is a root or a directory that an operator
    /// created. Every directory from the parent of the lowest one up to `base` is synced, in this order. This includes
    /// directories that already existed, because an earlier call may have died between `create_dir` and the sync.
    /// Syncing an unchanged directory costs next to nothing.
    ///
    /// # Errors
    ///
    /// - `InvalidInput`: `below` contains something other than plain names.
    /// - The errors of [`Fs::create_dir`]. Directories that were already created stay, and the call can be repeated.
    /// - The errors of [`Fs::sync_directory`]. Directories that were created stay, but their names cannot be made
    ///   durable any more. Use other names, on a device that works.
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

/// Conveniences for every [`FsFile`].
pub trait FsFileExt: FsFile {
    /// Fills `buf` from an offset. `path` is used for errors.
    ///
    /// # Errors
    ///
    /// - `UnexpectedEof`: the file ends before `buf` is full.
    /// - The errors of [`FsFile::read_at`].
    fn read_exact_at(&self, buf: &mut [u8], offset: u64, path: &Path) -> Result<()> {
        let read = self.read_at(buf, offset)?;
        if read == buf.len() {
            return Ok(());
        }
        let what =
            format!("{} bytes at offset {offset} requested, but the file ends after {read}", buf.len());
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

/// Recognizes names of the form that this crate uses for temporary files and directories, which a crash can leave
/// behind: temporary files of [`FsExt::rewrite_atomic`], and directories in which [`Fs::capabilities`] probed a mount.
///
/// A caller that has exclusive use of the directory may remove an entry with such a name. Another program may use names
/// of the same form (`.x.tmp-1`), and the function recognizes those too.
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

/// The name of a probe's directory, without the leading dot and the number.
pub(crate) const PROBE_STEM: &str = "lsm-fs-probe-";

const TEMP_SUFFIX: &str = ".tmp-";

/// Maximum number of names to try. Each name that a crash has left takes one attempt.
const TEMP_ATTEMPTS: u32 = 1 << 16;

/// Length from which a name is replaced, because a temporary suffix might exceed the usual limit of 255 bytes.
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
