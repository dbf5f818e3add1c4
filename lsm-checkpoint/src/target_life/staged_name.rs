//! Computes the name of a staged directory from the name of its target, and finds the target from the staged name.

use std::{collections::HashMap, ffi::OsStr, path::Component, path::Path};

use lsm_fs::FsDirEntry;
use xxhash_rust::xxh3::xxh3_128;

use super::Target;
use crate::reserved::STAGED_SUFFIX;

/// The maximal length of a name in bytes (`NAME_MAX` in `include/uapi/linux/limits.h`).
const NAME_MAX: usize = 255;

/// The maximal length of the prefix in a shortened staged name, in bytes. The prefix ends before a character that does
/// not fit completely.
const PREFIX_MAX: usize = 100;

/// The minimal length of the prefix. A character has at most four bytes, so the prefix is at most three bytes shorter
/// than [`PREFIX_MAX`].
const PREFIX_MIN: usize = PREFIX_MAX - 3;

/// The length of a checksum in hexadecimal digits.
const HASH_LEN: usize = 32;

/// Returns the staged name of a target, `.{name}.checkpoint-staged`. If that is too long, returns the shortened form
/// `.{prefix}~{hash}.checkpoint-staged`, with the beginning of the name and the hash of the whole name. A name that
/// itself looks like `{prefix}~{hash}` is shortened as well, so that no two targets share a staged name.
pub(super) fn staged_name(name: &str) -> String {
    let whole = format!(".{name}{STAGED_SUFFIX}");
    if whole.len() <= NAME_MAX && !is_shortened(name) {
        return whole;
    }
    let end = (0..=PREFIX_MAX).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
    let (prefix, _) = name.split_at(end);
    format!(".{prefix}~{:032x}{STAGED_SUFFIX}", xxh3_128(name.as_bytes()))
}

/// Returns `true` for the name of a staged directory beside its target. `...checkpoint-staged` is not one, because its
/// target would be `.`, the directory that holds it.
pub(crate) fn is_staged_name(name: &OsStr) -> bool {
    stem(name).is_some()
}

/// Returns the middle part of a staged name: the name of its target, or `{prefix}~{hash}`.
fn stem(staged: &OsStr) -> Option<&str> {
    let stem = staged.to_str()?.strip_prefix('.')?.strip_suffix(STAGED_SUFFIX)?;
    let is_name =
        matches!(Path::new(stem).components().next(), Some(Component::Normal(whole)) if whole == stem);
    is_name.then_some(stem)
}

/// Returns `true` if a stem has the form `{prefix}~{hash}`.
fn is_shortened(stem: &str) -> bool {
    let is_hash = |hash: &str| {
        hash.len() == HASH_LEN && hash.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    };
    stem.rsplit_once('~')
        .is_some_and(|(prefix, hash)| (PREFIX_MIN..=PREFIX_MAX).contains(&prefix.len()) && is_hash(hash))
}

/// The names in a directory, among which the targets of its staged directories are found.
#[derive(Debug)]
pub(crate) struct Siblings<'a> {
    dir: &'a Path,
    /// The names whose staged names are shortened, by the staged name. The hash cannot be inverted.
    shortened: HashMap<String, &'a str>,
}

impl<'a> Siblings<'a> {
    pub(crate) fn new(dir: &'a Path, entries: &'a [FsDirEntry]) -> Self {
        let names = entries.iter().filter_map(|entry| entry.name.to_str());
        let staged =
            names.filter(|name| !is_staged_name(name.as_ref())).map(|name| (staged_name(name), name));
        let shortened = staged.filter(|(staged, _)| stem(staged.as_ref()).is_some_and(is_shortened));
        Self { dir, shortened: shortened.collect() }
    }

    /// Returns the target of a staged directory, or `None` if the name is not a staged name. If the name is shortened
    /// and its target does not exist, the path of the staged directory stands for both.
    pub(crate) fn target_of(&self, staged: &OsStr) -> Option<Target> {
        let stem = stem(staged)?;
        let name =
            if is_shortened(stem) { self.shortened.get(staged.to_str()?).copied() } else { Some(stem) };
        let path = self.dir.join(name.map_or(staged, OsStr::new));
        Some(Target { path, staged: self.dir.join(staged), is_inside: false })
    }
}

#[cfg(test)]
mod tests {
    use lsm_fs::FsFileType;

    use super::*;

    /// Finds the target of a staged name in a directory with these names.
    fn target(staged: &str, names: &[&str]) -> Option<String> {
        let entries: Vec<_> =
            names.iter().map(|name| FsDirEntry::new(*name, FsFileType::Directory)).collect();
        let target = Siblings::new(Path::new("/d"), &entries).target_of(staged.as_ref())?;
        assert_eq!(target.staged, Path::new("/d").join(staged));
        Some(target.path.file_name()?.to_str()?.to_owned())
    }

    #[test]
    fn the_target_is_derived_from_its_staged_name() {
        let longest = "n".repeat(236);
        for name in ["daily", "a.b", "~", longest.as_str()] {
            let staged = staged_name(name);
            assert_eq!(staged, format!(".{name}.checkpoint-staged"));
            assert_eq!(target(&staged, &[]).as_deref(), Some(name));
        }
        for other in [
            "daily",
            ".daily",
            ".checkpoint-staged",
            "..checkpoint-staged.",
            "x.daily.checkpoint-staged",
            "..checkpoint-staged",
            "...checkpoint-staged",
            "....checkpoint-staged",
        ] {
            assert!(!is_staged_name(other.as_ref()) && target(other, &[]).is_none(), "{other}");
        }
    }

    #[test]
    fn a_long_name_is_found_among_its_neighbours() {
        let long = ["n".repeat(237), "n".repeat(255), "ä".repeat(127), "漢".repeat(85), "🦀".repeat(63)];
        let names: Vec<&str> = long.iter().map(String::as_str).chain(["daily"]).collect();
        for name in &long {
            let staged = staged_name(name);
            assert!(staged.len() <= NAME_MAX && is_staged_name(staged.as_ref()), "{staged}");
            assert_eq!(target(&staged, &names).as_ref(), Some(name));
            // The target is gone, so only the staged name is known.
            assert_eq!(target(&staged, &["daily"]), Some(staged));
        }
        let staged: std::collections::HashSet<_> = long.iter().map(|name| staged_name(name)).collect();
        assert_eq!(staged.len(), long.len());
    }

    /// Otherwise, two targets would share one staged directory.
    #[test]
    fn a_name_that_looks_shortened_is_shortened_itself() {
        let long = "n".repeat(250);
        let staged = staged_name(&long);
        let looks_shortened = stem(staged.as_ref()).unwrap().to_owned();
        let of_looks = staged_name(&looks_shortened);
        assert_ne!(of_looks, staged);
        let names = [long.as_str(), looks_shortened.as_str()];
        assert_eq!(target(&staged, &names).as_deref(), Some(long.as_str()));
        assert_eq!(target(&of_looks, &names).as_deref(), Some(looks_shortened.as_str()));
        assert_eq!(target(&staged, &names[1..]), Some(staged));
    }
}
