//! [`Marker`]: a file in a target that is not whole. It names the unfinished operation and the *pointers*, the files
//! that make the target readable.

use std::{
    collections::BTreeSet,
    io,
    path::{Component, Path, PathBuf},
};

use lsm_fs::{Fs, FsExt, Op, SyncMode};
use xxhash_rust::xxh3::xxh3_128;

use super::Contents;
use crate::{Result, reserved::MARKER_FILE};

/// The unfinished operation in a marked target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MarkedOperation {
    /// The files are moved from the staged directory to the target, the pointers last.
    Publish,
    /// The files are removed, the pointers first.
    Remove,
    /// The files of a restore are moved into an existing directory from the staged directory in it, the pointers last.
    RestoreInto,
}

impl MarkedOperation {
    const ALL: [Self; 3] = [Self::Publish, Self::Remove, Self::RestoreInto];

    const fn word(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Remove => "remove",
            Self::RestoreInto => "fill",
        }
    }
}

/// The content of a marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) operation: MarkedOperation,
    /// The paths of the pointers, relative to the target.
    pub(super) pointers: Vec<PathBuf>,
    /// The top-level names of a restore into a directory. Entries with other names do not belong to the restore. The
    /// list is empty if the names take too much room.
    pub(super) names: Vec<String>,
}

impl Marker {
    /// Creates the marker of a target that is being published.
    pub(super) fn publish(contents: &Contents) -> Self {
        let pointers = contents.pointers.clone();
        Self { operation: MarkedOperation::Publish, pointers, names: Vec::new() }
    }

    /// Creates the marker of a target that is being removed.
    pub(super) fn remove(pointers: Vec<PathBuf>) -> Self {
        Self { operation: MarkedOperation::Remove, pointers, names: Vec::new() }
    }

    /// Creates the marker of a restore into an existing directory.
    pub(super) fn restore_into(contents: &Contents) -> Self {
        let paths = contents.dirs.iter().chain(&contents.files);
        let names: BTreeSet<_> = paths.filter_map(|path| path.iter().next()).collect();
        let names = names.into_iter().map(|name| name.to_string_lossy().into_owned()).collect();
        let marker =
            Self { operation: MarkedOperation::RestoreInto, pointers: contents.pointers.clone(), names };
        let fits = marker.encode().len() as u64 <= MARKER_MAX;
        Self { names: if fits { marker.names } else { Vec::new() }, ..marker }
    }

    /// Encodes the marker as lines: a checksum of the rest, the operation, and each pointer. In a restore into a
    /// directory, an empty line and the top-level names follow.
    fn encode(&self) -> String {
        let mut lines = format!("{}\n", self.operation.word());
        for pointer in &self.pointers {
            // No name has a line break, because a plan refuses control characters.
            lines.push_str(&format!("{}\n", pointer.display()));
        }
        if self.operation == MarkedOperation::RestoreInto {
            lines.push('\n');
        }
        for name in &self.names {
            lines.push_str(&format!("{name}\n"));
        }
        format!("{:032x}\n{lines}", xxh3_128(lines.as_bytes()))
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (sum, lines) = std::str::from_utf8(bytes).ok()?.split_once('\n')?;
        if sum != format!("{:032x}", xxh3_128(lines.as_bytes())) {
            return None;
        }
        let mut lines = lines.lines();
        let word = lines.next()?;
        let operation = MarkedOperation::ALL.into_iter().find(|operation| operation.word() == word)?;
        let pointers = lines.by_ref().take_while(|line| !line.is_empty()).map(PathBuf::from);
        // Ignore paths outside the target, because the marker may be forged.
        let pointers = pointers.filter(|path| is_below(path)).collect();
        let names = lines.map(str::to_owned).collect();
        Some(Self { operation, pointers, names })
    }

    /// Marks a target, durably.
    pub(super) fn write(&self, fs: &dyn Fs, target: &Path, mode: SyncMode) -> lsm_fs::Result<()> {
        let (path, lines) = (target.join(MARKER_FILE), self.encode());
        if lines.len() as u64 > MARKER_MAX {
            let why = "too many trees to publish or remove file by file: their names take more than 1 MiB";
            let error = io::Error::new(io::ErrorKind::FileTooLarge, why);
            return Err(lsm_fs::Error::new(Op::WriteAt, &path, error));
        }
        fs.write_new(&path, lines.as_bytes(), mode)?;
        fs.sync_directory(target, mode).map(drop)
    }

