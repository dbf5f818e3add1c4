//! The contents that a crash may leave of a file that was being written, sampled as at most twelve classes.
//!
//! The classes are chosen by the differences that a reader can detect. A reader with checksums tells intact from
//! damaged data, and damage at the end from damage inside. A reader of a file that is written in place must also cope
//! with a later write without an earlier one, and with new bytes under an old length.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use crate::{
    crash::Disk,
    micro::{Change, Ino, Micro, Payload},
    pages::{Pages, SECTOR_BYTES},
    tree::FileNode,
};

/// The maximum number of classes per file.
const MAX_CLASSES: usize = 12;

/// The maximum number of classes where writes persist in order.
const MAX_MOMENTS: usize = 7;

/// A possible content of a file after a crash.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    pub(crate) file: Arc<FileNode>,
    pub(crate) description: &'static str,
}

/// The distinct classes of a dirty file. The first one keeps none of the pending changes.
#[derive(Clone, Debug)]
pub(crate) struct Variants {
    nothing: Variant,
    others: Vec<Variant>,
    /// Set if keeping everything looks like keeping nothing, because the changes cancel each other.
    all_is_nothing: bool,
}

impl Variants {
    pub(crate) fn of(disk: &Disk, ino: Ino) -> Self {
        let pending = Pending::of(disk, ino);
        let (first, others) = pending.classes();
        let variant = |class: Class| {
            let description = class.description;
            Variant { file: Arc::new(pending.replay(&pending.legal(class))), description }
        };
        let nothing = variant(first);
        let mut seen = BTreeSet::from([nothing.file.fingerprint()]);
        let mut variants = Self { nothing, others: Vec::new(), all_is_nothing: true };
        for (index, class) in others.into_iter().enumerate() {
            let variant = variant(class);
            if seen.insert(variant.file.fingerprint()) && variants.count() < MAX_CLASSES {
                // The class that keeps everything comes first.
                variants.all_is_nothing &= index > 0;
                variants.others.push(variant);
            }
        }
        variants
    }

    pub(crate) fn count(&self) -> usize {
        1 + self.others.len()
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

/// One sector of one pending write.
#[derive(Clone, Copy, Debug)]
struct Sector {
    /// The index of the pending change.
    change: usize,
    start: u64,
    end: u64,
}

/// The sectors and lengths that persist.
struct Class {
    description: &'static str,
    sectors: Vec<Sector>,
    sizes: usize,
    torn: Option<Sector>,
}

struct Pending<'d> {
    disk: &'d Disk,
    ino: Ino,
    changes: Vec<&'d Micro>,
    sectors: Vec<Sector>,
    sizes: usize,
}

/// Tells if the inode itself changes: its length or its permissions, which reach the disk in order.
const fn is_size(micro: &Micro) -> bool {
    matches!(micro.change, Change::Size { .. } | Change::Permissions { .. })
}

fn sectors_of(change: usize, micro: &Micro) -> Vec<Sector> {
    let Change::Data { range, .. } = &micro.change else { return Vec::new() };
    let first = range.start / SECTOR_BYTES;
    let sectors = first..range.end.div_ceil(SECTOR_BYTES);
    let cut = |sector: u64| Sector {
        change,
        start: range.start.max(sector * SECTOR_BYTES),
        end: range.end.min((sector + 1) * SECTOR_BYTES),
    };
    sectors.map(cut).collect()
}

impl<'d> Pending<'d> {
    fn of(disk: &'d Disk, ino: Ino) -> Self {
        let changes: Vec<&Micro> = disk.journal.file(ino).collect();
        let sectors =
            changes.iter().enumerate().flat_map(|(index, micro)| sectors_of(index, micro)).collect();
        let sizes = changes.iter().filter(|micro| is_size(micro)).count();
        Self { disk, ino, changes, sectors, sizes }
    }

    /// Returns the class that keeps nothing, and the others. The first of the others keeps everything.
    fn classes(&self) -> (Class, Vec<Class>) {
        if self.disk.rules().whole_writes {
            return self.moments();
        }
        let count = self.sectors.len();
        let first = |n: usize| self.sectors.iter().take(n).copied().collect::<Vec<_>>();
        let class = |description, sectors, sizes| Class { description, sectors, sizes, torn: None };
        let nothing = class("nothing of it", Vec::new(), 0);
        let mut classes = vec![
            class("all of it", first(count), self.sizes),
            class("its length without its data", Vec::new(), self.sizes),
            class("all but the last sector", first(count.saturating_sub(1)), self.sizes),
        ];
        if let Some(last) = self.sectors.last().filter(|_| self.disk.rules().torn_sector) {
            let torn = Some(*last);
            let sectors = first(count - 1);
            classes.push(Class {
                description: "garbage in the last sector",
                sectors,
                sizes: self.sizes,
                torn,
            });
        }
        classes.extend(self.out_of_order());
        classes.push(Class { description: "the first of its changes", ..self.moment(1) });
        classes.push(self.earlier_half());
        if count > 2 {
            let mut sectors = self.sectors.clone();
            sectors.remove(count / 2);
            classes.push(class("all but a sector in the middle", sectors, self.sizes));
        }
        classes.push(class("the first half of its sectors", first(count / 2), self.sizes));
        classes.push(class("the first sector", first(1), self.sizes));
        (nothing, classes)
    }

