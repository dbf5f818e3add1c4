//! [`Note`] and [`Stranger`]: harmless entries that a checkpoint may hold besides its own files.

use std::{
    ffi::OsStr,
    fmt,
    path::{Path, PathBuf},
};

use lsm_fs::FsFileType;

/// A known and harmless entry of a checkpoint that its catalog does not list. A restore ignores it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// The path, relative to the checkpoint.
    pub path: PathBuf,
    /// The kind of the entry.
    pub what: Stranger,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.what)
    }
}

/// A known kind of harmless entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Stranger {
    /// `LOCK` or `lock`, left by an engine that opened the checkpoint in place. Some engines also replace the manifest,
    /// which is reported as a [`Problem`](super::Problem).
    #[error("an engine's lock file, left when it opened the checkpoint in place")]
    Lock,
    /// `.DS_Store` or `Thumbs.db`, left by a desktop that displayed the directory.
    #[error("a desktop's file")]
    Desktop,
    /// `.nfs*`, a file that was removed on NFS while it was open.
    #[error("a file that was removed while it was open on NFS")]
    Nfs,
    /// `lost+found` in the checkpoint's own directory, as at the top of a mount.
    #[error("the directory of a filesystem check")]
    LostAndFound,
    /// A folder without entries.
    #[error("an empty folder")]
    EmptyFolder,
    /// The marker of a publication that moved the files one by one and ended before its last step. The checkpoint is
    /// complete, and a [`sweep`](crate::sweep()) removes the marker.
    #[error("the marker of a publication whose last step is missing")]
    Mark,
}

/// Classifies an entry by its name and type. The caller has to find out if a folder is empty.
pub(crate) fn known_stranger(path: &Path, file_type: FsFileType) -> Option<Stranger> {
    let name = path.file_name().unwrap_or(OsStr::new("")).to_str()?;
    let is_at_root = path.parent().is_none_or(|parent| parent.as_os_str().is_empty());
    match (file_type, name) {
        (FsFileType::File, "LOCK" | "lock") => Some(Stranger::Lock),
        (FsFileType::File, ".DS_Store" | "Thumbs.db") => Some(Stranger::Desktop),
        (FsFileType::File, name) if name.starts_with(".nfs") => Some(Stranger::Nfs),
        (FsFileType::File, crate::reserved::MARKER_FILE) if is_at_root => Some(Stranger::Mark),
        (FsFileType::Directory, "lost+found") if is_at_root => Some(Stranger::LostAndFound),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_is_classified_by_its_name_and_type() {
        use FsFileType::{Directory, File, Symlink};
        for (path, file_type, what) in [
            ("LOCK", File, Some(Stranger::Lock)),
            ("users/lock", File, Some(Stranger::Lock)),
            ("LOCK", Symlink, None),
            ("LOCK", Directory, None),
            ("LOCKS", File, None),
            ("tables/.DS_Store", File, Some(Stranger::Desktop)),
            ("Thumbs.db", File, Some(Stranger::Desktop)),
            (".nfs000000000012", File, Some(Stranger::Nfs)),
            (".nfs", Directory, None),
            ("lost+found", Directory, Some(Stranger::LostAndFound)),
            ("lost+found", File, None),
            ("users/lost+found", Directory, None),
            (".checkpoint-unpublished", File, Some(Stranger::Mark)),
            ("users/.checkpoint-unpublished", File, None),
            ("v8", File, None),
        ] {
            assert_eq!(known_stranger(Path::new(path), file_type), what, "{path}, {file_type:?}");
        }
    }
}
