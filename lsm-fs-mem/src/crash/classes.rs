//! Samples of the contents that a crash may leave of a file with many pending changes.
//!
//! The classes are chosen by the differences that a reader can detect. A reader with checksums tells intact from
//! damaged data, and damage at the end from damage inside. A reader of a file that is written in place must also cope
//! with a later write without an earlier one, and with new bytes under an old length. Classes are a sample: a file may
//! be left in other ways, too.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    contents::{Kept, Pending},
    sectors::Sector,
};

/// The maximum number of classes of a file, besides the one that keeps nothing.
const MAX_CLASSES: usize = 17;

/// One sampled selection of a file's pending changes. The rules may forbid a part of it.
pub(crate) struct Class {
    pub(crate) description: &'static str,
    pub(crate) kept: Kept,
}

/// Returns the classes of a file's pending changes. The first one keeps everything.
pub(crate) fn classes(pending: &Pending<'_>) -> Vec<Class> {
    let sampler = Sampler { pending, lengths: pending.all_lengths() };
    let mut classes = sampler.by_sector();
    classes.extend(sampler.out_of_order());
    classes.extend(sampler.moments());
    classes.truncate(MAX_CLASSES);
    classes
}

struct Sampler<'p> {
    pending: &'p Pending<'p>,
    /// All lengths.
    lengths: BTreeMap<usize, u64>,
}

impl Sampler<'_> {
    fn class(&self, description: &'static str, keeps: impl Fn(&Sector) -> bool) -> Class {
        let sectors = self.pending.sectors.iter().copied().filter(keeps).collect();
        let (lengths, permissions) = (self.lengths.clone(), self.pending.all_permissions());
        Class { description, kept: Kept { sectors, lengths, permissions, torn: None } }
    }

    fn first(&self, description: &'static str, count: usize) -> Class {
        let end = self.pending.sectors.get(count).copied();
        self.class(description, |sector| end.is_none_or(|end| *sector < end))
    }

    fn by_sector(&self) -> Vec<Class> {
        let sectors = &self.pending.sectors;
        let count = sectors.len();
        let mut classes = vec![
            self.class("all of it", |_| true),
            self.class("its length without its data", |_| false),
            self.first("all but the last sector", count.saturating_sub(1)),
        ];
        if let Some(last) = sectors.last().filter(|_| self.pending.rules.torn_sector) {
            let mut class = self.first("garbage in the last sector", count - 1);
            class.kept.torn = Some(*last);
            classes.push(class);
        }
        if count > 2 {
            let middle = sectors.get(count / 2).copied();
            classes.push(self.class("all but a sector in the middle", |sector| Some(*sector) != middle));
        }
        if !self.pending.all_permissions().is_empty() {
            let mut under_old = self.class("its data under the mode and owner of before", |_| true);
            under_old.kept.permissions.clear();
            classes.push(under_old);
        }
        classes.push(self.first("the first half of its sectors", count / 2));
        classes
    }

    /// Returns the classes that keep later writes without earlier ones, or writes without their lengths.
    fn out_of_order(&self) -> Vec<Class> {
        let sectors = &self.pending.sectors;
        let writes: BTreeSet<usize> = sectors.iter().map(|sector| sector.change).collect();
        let [Some(first), Some(last)] = [writes.first().copied(), writes.last().copied()] else {
            return Vec::new();
        };
        let middle = writes.iter().nth(writes.len() / 2).copied().unwrap_or(first);
        let mut classes = vec![
            self.class("all but the first of its writes", |sector| sector.change != first),
            self.class("the last of its writes without the others", |sector| sector.change == last),
        ];
        let mut under_old = self.class("its data under the length of before", |_| true);
        under_old.kept.lengths.clear();
        classes.push(under_old);
        if writes.len() > 2 {
            classes.push(self.class("all but a write in the middle", |sector| sector.change != middle));
            classes.push(self.class("a write in the middle alone", |sector| sector.change == middle));
        }
        classes
    }

    /// Returns the classes that keep the first changes, the class whose length grew only in part, and the class that
    /// keeps the first sector.
    fn moments(&self) -> Vec<Class> {
        let changes = self.pending.changes.len();
        let mut classes = vec![
            self.moment("the first of its changes", 1),
            self.moment("the first half of its changes", changes / 2),
            self.moment("all but the last of its changes", changes.saturating_sub(1)),
        ];
        if let Some((index, len)) = self.partial_length() {
            let mut class = self.class("a part of its length", |_| true);
            class.kept.lengths.insert(index, len);
            class.kept.lengths.retain(|other, _| *other <= index);
            classes.push(class);
        }
        classes.push(self.first("the first sector", 1));
        classes
    }

    fn moment(&self, description: &'static str, changes: usize) -> Class {
        let mut class = self.class(description, |sector| sector.change < changes);
        class.kept.lengths.retain(|index, _| *index < changes);
        class.kept.permissions.retain(|index| *index < changes);
        class
    }

    /// Finds the last change of the length that a crash may leave half done ([`Pending::steps`]). Returns its index and
    /// the middle one of its lengths.
    fn partial_length(&self) -> Option<(usize, u64)> {
        let mut steps =
            self.lengths.keys().rev().filter_map(|index| Some((*index, self.pending.steps(*index)?)));
        let (index, steps) = steps.find(|(_, steps)| steps.count() > 1)?;
        Some((index, steps.get((steps.count() - 1) / 2)?))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use lsm_fs::{Fs, FsFile, FsOpenOptions, Permissions};

    use super::*;
    use crate::{
        MemFs, MemFsOptions,
        profile::{CrashModel, Profile},
    };

    /// Returns the descriptions of the classes of a file with three writes.
    fn of_three_writes(model: CrashModel, mode: Option<u32>) -> Vec<&'static str> {
        let fs: MemFs = MemFsOptions::new().crash_model(model).build().unwrap();
        let path = Path::new("/f");
        let file = fs.open(path, &FsOpenOptions::new().write(true).create_new(true)).unwrap();
        fs.settle();
        file.write_at(&[1; 700], 0).unwrap();
        file.write_at(&[2; 700], 5000).unwrap();
        if let Some(mode) = mode {
            let _ = file.set_permissions(&Permissions { mode, owner: 0, group: 0 }).unwrap();
        }
        file.write_at(&[3; 20_000], 6000).unwrap();
        let mut machine = fs.lock();
        let disk = machine.storage_mut().disk();
        let (ino, _) = disk.journal.dirty_files().next().unwrap();
        classes(&Pending::of(disk, ino)).iter().map(|class| class.description).collect()
    }

    #[test]
    fn the_limit_drops_no_class() {
        let torn = CrashModel::new(Profile::Adversarial).torn_sector(true);
        let all = of_three_writes(torn, Some(0o600));
        assert_eq!(all.len(), MAX_CLASSES);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), MAX_CLASSES, "each once");
        assert_eq!(all.last(), Some(&"the first sector"));
    }

    #[test]
    fn only_a_changed_mode_adds_a_class() {
        let of_mode = |mode| {
            let classes = of_three_writes(CrashModel::default(), mode);
            classes.contains(&"its data under the mode and owner of before")
        };
        assert!(of_mode(Some(0o600)) && !of_mode(None));
    }
}
