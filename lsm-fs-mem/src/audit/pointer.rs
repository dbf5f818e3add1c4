//! Arrivals: the calls by which a pointer gets its name or would become durable.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use lsm_fs::{FsExt, Op, parent_of};

use super::{
    identity::{Key, joined},
    inspect::Inspection,
    rule::{Demands, ManifestRule, PointerRule, ReadNames},
    undurable::UndurablePart,
    violation::DurabilityViolation,
};
use lsm_fs::intercept::Call;

/// The maximum size of a pointer or manifest. A larger file is not read.
pub(super) const MAX_POINTER_BYTES: u64 = 16 << 20;

/// The arrival of a pointer: its path before the call, and the directory that the call moves, if any.
struct Arrival<'a> {
    source: PathBuf,
    moved: Option<(&'a Path, &'a Path)>,
    manifests: &'a [ManifestRule],
}

impl Arrival<'_> {
    /// Returns the location of a path before the call. A path that moves together with the pointer is still at its
    /// source.
    fn before(&self, path: &Path) -> PathBuf {
        let moved = self.moved.and_then(|(from, to)| Some(joined(from, path.strip_prefix(to).ok()?)));
        moved.unwrap_or_else(|| path.to_path_buf())
    }
}

/// Returns the lowest directory that contains both paths.
fn common_directory(a: &Path, b: &Path) -> PathBuf {
    let shared = parent_of(a).components().zip(parent_of(b).components()).take_while(|(a, b)| a == b);
    shared.map(|(part, _)| part).collect()
}

impl Inspection<'_> {
    /// Returns the first rule that the call would break.
    pub(super) fn broken(
        &mut self,
        demands: &mut Demands,
        on: Option<Key>,
        call: &Call<'_>,
    ) -> Option<DurabilityViolation> {
        let numbered = self.numbered_pointers(&demands.manifests, call);
        for rule in demands.pointers.iter().chain(&numbered) {
            self.check((rule, &demands.manifests), on, call);
            let undurable = self.finish();
            if !undurable.is_empty() {
                return Some(DurabilityViolation::new(call, &rule.path, undurable));
            }
        }
        self.removed(demands, call)
    }

    /// Returns the files that are pointers because of their number: the newest one, and the one that the call creates.
    fn numbered_pointers(&self, manifests: &[ManifestRule], call: &Call<'_>) -> Vec<PointerRule> {
        let mut found = Vec::new();
        for rule in manifests.iter().filter(|rule| rule.is_pointer) {
            let made = call.other_path.filter(|path| rule.number(path).is_some()).map(Path::to_path_buf);
            let paths: BTreeSet<_> = rule.newest(self.fs).into_iter().chain(made).collect();
            found.extend(paths.into_iter().map(|path| rule.as_pointer(path)));
        }
        found
    }

    fn check(
        &mut self,
        (rule, manifests): (&PointerRule, &[ManifestRule]),
        on: Option<Key>,
        call: &Call<'_>,
    ) {
        match (call.op, call.other_path) {
            (Op::Rename | Op::RenameNoreplace | Op::HardLink | Op::ReflinkFile, Some(to)) => {
                let Ok(below) = rule.path.strip_prefix(to) else { return };
                let source = joined(call.path, below);
                let moves_above = !below.as_os_str().is_empty();
                let moved = moves_above.then_some((call.path, to));
                self.arrival(rule, &Arrival { source, moved, manifests });
                // A clone is a new inode. Its bytes are not durable even if the source's are.
                if call.op == Op::ReflinkFile && !moves_above {
                    self.note(to, UndurablePart::Content);
                }
            }
            (Op::SyncAll | Op::SyncData, _) => {
                let is_pointer = on.is_some() && self.account.keys.of_target(self.fs, &rule.path) == on;
                if let Some(names) = rule.names.as_ref().filter(|_| is_pointer) {
                    self.named(rule, names, &Arrival { source: rule.path.clone(), moved: None, manifests });
                }
            }
            (Op::SyncDirectory, _) if self.binds_on_path(&rule.path, call.path) => {
                self.arrival(rule, &Arrival { source: rule.path.clone(), moved: None, manifests });
            }
            _ => {}
        }
    }

    /// Returns whether a sync of the directory would make a new name on the path durable.
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

    /// Inspects a pointer that gets its name or becomes durable: its own bytes, and everything that it names.
    fn arrival(&mut self, rule: &PointerRule, arrival: &Arrival<'_>) {
        // A rename of a missing file fails by itself, and a renamed directory need not contain the pointer.
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

    /// Inspects everything that the pointer names, including the files named by its manifests.
    fn named(&mut self, rule: &PointerRule, names: &ReadNames, arrival: &Arrival<'_>) {
        let mut under_way = vec![(rule.path.clone(), arrival.source.clone(), names)];
        let mut read = BTreeSet::new();
        while let Some((path, source, names)) = under_way.pop() {
            let Ok(bytes) = self.fs.read_to_vec(&source, MAX_POINTER_BYTES) else {
                self.note(&source, UndurablePart::Unreadable);
                continue;
            };
            for name in names(&bytes) {
                let named = parent_of(&path).join(name);
                // Names above both files do not matter, because the pointer is lost along with them.
                let shared = common_directory(&rule.path, &named);
                let (top, before) = (arrival.before(&shared), arrival.before(&named));
                self.names_from(&top, &before);
                self.tree_or_missing(&before);
                let manifest = arrival.manifests.iter().find(|manifest| manifest.number(&named).is_some());
                if let Some(manifest) = manifest
                    && self.fs.exists(&before).unwrap_or(false)
                    && read.insert(named.clone())
                {
                    under_way.push((named, before, &manifest.names));
                }
            }
        }
    }

    fn tree_or_missing(&mut self, path: &Path) {
        if self.tree(path).is_err() {
            self.note(path, UndurablePart::Missing);
        }
    }
}