    /// Returns the classes that keep later writes without earlier ones, or writes without their lengths. Classes that
    /// are not distinct are dropped later.
    fn out_of_order(&self) -> Vec<Class> {
        let [Some(first), Some(last)] = [self.sectors.first(), self.sectors.last()] else {
            return Vec::new();
        };
        let of = |description, keeps: &dyn Fn(&Sector) -> bool, sizes| {
            let sectors = self.sectors.iter().filter(|sector| keeps(sector)).copied().collect();
            Class { description, sectors, sizes, torn: None }
        };
        let mut classes = vec![
            of("all but the first of its writes", &|sector| sector.change != first.change, self.sizes),
            of(
                "the last of its writes without the others",
                &|sector| sector.change == last.change,
                self.sizes,
            ),
        ];
        // Data written after a cut lies in new blocks, which the old inode does not reference.
        let is_cut = |micro: &Micro| matches!(micro.change, Change::Size { from, to, .. } if to < from);
        if !self.changes.iter().any(|micro| is_cut(micro)) {
            classes.push(of("its data under the length of before", &|_| true, 0));
        }
        classes
    }

    /// Returns the class that keeps the first half of the changes.
    fn earlier_half(&self) -> Class {
        self.moment(self.changes.len() / 2)
    }

    /// Returns the classes with none of the writes, all of them, and evenly spaced moments between.
    fn moments(&self) -> (Class, Vec<Class>) {
        let (count, room) = (self.changes.len(), MAX_MOMENTS - 1);
        let nothing = Class { description: "nothing of it", ..self.moment(0) };
        let all = Class { description: "all of it", ..self.moment(count) };
        let between = (1..room).map(|part| self.moment(count * part / room));
        (nothing, std::iter::once(all).chain(between).collect())
    }

    /// Returns the class that keeps the first `changes` changes. A write and its length count as one.
    fn moment(&self, changes: usize) -> Class {
        let comes_along = |micro: &&Micro| matches!(micro.change, Change::Size { written: true, .. });
        let after_write = changes > 0 && self.changes.get(changes).is_some_and(comes_along);
        let changes = changes + usize::from(after_write);
        let sectors = self.sectors.iter().filter(|sector| sector.change < changes).copied().collect();
        let sizes = self.changes.iter().take(changes).filter(|micro| is_size(micro)).count();
        Class { description: "the earlier ones of its writes", sectors, sizes, torn: None }
    }

    /// Removes the lengths that the rules do not allow without their data.
    fn legal(&self, mut class: Class) -> Class {
        if !self.disk.rules().size_needs_last_sector {
            return class;
        }
        let mut sizes = 0;
        for (index, micro) in self.changes.iter().enumerate().filter(|(_, micro)| is_size(micro)) {
            let wrote = matches!(micro.change, Change::Size { written: true, .. });
            let last = self.sectors.iter().rfind(|sector| Some(sector.change) == index.checked_sub(1));
            let kept = last.is_none_or(|last| {
                class
                    .sectors
                    .iter()
                    .chain(&class.torn)
                    .any(|s| (s.change, s.start) == (last.change, last.start))
            });
            if sizes == class.sizes || (wrote && !kept) {
                break;
            }
            sizes += 1;
        }
        class.sizes = sizes;
        class
    }

    fn replay(&self, class: &Class) -> FileNode {
        let mut file = self.disk.image.content(self.ino);
        let mut sizes = 0;
        let mut sectors = class.sectors.iter().peekable();
        for (index, micro) in self.changes.iter().enumerate() {
            if is_size(micro) {
                if sizes < class.sizes {
                    file.apply(&micro.change);
                }
                sizes += 1;
                continue;
            }
            let mut runs: Vec<Range<u64>> = Vec::new();
            while let Some(sector) = sectors.next_if(|sector| sector.change == index) {
                match runs.last_mut().filter(|run| run.end == sector.start) {
                    Some(run) => run.end = sector.end,
                    None => runs.push(sector.start..sector.end),
                }
            }
            for run in runs {
                file.apply(&part(&micro.change, run));
            }
            if let Some(torn) = class.torn.filter(|torn| torn.change == index) {
                file.apply(&garbage(self.ino, torn));
            }
        }
        file.cut();
        file
    }
}

/// Returns the part of a write that falls into `run`.
fn part(change: &Change, run: Range<u64>) -> Change {
    match change {
        Change::Data { ino, range, payload: Payload::Bytes(bytes) } => {
            let pages = Pages::from_bytes(range.start, bytes);
            Change::Data { ino: *ino, range: run, payload: Payload::Pages(pages) }
        }
        Change::Data { ino, payload, .. } => Change::Data { ino: *ino, range: run, payload: payload.clone() },
        other => other.clone(),
    }
}

/// Returns a write of bytes that are neither the old content nor the new one.
fn garbage(ino: Ino, sector: Sector) -> Change {
    let bytes = (sector.start..sector.end).map(|at| 0xa5 ^ at.to_le_bytes()[0]).collect();
    Change::Data { ino, range: sector.start..sector.end, payload: Payload::Bytes(bytes) }
}
