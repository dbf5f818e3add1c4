//! The ways in which a call can fail.

use std::{error, fmt, str::FromStr};

use crate::errno_name::{errno_by_name, errno_name};

/// The way in which a fault makes a call fail.
///
/// `Display` and `FromStr` agree: `before-EIO`, `after-EIO`, `short-byte`, `interrupted`, `gone`, `full`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FaultEffect {
    /// The call has no effect and returns the error with this errno.
    Before(i32),
    /// The call takes effect but returns the error with this errno, as if the reply were lost.
    After(i32),
    /// Only a prefix is transferred. `Read::read` and `Write::write` return its length, as POSIX allows, and `write_at`
    /// fails with `ENOSPC`. Applies only to these three methods, and only to transfers that are longer than the prefix.
    Short(ShortTransfer),
    /// The call has no effect and fails with `EINTR`. Applies only to `Read::read` and `Write::write`, because all
    /// other calls retry by themselves.
    Interrupted,
    /// The device is gone. This call and all later calls of any kind fail with `EIO`.
    Gone,
    /// The volume is full. This call and all later calls that need space fail with `ENOSPC`. Removals, reads, and
    /// directory syncs still work. Applies only to calls that need space.
    Full,
}

/// The length of the transferred prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ShortTransfer {
    /// One byte.
    Byte,
    /// One sector of 512 bytes.
    Sector,
    /// Everything except the last byte.
    AllButByte,
}

const SECTOR: usize = 512;

impl ShortTransfer {
    /// All lengths.
    pub(super) const ALL: [Self; 3] = [Self::Byte, Self::Sector, Self::AllButByte];

    /// Returns the number of bytes to transfer out of `len`. Returns `None` if that is all of them, or the same as a
    /// shorter prefix.
    pub(super) fn cut(self, len: usize) -> Option<usize> {
        match self {
            Self::Byte => (len > 1).then_some(1),
            Self::Sector => (len > SECTOR).then_some(SECTOR),
            Self::AllButByte => (len > 2 && len - 1 != SECTOR).then(|| len - 1),
        }
    }
}

const SHORT: [(&str, ShortTransfer); 3] = [
    ("short-byte", ShortTransfer::Byte),
    ("short-sector", ShortTransfer::Sector),
    ("short-all-but-byte", ShortTransfer::AllButByte),
];

impl fmt::Display for FaultEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before(code) => write!(f, "before-{}", errno_name(*code)),
            Self::After(code) => write!(f, "after-{}", errno_name(*code)),
            Self::Short(short) => {
                let name = SHORT.iter().find(|(_, s)| s == short).map_or("short", |(name, _)| name);
                f.write_str(name)
            }
            Self::Interrupted => f.write_str("interrupted"),
            Self::Gone => f.write_str("gone"),
            Self::Full => f.write_str("full"),
        }
    }
}

impl FromStr for FaultEffect {
    type Err = ParseFaultEffectError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let code = |name| errno_by_name(name).ok_or_else(|| ParseFaultEffectError(text.to_owned()));
        if let Some(name) = text.strip_prefix("before-") {
            return Ok(Self::Before(code(name)?));
        }
        if let Some(name) = text.strip_prefix("after-") {
            return Ok(Self::After(code(name)?));
        }
        if let Some((_, short)) = SHORT.iter().find(|(name, _)| *name == text) {
            return Ok(Self::Short(*short));
        }
        match text {
            "interrupted" => Ok(Self::Interrupted),
            "gone" => Ok(Self::Gone),
            "full" => Ok(Self::Full),
            _ => Err(ParseFaultEffectError(text.to_owned())),
        }
    }
}

/// An error: the text does not name a [`FaultEffect`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseFaultEffectError(String);

impl fmt::Display for ParseFaultEffectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not a fault effect such as before-EIO, after-EIO, short-byte or full", self.0)
    }
}

impl error::Error for ParseFaultEffectError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_distinct_and_proper() {
        for len in 0..1600 {
            let cuts: Vec<_> = ShortTransfer::ALL.iter().filter_map(|short| short.cut(len)).collect();
            assert!(cuts.iter().all(|cut| (1..len).contains(cut)), "{len}: {cuts:?}");
            assert!(cuts.is_sorted_by(|a, b| a < b), "{len}: {cuts:?}");
        }
        assert_eq!(ShortTransfer::Byte.cut(2), Some(1));
        assert_eq!(ShortTransfer::Sector.cut(4096), Some(512));
        assert_eq!(ShortTransfer::AllButByte.cut(4096), Some(4095));
    }
}
