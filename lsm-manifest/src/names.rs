//! The names in an engine's directory: [`OwnNames`], and the names that this crate defines.

use std::ffi::OsStr;

use lsm_fs::{FsDirEntry, FsFileType, is_leftover};

/// Name of the file that names the live version.
pub const CURRENT_VERSION_FILE: &str = "current";
/// Name of the folder for an engine's tables.
pub const TABLES_FOLDER: &str = "tables";
/// Name of the folder for an engine's blob files.
pub const BLOBS_FOLDER: &str = "blobs";
/// Name of the empty file that marks an unfinished first start. It exists until the first publication has returned.
pub const UNFINISHED_FILE: &str = "first-start.unfinished";

/// The beginning of the name of a log of edits.
const EDITS_PREFIX: &str = "edits-";

/// Names that belong to the operator or to the filesystem. They are ignored and never removed.
const BYSTANDERS: [&str; 7] =
    ["lost+found", "LOCK", ".lock", ".nfs*", ".fuse_hidden*", ".snapshot", ".DS_Store"];

/// Names that an engine uses in its directory, besides CURRENT, `v{N}`, `edits-{N}`, `tables` and `blobs`, which always
/// belong to the engine.
///
/// Each is a single path component. The first `*` matches any text, as in `*.log`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnNames {
    folders: Vec<String>,
    files: Vec<String>,
    bystanders: Vec<String>,
}

impl OwnNames {
    pub(crate) const fn new() -> Self {
        Self { folders: Vec::new(), files: Vec::new(), bystanders: Vec::new() }
    }

    pub(crate) fn add_folder(&mut self, pattern: &str) {
        self.folders.push(pattern.to_owned());
    }

    pub(crate) fn add_file(&mut self, pattern: &str) {
        self.files.push(pattern.to_owned());
    }

    pub(crate) fn add_bystander(&mut self, pattern: &str) {
        self.bystanders.push(pattern.to_owned());
    }

    pub(crate) fn role_of(&self, entry: &FsDirEntry) -> Role {
        let (name, file_type) = (entry.name.as_os_str(), entry.file_type);
        if is_bystander(name) || any_matches(&self.bystanders, name) {
            return Role::Bystander;
        }
        let is_own_folder = name == TABLES_FOLDER || name == BLOBS_FOLDER || any_matches(&self.folders, name);
        match file_type {
            FsFileType::Directory | FsFileType::Symlink if is_own_folder => Role::OwnFolder,
            FsFileType::Directory => Role::Folder,
            _ if name == CURRENT_VERSION_FILE => Role::Current,
            _ if name == UNFINISHED_FILE => Role::Unfinished,
            _ if parse_version(name).is_some() => Role::Archive,
            _ if is_own_folder || edits_of(name).is_some() || any_matches(&self.files, name) => Role::OwnFile,
            _ => Role::Unknown,
        }
    }
}

/// The role of an entry in the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Ignored, and not removed when an interrupted first start is cleared.
    Bystander,
    Current,
    /// [`UNFINISHED_FILE`].
    Unfinished,
    /// `v{N}`.
    Archive,
    /// A file that belongs to the engine.
    OwnFile,
    /// A folder that belongs to the engine, or a symbolic link with the name of one. Its contents belong to the engine,
    /// too.
    OwnFolder,
    /// Any other folder.
    Folder,
    /// Any other file.
    Unknown,
}

/// Returns `true` for names that belong to the operator or the filesystem, in the directory and in its folders.
pub(crate) fn is_bystander(name: &OsStr) -> bool {
    is_leftover(name) || BYSTANDERS.iter().any(|pattern| matches(pattern, name))
}

fn any_matches(patterns: &[String], name: &OsStr) -> bool {
    patterns.iter().any(|pattern| matches(pattern, name))
}

fn matches(pattern: &str, name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    match pattern.split_once('*') {
        None => name == pattern.as_bytes(),
        Some((head, tail)) => {
            name.len() >= head.len() + tail.len()
                && name.starts_with(head.as_bytes())
                && name.ends_with(tail.as_bytes())
        }
    }
}

/// Returns the name of a version's archive.
#[must_use]
pub fn version_file_name(version_id: u64) -> String {
    format!("v{version_id}")
}

/// Returns the name of a version's log of edits.
#[must_use]
pub fn edits_file_name(version_id: u64) -> String {
    format!("{EDITS_PREFIX}{version_id}")
}

/// Parses the version of a name `v{N}`, where N is decimal without leading zeros or sign.
pub(crate) fn parse_version(name: &OsStr) -> Option<u64> {
    numbered(name, "v")
}

/// Parses the version of a name `v{N}` or `edits-{N}`.
pub(crate) fn version_or_edits_of(name: &OsStr) -> Option<u64> {
    parse_version(name).or_else(|| edits_of(name))
}

fn edits_of(name: &OsStr) -> Option<u64> {
    numbered(name, EDITS_PREFIX)
}

/// Returns `true` for temporary files that a crash left: a draft of CURRENT or of the mark, or `.v{N}.tmp-{n}`, a draft
/// of a repaired archive.
pub(crate) fn is_draft(name: &OsStr) -> bool {
    let parts = name.to_str().and_then(|name| name.strip_prefix('.')?.split_once(".tmp-"));
    parts.is_some_and(|(of, attempt)| {
        (of == CURRENT_VERSION_FILE || of == UNFINISHED_FILE || parse_version(of.as_ref()).is_some())
            && numbered(attempt.as_ref(), "").is_some()
    })
}

fn numbered(name: &OsStr, prefix: &str) -> Option<u64> {
    let digits = name.to_str()?.strip_prefix(prefix)?;
    let number = digits.parse().ok()?;
    (digits == format!("{number}")).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_version_parses_to_its_number() {
        for version in [0, 7, u64::MAX] {
            for name in [version_file_name(version), edits_file_name(version)] {
                assert_eq!(version_or_edits_of(name.as_ref()), Some(version), "{name}");
            }
        }
        assert_eq!(edits_file_name(7), "edits-7");
    }

    #[test]
    fn a_star_matches_any_text() {
        for (pattern, name, expected) in [
            ("wal", "wal", true),
            ("wal", "wal2", false),
            ("*.log", "000001.log", true),
            ("*.log", ".log", true),
            ("*.log", "log", false),
            ("wal-*.log", "wal-1.log", true),
            ("aa*aa", "aaa", false),
            ("a*b*", "a-b*", true),
            ("a*b*", "a-b-", false),
        ] {
            assert_eq!(matches(pattern, name.as_ref()), expected, "{pattern} {name}");
        }
    }
}
