//! [`Marker`]: a file that marks a target as not whole. It names the unfinished operation and the files that make the
//! target readable.

use std::{
    io,
    path::{Component, Path, PathBuf},
};

use lsm_fs::{Fs, FsExt, Op, SyncMode};
use xxhash_rust::xxh3::xxh3_128;

use crate::{Result, reserved::MARKER_FILE};

/// The unfinished operation in a marked target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MarkedOperation {
    /// The files are being moved from the staged directory, the pointers last.
    Publish,
    /// The files are being removed, the pointers first.
    Remove,
}

impl MarkedOperation {
    const fn word(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Remove => "remove",
        }
    }
}

/// The content of a marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) operation: MarkedOperation,
    /// The paths of the pointers, relative to the target.
    pub(super) pointers: Vec<PathBuf>,
}

impl Marker {
    /// Encodes the marker as lines: a checksum of the rest, the operation, and each pointer.
    fn encode(&self) -> String {
        let mut lines = format!("{}\n", self.operation.word());
        for pointer in &self.pointers {
            // A name holds no line break, because no snapshot and no catalog may list such a name.
            lines.push_str(&format!("{}\n", pointer.display()));
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
        let operation = [MarkedOperation::Publish, MarkedOperation::Remove]
            .into_iter()
            .find(|operation| operation.word() == word)?;
        // Ignore paths outside the target, because the marker may be forged.
        Some(Self { operation, pointers: lines.map(PathBuf::from).filter(|path| is_below(path)).collect() })
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

    /// Reads the marker of a target that has one. Returns `None` if a crash cut the marker off. Nothing was moved or
    /// removed then.
    pub(super) fn read(fs: &dyn Fs, target: &Path) -> Result<Option<Self>> {
        Ok(Self::decode(&fs.read_to_vec(&target.join(MARKER_FILE), MARKER_MAX)?))
    }
}

/// The maximal length of a marker. A reader holds all pointers in memory, with several tens of bytes for each.
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
        Marker { operation, pointers: pointers.iter().map(PathBuf::from).collect() }
    }

    #[test]
    fn what_is_written_is_read() {
        for operation in [MarkedOperation::Publish, MarkedOperation::Remove] {
            for pointers in [&[][..], &["current"], &["users/current", "orders/current"]] {
                let marker = marker(operation, pointers);
                assert_eq!(Marker::decode(marker.encode().as_bytes()), Some(marker));
            }
        }
    }

    #[test]
    fn what_is_cut_or_changed_says_nothing() {
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
    fn a_marker_that_nobody_would_read_is_not_written() {
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
    fn nothing_outside_the_target_is_meant() {
        let marker =
            marker(MarkedOperation::Remove, &["../db/CURRENT", "/db/CURRENT", "a/../../db", "current"]);
        assert_eq!(Marker::decode(marker.encode().as_bytes()).unwrap().pointers, [Path::new("current")]);
    }
}
