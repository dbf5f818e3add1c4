//! [`Key`]: the names of the objects in a repository.

use std::fmt;

use crate::id::{Nonce, WriterId};

/// The name of an object that a push has written: its writer, and a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectName {
    /// The push that wrote the object.
    pub writer: WriterId,
    /// The number that makes the name unique.
    pub nonce: Nonce,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.writer, self.nonce)
    }
}

/// The name of an object, relative to the prefix of the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// `repository`: the constants of the repository.
    Repository,
    /// `head/{n:020}`: a state.
    Head(u64),
    /// `backup/{writer}/{nonce}`: the catalog of a backup.
    Catalog(ObjectName),
    /// `data/{writer}/{nonce}`: the bytes of a file.
    Data(ObjectName),
    /// `probe/{nonce}`: a temporary object that probes the store or its clock.
    Probe(Nonce),
}

/// The names at the top of a repository: an object, and four folders.
pub(crate) const REPOSITORY: &str = "repository";
pub(crate) const HEADS: &str = "head";
pub(crate) const CATALOGS: &str = "backup";
pub(crate) const DATA: &str = "data";
pub(crate) const PROBES: &str = "probe";

const HEAD_DIGITS: usize = 20;

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository => f.write_str(REPOSITORY),
            Self::Head(number) => write!(f, "{HEADS}/{number:0HEAD_DIGITS$}"),
            Self::Catalog(name) => write!(f, "{CATALOGS}/{name}"),
            Self::Data(name) => write!(f, "{DATA}/{name}"),
            Self::Probe(nonce) => write!(f, "{PROBES}/{nonce}"),
        }
    }
}

impl Key {
    /// Parses a name that is relative to the prefix. Returns `None` unless [`Display`](fmt::Display) writes the same
    /// text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let key = match (parts.next()?, parts.next(), parts.next()) {
            (REPOSITORY, None, None) => Self::Repository,
            (HEADS, Some(number), None) => Self::Head(head_number(number)?),
            (CATALOGS, Some(writer), Some(nonce)) => Self::Catalog(object(writer, nonce)?),
            (DATA, Some(writer), Some(nonce)) => Self::Data(object(writer, nonce)?),
            (PROBES, Some(nonce), None) => Self::Probe(nonce.parse().ok()?),
            _ => return None,
        };
        parts.next().is_none().then_some(key)
    }

    /// Returns the name of a catalog or of a file's bytes.
    #[must_use]
    pub const fn object(&self) -> Option<ObjectName> {
        match self {
            Self::Catalog(name) | Self::Data(name) => Some(*name),
            Self::Repository | Self::Head(_) | Self::Probe(_) => None,
        }
    }
}

fn head_number(text: &str) -> Option<u64> {
    let digits = text.len() == HEAD_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn object(writer: &str, nonce: &str) -> Option<ObjectName> {
    Some(ObjectName { writer: writer.parse().ok()?, nonce: nonce.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_one_text() {
        let name = ObjectName { writer: WriterId([1; 16]), nonce: Nonce([0xab; 16]) };
        for key in [
            Key::Repository,
            Key::Head(7),
            Key::Head(u64::MAX),
            Key::Catalog(name),
            Key::Data(name),
            Key::Probe(name.nonce),
        ] {
            assert_eq!(Key::parse(&key.to_string()), Some(key));
        }
        assert_eq!(Key::Head(7).to_string(), "head/00000000000000000007");
    }

    #[test]
    fn other_names_are_strangers() {
        let object = format!("data/{}/{}", "01".repeat(16), "ab".repeat(16));
        for bad in [
            "",
            "repository/",
            "repository/x",
            "head/7",
            "head/99999999999999999999",
            "head/+0000000000000000007",
            "head/00000000000000000007/",
            "data",
            "data/x/y",
            &object.to_uppercase(),
            &format!("{object}/x"),
            &format!("{object}#1"),
            &format!("../{object}"),
            &"x".repeat(10_000),
        ] {
            assert_eq!(Key::parse(bad), None, "{bad}");
        }
        assert!(Key::parse(&object).is_some());
    }
}
