//! The contents of a file to try. If its pending changes have few combinations, all of them are variants. Otherwise,
//! the [classes](super::classes) represent them.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    classes::classes,
    contents::{Kept, Pending},
};
use crate::{crash::Disk, micro::Ino, tree::FileNode};

/// The number of combinations of a file's pending changes above which they are sampled.
const MAX_COMBINATIONS: u64 = 64;

/// A possible content of a file after a crash.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    pub(crate) file: Arc<FileNode>,
    pub(crate) description: &'static str,
}

/// The distinct contents of a dirty file. The first one keeps none of the pending changes.
#[derive(Clone, Debug)]
pub(crate) struct Variants {
    nothing: Variant,
    others: Vec<Variant>,
    /// The number of variants that are classes. They come first.
    classes: usize,
    /// Set if there are more legal contents.
    are_sampled: bool,
    /// Set if keeping all changes gives the same content as keeping none, because they cancel each other.
    all_is_nothing: bool,
}

impl Variants {
    pub(crate) fn of(disk: &Disk, ino: Ino) -> Self {
        let pending = Pending::of(disk, ino);
        let variant =
            |kept: &Kept, description| Variant { file: Arc::new(pending.replay(kept)), description };
        let nothing = variant(&Kept::default(), "nothing of it");
        let mut seen = BTreeSet::from([nothing.file.with_permissions()]);
        let mut variants =
            Self { nothing, others: Vec::new(), classes: 1, are_sampled: false, all_is_nothing: true };
        for (index, class) in classes(&pending).into_iter().enumerate() {
            let variant = variant(&pending.legal(class.kept), class.description);
            if seen.insert(variant.file.with_permissions()) {
                // The class that keeps everything comes first.
                variants.all_is_nothing &= index > 0;
                variants.others.push(variant);
            }
        }
        variants.classes = variants.count();
        match pending.combinations().filter(|all| *all <= MAX_COMBINATIONS) {
            None => variants.are_sampled = true,
            Some(all) => {
                for kept in (0..all).filter_map(|number| pending.combination(number)) {
                    let variant = variant(&kept, "some of its changes");
                    if seen.insert(variant.file.with_permissions()) {
                        variants.others.push(variant);
                    }
                }
            }
        }
        variants
    }

    pub(crate) fn count(&self) -> usize {
        1 + self.others.len()
    }

    pub(crate) const fn classes(&self) -> usize {
        self.classes
    }

    pub(crate) const fn are_sampled(&self) -> bool {
        self.are_sampled
    }

    /// Returns the variant that keeps all pending changes.
    pub(crate) fn all(&self) -> u32 {
        u32::from(!self.all_is_nothing)
    }

    /// Returns a variant. A number beyond the last one counts as the last.
    pub(crate) fn get(&self, value: usize) -> &Variant {
        let Some(other) = value.checked_sub(1) else { return &self.nothing };
        self.others.get(other).or(self.others.last()).unwrap_or(&self.nothing)
    }
}
