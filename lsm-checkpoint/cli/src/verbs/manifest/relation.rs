//! [`Relation`]: compares an archive with the CURRENT beside it.

use std::{io, path::Path};

use lsm_fs::{Fs, parent_of};
use lsm_manifest::{Error, ManifestArchiveReader, ReadOptions, read_current};

use crate::failure::sentence;

/// The relation of an archive to the CURRENT of its directory.
#[derive(Debug)]
pub(super) enum Relation {
    /// The name is not `v{N}`, so CURRENT cannot name it.
    NoVersion,
    /// There is no CURRENT.
    NoCurrent,
    /// CURRENT names another version.
    Other(u64),
    /// CURRENT names the archive, with the digest of the archive.
    Named,
    /// CURRENT names the archive, but with another digest.
    Mismatch { expected: u128, found: u128 },
    /// The digests cannot be compared, because CURRENT or the footer is unreadable.
    Unreadable(String),
}

impl Relation {
    /// Compares an archive with the CURRENT beside it.
    pub(super) fn find(fs: &dyn Fs, file: &Path) -> lsm_manifest::Result<Self> {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(version) = name.strip_prefix('v').and_then(|number| number.parse::<u64>().ok()) else {
            return Ok(Self::NoVersion);
        };
        let current = match read_current(fs, parent_of(file)) {
            Ok(current) => current,
            Err(Error::MissingCurrent { .. }) => return Ok(Self::NoCurrent),
            Err(Error::Fs(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::NoCurrent),
            Err(Error::Fs(error)) => return Err(Error::Fs(error)),
            Err(error) => return Ok(Self::Unreadable(sentence(&error))),
        };
        if current.version_id != version {
            return Ok(Self::Other(current.version_id));
        }
        Ok(match ManifestArchiveReader::open(fs, file, &ReadOptions::new()) {
            Ok(archive) => match archive.digest(version) {
                found if found == current.digest => Self::Named,
                found => Self::Mismatch { expected: current.digest, found },
            },
            Err(error) => Self::Unreadable(sentence(&error)),
        })
    }

    /// Returns `true` unless the archive contradicts CURRENT or the comparison failed.
    pub(super) const fn is_sound(&self) -> bool {
        !matches!(self, Self::Mismatch { .. } | Self::Unreadable(_))
    }

    /// Returns the word for programs.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::NoVersion => "not_a_version",
            Self::NoCurrent => "none",
            Self::Other(_) => "names_another",
            Self::Named => "names_it",
            Self::Mismatch { .. } => "digest_mismatch",
            Self::Unreadable(_) => "unreadable",
        }
    }

    /// Returns the sentence for people.
    pub(super) fn text(&self) -> String {
        match self {
            Self::NoVersion => "it is not named like a version, so CURRENT cannot name it".to_owned(),
            Self::NoCurrent => "there is no CURRENT beside it".to_owned(),
            Self::Other(version) => format!("CURRENT names version {version}"),
            Self::Named => "CURRENT names it with its digest".to_owned(),
            Self::Mismatch { expected, found } => {
                format!("CURRENT names it with digest {expected:#034x}, but its digest is {found:#034x}")
            }
            Self::Unreadable(error) => format!("the digest cannot be compared: {error}"),
        }
    }
}
