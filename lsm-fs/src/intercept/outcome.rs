//! [`Outcome`]: the result of a call, as an interceptor sees it.

use std::ops::Range;

use crate::{DirectorySync, Fs, FsCapabilities, FsDirEntry, FsDirLock, FsFile, FsMetadata, PermissionsSet};

/// A value that a call returns.
pub trait Outcome: Sized {
    /// Returns the value as text. `None` if there is nothing to show, or if the value depends on the machine.
    fn shown(&self) -> Option<String> {
        None
    }

    /// Returns `false` for a directory sync that was not supported.
    fn is_durable(&self) -> bool {
        true
    }

    /// Returns the metadata, if the call returns metadata.
    fn metadata(&mut self) -> Option<&mut FsMetadata> {
        None
    }

    /// Returns the result of a directory sync, if the call is one.
    fn directory_sync(&mut self) -> Option<&mut DirectorySync> {
        None
    }

    /// Returns a value that pretends success, for a call that is not made. Calls without a result, directory syncs, and
    /// calls that set permissions have such a value.
    #[must_use]
    fn claimed() -> Option<Self> {
        None
    }
}

impl Outcome for () {
    fn claimed() -> Option<Self> {
        Some(())
    }
}

impl Outcome for FsCapabilities {}
impl Outcome for Box<dyn FsFile> {}
impl Outcome for Box<dyn Fs + '_> {}

/// A number that depends on the machine: a volume id, or free space.
impl Outcome for u64 {}

/// A number that depends only on the file: a count of bytes, or a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl Outcome for Bytes {
    fn shown(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}

impl Outcome for bool {
    fn shown(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Outcome for Option<Range<u64>> {
    fn shown(&self) -> Option<String> {
        Some(self.as_ref().map_or_else(|| "none".into(), |r| format!("{}..{}", r.start, r.end)))
    }
}

impl Outcome for Vec<FsDirEntry> {
    fn shown(&self) -> Option<String> {
        Some(format!("{} names", self.len()))
    }
}

impl Outcome for FsMetadata {
    fn shown(&self) -> Option<String> {
        Some(if self.is_file() {
            format!("file {}", self.len)
        } else if self.is_dir() {
            "directory".into()
        } else {
            "other".into()
        })
    }

    fn metadata(&mut self) -> Option<&mut FsMetadata> {
        Some(self)
    }
}

impl Outcome for PermissionsSet {
    /// Names the parts that were refused.
    fn shown(&self) -> Option<String> {
        match (self.owner, self.mode) {
            (true, true) => None,
            (false, true) => Some("no owner".into()),
            (true, false) => Some("no mode".into()),
            (false, false) => Some("none".into()),
        }
    }

    fn claimed() -> Option<Self> {
        Some(Self::ALL)
    }
}

impl Outcome for Option<Box<dyn FsDirLock>> {
    fn shown(&self) -> Option<String> {
        Some(self.is_some().to_string())
    }
}

impl Outcome for DirectorySync {
    fn shown(&self) -> Option<String> {
        Some(match self {
            Self::Durable => "durable".into(),
            Self::NotSupported => "not supported".into(),
        })
    }

    fn is_durable(&self) -> bool {
        *self == Self::Durable
    }

    fn directory_sync(&mut self) -> Option<&mut DirectorySync> {
        Some(self)
    }

    fn claimed() -> Option<Self> {
        Some(Self::Durable)
    }
}
