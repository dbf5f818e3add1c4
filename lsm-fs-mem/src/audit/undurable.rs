//! Parts of files and directories that a crash could lose.

use std::{fmt, path::PathBuf};

/// A part of a file or directory that a crash could lose.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Undurable {
    /// The path.
    pub path: PathBuf,
    /// The part of it.
    pub part: UndurablePart,
}

/// The part of a path that is not durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum UndurablePart {
    /// Bytes, length or permissions have changed since the last sync of the file. Sync the file.
    Content,
    /// A sync of the file failed. Write the bytes to another file.
    LostContent,
    /// The name was created, linked, or moved here since the last sync of its directory. Sync the directory.
    Name,
    /// A sync of the directory failed. Bind the name again, then sync.
    LostName,
    /// The name was removed or moved away since the last sync of its directory, and may come back. Sync the directory.
    Removal,
    /// The name was removed or moved away, and the sync of its directory failed.
    LostRemoval,
    /// A pointer names the path, and it does not exist.
    Missing,
    /// The path is a pointer that could not be read, so the files that it names are unknown.
    Unreadable,
    /// The call removes the file or moves it away, and a pointer names it. First publish a pointer that does not.
    Removed,
    /// The call removes the file or moves it away, and the pointer that dropped it is not durable. A crash may bring
    /// back the old pointer, which names the file. Sync the pointer's directory first.
    RemovedEarly,
}

impl fmt::Display for UndurablePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Content => "its content is not synced",
            Self::LostContent => "its content was lost by a failed sync",
            Self::Name => "its name is not durable, because the directory is not synced",
            Self::LostName => "its name was lost by a failed sync of the directory",
            Self::Removal => "its removal is not durable, because the directory is not synced",
            Self::LostRemoval => "its removal was lost by a failed sync of the directory",
            Self::Missing => "it does not exist",
            Self::Unreadable => "it cannot be read",
            Self::Removed => "a pointer names it",
            Self::RemovedEarly => {
                "until the new pointer is durable, a crash could bring back the old one, which names it"
            }
        })
    }
}

impl fmt::Display for Undurable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.part)
    }
}

/// Formats the findings on one line.
pub(super) fn list(found: &[Undurable]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
