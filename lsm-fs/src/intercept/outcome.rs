//! [`Outcome`]: the result of any call, as far as an interceptor can look at it.

use std::ops::Range;

use crate::{DirectorySync, Fs, FsCapabilities, FsDirEntry, FsDirLock, FsFile, FsMetadata};

/// The value that a call returns.
pub trait Outcome: Sized {
    /// Returns it as text; `None` for nothing, and for facts that differ from machine to machine.
    fn shown(&self) -> Option<String> {
        None
    }

    /// Tells if it is anything but a directory sync that did nothing.
    fn is_durable(&self) -> bool {
        true
    }

    /// Returns metadata, if the call returns that.
    fn metadata(&mut self) -> Option<&mut FsMetadata> {
        None
    }

    /// Returns the result of a directory sync, if the call is one.
    fn directory_sync(&mut self) -> Option<&mut DirectorySync> {
        None
    }

    /// Makes the value that claims success, for a call that is left out. Calls without a result and directory syncs
    /// have one.
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

/// A number that is a fact of the machine: a volume, its free space.
impl Outcome for u64 {}

/// A number that is a fact of the file: a count of bytes, a position.
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
