//! [`FsExt`] and [`FsFileExt`]: what can be said in terms of the traits.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
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
            return Err(Error::new(Op::Read, path, io::Error::new(io::ErrorKind::FileTooLarge, what)));
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
    /// the old bytes. On return the new contents are durable, unless the answer is
    /// [`NotSupported`](DirectorySync::NotSupported).
    ///
    /// # Crash semantics
    ///
    /// A crash may leave the temporary file behind. It never stands in the way of a later call.
    ///
    /// # Errors
    ///
    /// Until the rename, the path is as before, and the temporary file is removed (a failed removal is attached). An
    /// error whose operation is [`Op::SyncDirectory`] comes after the rename: readers see the new bytes, a crash may
    /// bring back the old ones.
    fn rewrite_atomic(&self, path: &Path, bytes: &[u8], mode: SyncMode) -> Result<DirectorySync> {
        let Some(name) = path.file_name() else {
            return Err(Error::new(Op::Open, path, io::Error::from(io::ErrorKind::InvalidInput)));
        };
        let (temp, file) = create_temp(self, parent_of(path), name)?;
        let written = write_and_sync(&*file, bytes, mode);
        drop(file);
        written.and_then(|()| self.rename(&temp, path)).map_err(|e| remove_after(self, &temp, e))?;
        self.sync_directory(parent_of(path), mode)
    }

    /// Creates a directory and those above it that are missing. Nothing is synced.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` if something on the way is no directory; those of [`Fs::create_dir`]: what was created stays.
    fn create_dir_all(&self, path: &Path) -> Result<()> {
        create_missing(self, path).map(drop)
    }

    /// As [`create_dir_all`](Self::create_dir_all), and on return every name it made is durable.
    ///
    /// # Contract
    ///
    /// Syncs the parent of each directory it made, the lowest first, up to the first that was there before. That one's
    /// own name is taken for durable.
    ///
    /// # Errors
    ///
    /// As [`create_dir_all`](Self::create_dir_all), and those of [`Fs::sync_directory`].
    fn create_dir_all_durable(&self, path: &Path, mode: SyncMode) -> Result<DirectorySync> {
        let mut outcome = DirectorySync::Durable;
        for made in create_missing(self, path)?.iter().rev() {
            if self.sync_directory(parent_of(made), mode)? == DirectorySync::NotSupported {
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
    /// `UnexpectedEof` if the file ends before; those of [`FsFile::read_at`].
    fn read_exact_at(&self, buf: &mut [u8], offset: u64, path: &Path) -> Result<()> {
        let read = self.read_at(buf, offset)?;
        if read == buf.len() {
            return Ok(());
        }
        let what = format!("{} bytes at offset {offset} wanted, the file ends after {read}", buf.len());
        Err(Error::new(Op::Read, path, io::Error::new(io::ErrorKind::UnexpectedEof, what)))
    }
}

impl<T: FsFile + ?Sized> FsFileExt for T {}

fn write_and_sync(file: &dyn FsFile, bytes: &[u8], mode: SyncMode) -> Result<()> {
    file.write_at(bytes, 0)?;
    file.sync_all(mode)
}

/// Creates the missing directories, and returns them from the highest to the lowest.
fn create_missing<F: Fs + ?Sized>(fs: &F, path: &Path) -> Result<Vec<PathBuf>> {
    let mut missing = Vec::new();
    let mut at = path;
    while !fs.exists(at)? {
        missing.push(at.to_path_buf());
        let parent = parent_of(at);
        if parent == at {
            break;
        }
        at = parent;
    }
    missing.reverse();
    let mut made = Vec::with_capacity(missing.len());
    for dir in missing {
        match fs.create_dir(&dir) {
            Ok(()) => made.push(dir),
            // Someone else made it meanwhile. Whether they sync its name is not known, so it counts as made here.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && is_directory(fs, &dir) => made.push(dir),
            Err(e) => return Err(e),
        }
    }
    if made.is_empty() && !is_directory(fs, path) {
        return Err(Error::new(Op::CreateDir, path, io::Error::from_raw_os_error(crate::errno::EEXIST)));
    }
    Ok(made)
}

fn is_directory<F: Fs + ?Sized>(fs: &F, path: &Path) -> bool {
    fs.metadata(path).is_ok_and(|m| m.is_dir())
}

/// Names that a crash left behind are stepped over, so their number bounds the search; this bounds it from above.
const TEMP_ATTEMPTS: u32 = 1 << 16;

fn create_temp<F: Fs + ?Sized>(fs: &F, dir: &Path, name: &OsStr) -> Result<(PathBuf, Box<dyn FsFile>)> {
    let options = FsOpenOptions::new().write(true).create_new(true);
    let mut attempt = 0;
    loop {
        let mut temp = OsString::from(".");
        temp.push(name);
        temp.push(format!(".tmp-{attempt}"));
        let path = dir.join(temp);
        match fs.open(&path, &options) {
            Ok(file) => return Ok((path, file)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && attempt < TEMP_ATTEMPTS => attempt += 1,
            Err(e) => return Err(e),
        }
    }
}
