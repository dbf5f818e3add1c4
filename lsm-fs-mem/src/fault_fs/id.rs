//! A fault that struck, and its id.

use std::{
    error, fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use lsm_fs::Op;

use super::FaultEffect;
use lsm_fs::intercept::Call;

/// The name of one fault in one run: the kind of the call, its position among the calls of that kind, and the effect.
/// The same workload makes it the same fault on every machine.
///
/// # Examples
///
/// ```
/// use lsm_fs::{Op, errno};
/// use lsm_fs_mem::{FaultEffect, FaultId};
///
/// let id: FaultId = "sync_directory#2:after-EIO".parse()?;
/// assert_eq!((id.op, id.nth, id.effect), (Op::SyncDirectory, 2, FaultEffect::After(errno::EIO)));
/// assert_eq!(id.to_string(), "sync_directory#2:after-EIO");
/// # Ok::<(), lsm_fs_mem::ParseFaultIdError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FaultId {
    /// The kind of the call.
    pub op: Op,
    /// The position among the calls of that kind, counted from 1.
    pub nth: u64,
    /// The effect of the fault.
    pub effect: FaultEffect,
}

/// Every kind of call that a wrapper sees.
const KINDS: [Op; 35] = [
    Op::Beneath,
    Op::Open,
    Op::CreateDir,
    Op::ReadDir,
    Op::Metadata,
    Op::SymlinkMetadata,
    Op::RemoveFile,
    Op::RemoveDir,
    Op::RemoveDirAll,
    Op::Rename,
    Op::RenameNoreplace,
    Op::HardLink,
    Op::ReflinkFile,
    Op::SyncDirectory,
    Op::TryLockDirectory,
    Op::IsAt,
    Op::VolumeId,
    Op::Capabilities,
    Op::AvailableSpace,
    Op::PunchHole,
    Op::TruncateFile,
    Op::TryDisableCow,
    Op::SetPermissions,
    Op::Read,
    Op::ReadAt,
    Op::Write,
    Op::WriteAt,
    Op::Seek,
    Op::NextData,
    Op::SetLen,
    Op::SyncAll,
    Op::SyncData,
    Op::StartWriteback,
    Op::Hint,
    Op::TryLockExclusive,
];

impl fmt::Display for FaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}:{}", self.op, self.nth, self.effect)
    }
}

impl FromStr for FaultId {
    type Err = ParseFaultIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (call, effect) = text.split_once(':')?;
            let (kind, nth) = call.split_once('#')?;
            let op = *KINDS.iter().find(|op| op.name() == kind)?;
            Some(Self { op, nth: nth.parse().ok().filter(|nth| *nth > 0)?, effect: effect.parse().ok()? })
        };
        parse().ok_or_else(|| ParseFaultIdError(text.to_owned()))
    }
}

/// An error: the text does not name a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseFaultIdError(String);

impl fmt::Display for ParseFaultIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not a fault id such as hard_link#3:after-EIO", self.0)
    }
}

impl error::Error for ParseFaultIdError {}

/// A call that a fault struck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InjectedFault {
    id: FaultId,
    path: PathBuf,
    other_path: Option<PathBuf>,
}

impl InjectedFault {
    pub(super) fn new(id: FaultId, call: &Call<'_>) -> Self {
        Self { id, path: call.path.to_path_buf(), other_path: call.other_path.map(Path::to_path_buf) }
    }

    /// Returns the id of the fault.
    #[must_use]
    pub fn id(&self) -> FaultId {
        self.id
    }

    /// Returns the kind of the call.
    #[must_use]
    pub fn op(&self) -> Op {
        self.id.op
    }

    /// Returns the position among the calls of that kind, counted from 1 over the life of the
    /// [`FaultFs`](crate::FaultFs).
    #[must_use]
    pub fn nth(&self) -> u64 {
        self.id.nth
    }

    /// Returns the effect of the fault.
    #[must_use]
    pub fn effect(&self) -> FaultEffect {
        self.id.effect
    }

    /// Returns the path of the call. A call of a file has the path by which the file was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the second path of a call that takes two.
    #[must_use]
    pub fn other_path(&self) -> Option<&Path> {
        self.other_path.as_deref()
    }
}

/// Prints the id and the paths.
impl fmt::Display for InjectedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.id, self.path.display())?;
        match &self.other_path {
            Some(other) => write!(f, " -> {}", other.display()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault_fs::ShortTransfer;
    use lsm_fs::errno;

    #[test]
    fn fault_ids_round_trip() {
        let effects = [
            FaultEffect::Before(errno::ENOSPC),
            FaultEffect::After(errno::EXDEV),
            FaultEffect::Short(ShortTransfer::Byte),
            FaultEffect::Short(ShortTransfer::Sector),
            FaultEffect::Short(ShortTransfer::AllButByte),
            FaultEffect::Interrupted,
            FaultEffect::Gone,
            FaultEffect::Full,
        ];
        for op in KINDS {
            for effect in effects {
                let id = FaultId { op, nth: 17, effect };
                assert_eq!(id.to_string().parse(), Ok(id), "{id}");
            }
        }
    }

    #[test]
    fn malformed_fault_ids_are_refused() {
        for bad in ["", "open", "open#1", "open#0:gone", "open#x:gone", "opens#1:gone", "open#1:before-EWHAT"]
        {
            assert_eq!(bad.parse::<FaultId>(), Err(ParseFaultIdError(bad.into())));
        }
    }
}
