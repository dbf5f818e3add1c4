//! Paths as a broken backend sees them, and errors as it reports them.

use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use lsm_fs::{Error, Result, errno};

use super::{Broken, Defect};

impl Broken {
    /// Returns the path as a backend with a defective lookup sees it.
    pub(super) fn see(&self, path: &Path) -> PathBuf {
        let bytes = path.as_os_str().as_encoded_bytes();
        match self.defect {
            Defect::EmptyPathIsHere if bytes.is_empty() => PathBuf::from("."),
            Defect::NulCutsPath => PathBuf::from(path.to_string_lossy().split('\0').next().unwrap()),
            Defect::NamesAreText => PathBuf::from(path.to_string_lossy().into_owned()),
            Defect::DotsAreNames
                if bytes.windows(3).any(|w| w == b"/./" || w == b"/.." || w.starts_with(b"//")) =>
            {
                PathBuf::from(path.to_string_lossy().replace("/.", "/·").replace("//", "/·"))
            }
            _ => path.to_path_buf(),
        }
    }

    /// Counts a call, and returns its error as a backend with defective errors reports it.
    pub(super) fn reported<T>(&self, result: Result<T>) -> Result<T> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        result.map_err(|e| match self.defect {
            Defect::ErrorsWithoutPath => Error::new(e.op(), "", io::Error::from(e.kind())),
            Defect::NotDirIsNotFound if e.kind() == io::ErrorKind::NotADirectory => {
                Error::new(e.op(), e.path(), io::Error::from_raw_os_error(errno::ENOENT))
            }
            _ => e,
        })
    }
}
