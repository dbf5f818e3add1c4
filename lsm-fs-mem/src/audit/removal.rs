//! Removals: the calls that remove a file while a pointer names it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use lsm_fs::{Fs, FsExt, Op, parent_of};

use super::{
    inspect::Inspection,
    pointer::MAX_POINTER_BYTES,
    rule::{Demands, ManifestRule, ReadNames},
    undurable::UndurablePart,
    violation::DurabilityViolation,
};
use lsm_fs::intercept::Call;

impl Inspection<'_> {
    /// Returns the first pointer that names a file that the call would remove or move.
    ///
    /// This includes a pointer that has been replaced, as long as a crash may bring it back.
    pub(super) fn removed(&mut self, demands: &mut Demands, call: &Call<'_>) -> Option<DurabilityViolation> {
        let (fs, Demands { pointers, manifests, .. }) = (self.fs, demands);
        let manifests: &[ManifestRule] = manifests;
        for rule in pointers {
            let Some(names) = &rule.names else { continue };
            if self.is_durable(&rule.path) {
                rule.replaced.clear();
            }
            if call.op == Op::Rename && call.other_path == Some(rule.path.as_path()) {
                rule.replaced.extend(named_by(fs, (&rule.path, names), manifests));
            }
            let named = || named_by(fs, (&rule.path, names), manifests);
            let found = self.lost(call, (&rule.path, named), &rule.replaced);
            if found.is_some() {
                return found;
            }
        }
        for rule in manifests.iter().filter(|rule| rule.is_pointer) {
            if let Some(newest) = rule.newest(fs) {
                let named = || named_by(fs, (&newest, &rule.names), manifests);
                let found = self.lost(call, (&newest, named), &BTreeSet::new());
                if found.is_some() {
                    return found;
                }
            }
        }
        None
    }

    /// Returns the violation of a call that removes a file that the pointer names, or that the pointer before it named.
    fn lost(
        &mut self,
        call: &Call<'_>,
        (pointer, named): (&Path, impl FnOnce() -> BTreeSet<PathBuf>),
        replaced: &BTreeSet<PathBuf>,
    ) -> Option<DurabilityViolation> {
        let removes = matches!(
            call.op,
            Op::RemoveFile | Op::RemoveDir | Op::RemoveDirAll | Op::Rename | Op::RenameNoreplace
        );
        // A pointer that the same call removes or moves names nothing afterwards.
        if !removes || pointer.starts_with(call.path) {
            return None;
        }
        let named = named();
        let is_lost = |path: &&PathBuf| path.starts_with(call.path) && self.fs.exists(path).unwrap_or(false);
        let lost: Vec<PathBuf> = named.iter().filter(is_lost).cloned().collect();
        let early: Vec<PathBuf> = replaced.difference(&named).filter(is_lost).cloned().collect();
        lost.iter().for_each(|path| self.note(path, UndurablePart::Removed));
        early.iter().for_each(|path| self.note(path, UndurablePart::RemovedEarly));
        let undurable = self.finish();
        (!undurable.is_empty()).then(|| DurabilityViolation::new(call, pointer, undurable))
    }

    /// Returns whether both the name of a pointer and its bytes are durable.
    fn is_durable(&mut self, pointer: &Path) -> bool {
        if self.name_state(pointer).is_some() {
            return false;
        }
        let key = self.account.keys.of_target(self.fs, pointer);
        let inode = key.and_then(|key| self.account.inode(key));
        inode.is_none_or(|inode| !inode.is_dirty && !inode.is_lost)
    }
}

/// Returns all paths that a pointer names, and all paths that its manifests name.
fn named_by(
    fs: &dyn Fs,
    (pointer, names): (&Path, &ReadNames),
    manifests: &[ManifestRule],
) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut under_way = vec![(pointer.to_path_buf(), names)];
    while let Some((path, names)) = under_way.pop() {
        // A pointer that does not exist yet names nothing.
        let Ok(bytes) = fs.read_to_vec(&path, MAX_POINTER_BYTES) else { continue };
        for name in names(&bytes) {
            let named = parent_of(&path).join(name);
            if found.insert(named.clone())
                && let Some(manifest) = manifests.iter().find(|manifest| manifest.number(&named).is_some())
            {
                under_way.push((named, &manifest.names));
            }
        }
    }
    found
}
