//! Rules: the files and directories that make others reachable.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::{Fs, parent_of};

/// Reads the paths that a file names from its bytes.
pub(super) type ReadNames = Arc<dyn Fn(&[u8]) -> Vec<PathBuf> + Send + Sync>;

/// The rules that calls must keep.
#[derive(Debug, Default)]
pub(super) struct Demands {
    pub(super) pointers: Vec<PointerRule>,
    pub(super) manifests: Vec<ManifestRule>,
    pub(super) only_recording: bool,
}

/// A file or directory that must not survive a crash without the files that it names.
#[derive(Clone)]
pub(super) struct PointerRule {
    pub(super) path: PathBuf,
    /// Reads the pointer. `None` for a directory, which names its entries.
    pub(super) names: Option<ReadNames>,
    /// The paths that the replaced pointers named. They are kept until the current pointer is durable, because a crash
    /// may bring a replaced one back.
    pub(super) replaced: BTreeSet<PathBuf>,
}

impl PointerRule {
    pub(super) const fn new(path: PathBuf, names: Option<ReadNames>) -> Self {
        Self { path, names, replaced: BTreeSet::new() }
    }
}

impl fmt::Debug for PointerRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PointerRule").field("path", &self.path).field("reads", &self.names.is_some()).finish()
    }
}

/// Files with a number in their names.
#[derive(Clone)]
pub(super) struct ManifestRule {
    directory: PathBuf,
    before: String,
    after: String,
    pub(super) names: ReadNames,
    /// Set if the file with the highest number is a pointer by itself.
    pub(super) is_pointer: bool,
}

impl ManifestRule {
    /// Creates a rule. The pattern is a file name in which `{N}` stands for the number.
    pub(super) fn new(directory: PathBuf, pattern: &str, names: ReadNames, is_pointer: bool) -> Self {
        let (before, after) = pattern.split_once("{N}").unwrap_or((pattern, ""));
        Self { directory, before: before.to_owned(), after: after.to_owned(), names, is_pointer }
    }

    /// Returns the number in the name of a file of this rule, or `None` for any other file.
    pub(super) fn number(&self, path: &Path) -> Option<u64> {
        if parent_of(path) != self.directory {
            return None;
        }
        let number = path.file_name()?.to_str()?.strip_prefix(&self.before)?.strip_suffix(&self.after)?;
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        number.parse().ok().filter(|_| is_number)
    }

    /// Returns the file with the highest number.
    pub(super) fn newest(&self, fs: &dyn Fs) -> Option<PathBuf> {
        let paths = fs.read_dir(&self.directory).into_iter().flatten();
        let paths = paths.map(|entry| self.directory.join(entry.name));
        paths.filter(|path| self.number(path).is_some()).max_by_key(|path| self.number(path))
    }

    /// Returns a pointer rule for one of these files.
    pub(super) fn as_pointer(&self, path: PathBuf) -> PointerRule {
        PointerRule::new(path, Some(Arc::clone(&self.names)))
    }
}

impl fmt::Debug for ManifestRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { directory, before, after, .. } = self;
        let pattern = format!("{before}{{N}}{after}");
        f.debug_struct("ManifestRule").field("directory", directory).field("pattern", &pattern).finish()
    }
}
