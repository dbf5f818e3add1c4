//! What a crash could take.

use std::{fmt, path::PathBuf};

/// One thing that a crash could take.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Undurable {
    /// Where.
    pub path: PathBuf,
    /// What of it.
    pub part: UndurablePart,
}

/// What of a path is not durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum UndurablePart {
    /// Its bytes or its length changed since the last sync of the file. Sync the file.
    Content,
    /// A sync of the file failed. Write the bytes to another file.
    LostContent,
    /// It was created, linked or moved here since the last sync of its directory. Sync the directory.
    Name,
    /// A sync of its directory failed. Bind the name anew, then sync.
    LostName,
    /// It was removed or moved away since the last sync of its directory, and may come back. Sync the directory.
    Removal,
    /// It was removed or moved away, and the sync of its directory failed.
    LostRemoval,
    /// A pointer names it, and it does not exist.
    Missing,
    /// A pointer that could not be read, so what it names is not known.
    Unreadable,
    /// The call removes it or moves it away, and a pointer names it. Publish a pointer that does not, first.
    Removed,
    /// The call removes it or moves it away, and the pointer that does not name it any more is not durable: a crash may
    /// bring the one back that does. Sync the pointer's directory first.
    RemovedEarly,
}

impl fmt::Display for UndurablePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Content => "its content is not synced",
            Self::LostContent => "its content was lost by a failed sync",
            Self::Name => "its name is not durable, the directory is not synced",
            Self::LostName => "its name was lost by a failed sync of the directory",
            Self::Removal => "its removal is not durable, the directory is not synced",
            Self::LostRemoval => "its removal was lost by a failed sync of the directory",
            Self::Missing => "it does not exist",
            Self::Unreadable => "it cannot be read",
            Self::Removed => "it is named",
            Self::RemovedEarly => "it is named until the new pointer is durable",
        })
    }
}

impl fmt::Display for Undurable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.part)
    }
}

/// All of them on one line.
pub(super) fn list(found: &[Undurable]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
