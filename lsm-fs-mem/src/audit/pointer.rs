//! What must not survive a crash before something else does.

use std::{
    error, fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::{FsExt, Op, parent_of};

use super::{
    identity::{Key, joined},
    inspect::Inspection,
    undurable::{Undurable, UndurablePart, list},
};
use lsm_fs::intercept::Call;

/// A pointer larger than this is none.
const MAX_POINTER_BYTES: u64 = 16 << 20;

/// Reads the paths that a pointer names out of its bytes.
type ReadNames = Arc<dyn Fn(&[u8]) -> Vec<PathBuf> + Send + Sync>;

#[derive(Clone)]
pub(super) struct PointerRule {
    path: PathBuf,
    /// Reads the pointer; `None` for a directory, which names what it holds.
    names: Option<ReadNames>,
}

impl PointerRule {
    pub(super) fn pointer(
        path: PathBuf,
        names: impl Fn(&[u8]) -> Vec<PathBuf> + Send + Sync + 'static,
    ) -> Self {
        Self { path, names: Some(Arc::new(names)) }
    }

    pub(super) fn directory(path: PathBuf) -> Self {
        Self { path, names: None }
    }
}

impl fmt::Debug for PointerRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PointerRule").field("path", &self.path).field("reads", &self.names.is_some()).finish()
    }
}

/// A call after which a pointer may survive a crash that takes what it names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DurabilityViolation {
    /// The call.
    pub op: Op,
    /// Its path; of two, the first.
    pub path: PathBuf,
    /// The second path of a call that takes two.
    pub other_path: Option<PathBuf>,
    /// The path that a rule was made for.
    pub pointer: PathBuf,
    /// What a crash could take, where it stands before the call.
    pub undurable: Vec<Undurable>,
}

impl fmt::Display for DurabilityViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { op, pointer, undurable, .. } = self;
        write!(f, "{op} could make {} durable before what it names: {}", pointer.display(), list(undurable))
    }
}

impl error::Error for DurabilityViolation {}

/// A pointer on its way: where it stands before the call, and which directory the call moves, if one.
struct Arrival<'a> {
    source: PathBuf,
    moved: Option<(&'a Path, &'a Path)>,
}

impl Arrival<'_> {
    /// Where a path stands before the call: what moves together with the pointer is where it comes from.
    fn before(&self, path: &Path) -> PathBuf {
        let moved = self.moved.and_then(|(from, to)| Some(joined(from, path.strip_prefix(to).ok()?)));
        moved.unwrap_or_else(|| path.to_path_buf())
    }
}

/// The lowest directory that both paths lie in.
fn common_directory(a: &Path, b: &Path) -> PathBuf {
    let shared = parent_of(a).components().zip(parent_of(b).components()).take_while(|(a, b)| a == b);
    shared.map(|(part, _)| part).collect()
}

impl Inspection<'_> {
    /// The first rule that the call would break.
    pub(super) fn broken(
        &mut self,
        rules: &[PointerRule],
        on: Option<Key>,
        call: &Call<'_>,
    ) -> Option<DurabilityViolation> {
        rules.iter().find_map(|rule| {
            self.check(rule, on, call);
            let undurable = self.finish();
            (!undurable.is_empty()).then(|| DurabilityViolation {
                op: call.op,
                path: call.path.to_path_buf(),
                other_path: call.other_path.map(Path::to_path_buf),
                pointer: rule.path.clone(),
                undurable,
            })
        })
    }

    fn check(&mut self, rule: &PointerRule, on: Option<Key>, call: &Call<'_>) {
        match (call.op, call.other_path) {
            (Op::Rename | Op::RenameNoreplace | Op::HardLink | Op::ReflinkFile, Some(to)) => {
                let Ok(below) = rule.path.strip_prefix(to) else { return };
                let source = joined(call.path, below);
                let moves_above = !below.as_os_str().is_empty();
                let moved = moves_above.then_some((call.path, to));
                self.arrival(rule, &Arrival { source, moved });
                // A clone is a new inode; its bytes are not durable however the source's are.
                if call.op == Op::ReflinkFile && !moves_above {
                    self.note(to, UndurablePart::Content);
                }
            }
            (Op::SyncAll | Op::SyncData, _) => {
                let is_pointer = on.is_some() && self.account.keys.of_target(self.fs, &rule.path) == on;
                if let Some(names) = rule.names.as_ref().filter(|_| is_pointer) {
                    self.named(rule, names, &Arrival { source: rule.path.clone(), moved: None });
                }
            }
            (Op::SyncDirectory, _) if self.binds_on_path(&rule.path, call.path) => {
                self.arrival(rule, &Arrival { source: rule.path.clone(), moved: None });
            }
            _ => {}
        }
    }

    /// Whether a sync of the directory makes a new name durable that leads to the path.
    fn binds_on_path(&mut self, path: &Path, directory: &Path) -> bool {
        let synced = self.account.keys.of_target(self.fs, directory);
        let mut at = path;
        while synced.is_some() && !at.as_os_str().is_empty() {
            if self.account.keys.of_target(self.fs, parent_of(at)) == synced && self.name_state(at).is_some()
            {
                return true;
            }
            let parent = parent_of(at);
            if parent == at || parent == Path::new(".") {
                return false;
            }
            at = parent;
        }
        false
    }

    /// The pointer gets its name, or its name becomes durable: its own bytes, and all it names.
    fn arrival(&mut self, rule: &PointerRule, arrival: &Arrival<'_>) {
        // A rename of something that does not exist fails by itself, and one above the pointer may move none.
        let Ok(metadata) = self.fs.symlink_metadata(&arrival.source) else { return };
        match &rule.names {
            Some(names) if metadata.is_file() => {
                let key = self.account.keys.of(&arrival.source, &metadata);
                self.content(&arrival.source, key);
                self.named(rule, names, arrival);
            }
            None if metadata.is_dir() => self.tree_or_missing(&arrival.source),
            _ => {}
        }
    }

    fn named(&mut self, rule: &PointerRule, names: &ReadNames, arrival: &Arrival<'_>) {
        let Ok(bytes) = self.fs.read_to_vec(&arrival.source, MAX_POINTER_BYTES) else {
            return self.note(&arrival.source, UndurablePart::Unreadable);
        };
        for name in names(&bytes) {
            let path = parent_of(&rule.path).join(name);
            // A name above both is no matter: without it the pointer is not there either.
            let shared = common_directory(&rule.path, &path);
            let (top, path) = (arrival.before(&shared), arrival.before(&path));
            self.names_from(&top, &path);
            self.tree_or_missing(&path);
        }
    }

    fn tree_or_missing(&mut self, path: &Path) {
        if self.tree(path).is_err() {
            self.note(path, UndurablePart::Missing);
        }
    }
}
