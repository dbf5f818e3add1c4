//! How a call fails.

use std::{error, fmt, str::FromStr};

use crate::errno_name::{errno_by_name, errno_name};

/// How the call that a fault strikes fails.
///
/// `Display` and `FromStr` agree: `before-EIO`, `after-EIO`, `short-byte`, `interrupted`, `gone`, `full`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FaultEffect {
    /// Nothing is done, and the error with this errno is returned.
    Before(i32),
    /// All is done, and yet the error with this errno is returned: what a lost answer looks like.
    After(i32),
    /// A prefix is done. `Read::read` and `Write::write` return how much that was, as POSIX lets them; `write_at` then
    /// fails with `ENOSPC`. Strikes only those three, and only transfers that are longer than the prefix.
    Short(ShortTransfer),
    /// `EINTR`, and nothing is done. Strikes only `Read::read` and `Write::write`: all other calls retry by themselves.
    Interrupted,
    /// The device is gone: this call fails with `EIO`, and so does every later one of whatever kind.
    Gone,
    /// The volume is full: this call fails with `ENOSPC`, and so does every later one that needs space. Removals, reads
    /// and directory syncs go on. Strikes only calls that need space.
    Full,
}

/// How much of a transfer is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ShortTransfer {
    /// One byte.
    Byte,
    /// One sector, of 512 bytes.
    Sector,
    /// All but the last byte.
    AllButByte,
}

const SECTOR: usize = 512;

impl ShortTransfer {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Byte, Self::Sector, Self::AllButByte];

    /// How many of `len` bytes are done; `None` if that would be all, or what a shorter prefix already is.
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

/// A text that names no [`FaultEffect`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseFaultEffectError(String);

impl fmt::Display for ParseFaultEffectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is no effect of a fault, such as before-EIO, after-EIO, short-byte or full", self.0)
    }
}

impl error::Error for ParseFaultEffectError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_never_empty_never_all_and_never_twice_the_same() {
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