    /// Reads the marker of a target that has one. Returns `None` if a crash has cut the marker off, so that nothing was
    /// moved or removed yet.
    pub(super) fn read(fs: &dyn Fs, target: &Path) -> Result<Option<Self>> {
        Ok(Self::decode(&fs.read_to_vec(&target.join(MARKER_FILE), MARKER_MAX)?))
    }
}

/// The maximal length of a marker. The limit bounds the memory of a reader, which takes some tens of bytes for each
/// pointer.
const MARKER_MAX: u64 = 1 << 20;

/// Removes the marker, durably.
pub(super) fn unmark(fs: &dyn Fs, target: &Path, mode: SyncMode) -> lsm_fs::Result<()> {
    fs.remove_file(&target.join(MARKER_FILE))?;
    fs.sync_directory(target, mode).map(drop)
}

fn is_below(path: &Path) -> bool {
    path.components().all(|component| matches!(component, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(operation: MarkedOperation, pointers: &[&str]) -> Marker {
        Marker { operation, pointers: pointers.iter().map(PathBuf::from).collect(), names: Vec::new() }
    }

    #[test]
    fn a_written_marker_is_read() {
        for operation in MarkedOperation::ALL {
            for pointers in [&[][..], &["current"], &["users/current", "orders/current"]] {
                let mut marker = marker(operation, pointers);
                assert_eq!(Marker::decode(marker.encode().as_bytes()), Some(marker.clone()));
                if operation == MarkedOperation::RestoreInto {
                    marker.names = vec!["current".to_owned(), "users".to_owned()];
                    assert_eq!(Marker::decode(marker.encode().as_bytes()), Some(marker));
                }
            }
        }
    }

    /// The next call then leaves every entry to the operator.
    #[test]
    fn names_that_do_not_fit_are_left_out() {
        let name = |n: usize| PathBuf::from(format!("{n:0>1000}"));
        for (count, fits) in [(1000, true), (1100, false)] {
            let files: Vec<PathBuf> = (0..count).map(|n| name(n).join("file")).chain([name(0)]).collect();
            let marker = Marker::restore_into(&Contents { files, ..Contents::default() });
            assert_eq!(marker.names.len(), if fits { count } else { 0 });
        }
    }

    #[test]
    fn a_truncated_or_changed_marker_is_ignored() {
        let bytes = marker(MarkedOperation::Publish, &["current"]).encode().into_bytes();
        for len in 0..bytes.len() {
            assert_eq!(Marker::decode(&bytes[..len]), None, "{len}");
        }
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            assert_eq!(Marker::decode(&bytes), None, "{at}");
        }
    }

    #[test]
    fn a_marker_that_is_too_long_is_not_written() {
        let (fs, target) = (lsm_fs_mem::MemFs::new(), Path::new("/t"));
        fs.create_dir(target).unwrap();
        let name = "p".repeat(1023);
        for (pointers, fits) in [(1023, true), (1024, false)] {
            let marker = marker(MarkedOperation::Publish, &vec![name.as_str(); pointers]);
            let written = marker.write(&fs, target, SyncMode::Normal);
            assert_eq!(written.map_err(|e| e.kind()).err(), (!fits).then_some(io::ErrorKind::FileTooLarge));
            assert_eq!(fs.read_dir(target).unwrap().len(), usize::from(fits));
            if fits {
                assert_eq!(Marker::read(&fs, target).unwrap(), Some(marker));
                fs.remove_file(&target.join(MARKER_FILE)).unwrap();
            }
        }
    }

    #[test]
    fn paths_outside_the_target_are_ignored() {
        let marker =
            marker(MarkedOperation::Remove, &["../db/CURRENT", "/db/CURRENT", "a/../../db", "current"]);
        assert_eq!(Marker::decode(marker.encode().as_bytes()).unwrap().pointers, [Path::new("current")]);
    }
}
