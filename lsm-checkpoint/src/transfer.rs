//! The ladder: each file by the first method that its volumes and the policy allow.

mod base;
mod copy;
mod share;
mod views;

use std::{
    collections::{BTreeSet, HashMap},
    io, mem,
    path::{Path, PathBuf},
};

use lsm_fs::{Fs, SyncMode, errno};

pub(crate) use base::Base;
use views::{Place, SourceViews};

use crate::{
    Change, Error, Method, PauseGuard, Policy, Result, SourceFile,
    plan::{self, Item, Plan},
    progress::Control,
    source::Content,
    staged::StagedFs,
    view,
};

/// How a file came into the checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) method: Method,
    pub(crate) len: u64,
    pub(crate) checksum: Option<u128>,
    /// `true` if the source never writes to it again.
    pub(crate) linkable: bool,
}

/// What a transfer works with.
pub(crate) struct Means<'a> {
    pub(crate) staged: &'a StagedFs<'a>,
    /// The target's filesystem itself, and the directory on it.
    pub(crate) fs: &'a dyn Fs,
    pub(crate) dir: &'a Path,
    pub(crate) policy: Policy,
    pub(crate) mode: SyncMode,
    pub(crate) base: Option<&'a Base>,
    pub(crate) control: &'a Control<'a>,
    pub(crate) guard: Option<&'a PauseGuard>,
}

/// Makes every item of a plan. Copies and clones are durable on return, names are not.
pub(crate) fn run(means: &Means<'_>, plan: &Plan, trees: &[Vec<SourceFile>]) -> Result<Vec<Done>> {
    let views = SourceViews::open(trees)?;
    let mut transfer = Transfer {
        means,
        plan,
        trees,
        views: &views,
        done: vec![None; plan.items.len()],
        lens: vec![None; plan.items.len()],
        refused: BTreeSet::new(),
        starts: starts_of(trees),
        copies: Vec::new(),
        stop: None,
    };
    transfer.all()?;
    let done: Option<Vec<Done>> = transfer.done.iter().copied().collect();
    // A file that no report speaks of may not be there, and the catalog would be one short.
    done.ok_or_else(|| Error::Unreported { path: transfer.first_unreported() })
}

/// Files that lie in one directory and go to one directory.
struct Group<'a> {
    /// The source's filesystem, or a view of it that keeps to the checkpoint that the files belong to.
    fs: &'a dyn Fs,
    from_dir: PathBuf,
    dir: usize,
    /// Positions in the plan.
    items: Vec<usize>,
}

/// By tree, how many files those before it have.
fn starts_of(trees: &[Vec<SourceFile>]) -> Vec<usize> {
    let next = |before: &mut usize, tree: &Vec<SourceFile>| Some(mem::replace(before, *before + tree.len()));
    trees.iter().scan(0, next).collect()
}

/// A method that a pair of volumes has refused: the source's namespace and volume stand for the pair.
type Refusal = (Method, Option<u64>, Option<u64>);

struct Transfer<'a> {
    means: &'a Means<'a>,
    plan: &'a Plan,
    trees: &'a [Vec<SourceFile>],
    views: &'a SourceViews<'a>,
    /// By position in the plan.
    done: Vec<Option<Done>>,
    /// By position in the plan, the lengths that the snapshot does not know and a group was asked for.
    lens: Vec<Option<u64>>,
    refused: BTreeSet<Refusal>,
    /// By tree, how many files those before it have.
    starts: Vec<usize>,
    /// Positions of what is left to be copied.
    copies: Vec<usize>,
    /// Why a batch was ended.
    stop: Option<Error>,
}

impl<'a> Transfer<'a> {
    fn all(&mut self) -> Result<()> {
        let groups = self.groups();
        for group in &groups {
            self.climb(group)?;
        }
        self.copy_rest()?;
        self.write_bytes()
    }

    fn item(&self, at: usize) -> Option<(&'a Item, &'a SourceFile)> {
        let item = self.plan.items.get(at)?;
        Some((item, self.trees.get(item.tree)?.get(item.index)?))
    }

    /// The source's path of a file that is not finished.
    fn first_unreported(&self) -> PathBuf {
        let at = self.done.iter().position(Option::is_none);
        let file = at.and_then(|at| self.item(at)).map(|(_, file)| file);
        file.and_then(SourceFile::path).map(Path::to_path_buf).unwrap_or_default()
    }

    /// Shareable files by their pair of directories, in the plan's order. The others are put down for copying.
    fn groups(&mut self) -> Vec<Group<'a>> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        let (mut known, mut last) = (HashMap::new(), None);
        for at in 0..self.plan.items.len() {
            let Some((item, file)) = self.item(at) else { continue };
            match &file.content {
                Content::Immutable { fs, path, .. } => {
                    let from_dir = lsm_fs::parent_of(path);
                    // As they are spelled: to compare paths by their components is slow.
                    let pair = (item.dir, Place::of(fs, file), from_dir.as_os_str());
                    let place = match last {
                        // The plan is sorted by directory, so the last group is the likely one.
                        Some((known, at)) if known == pair => at,
                        _ => *known.entry(pair).or_insert(groups.len()),
                    };
                    last = Some((pair, place));
                    match groups.get_mut(place) {
                        Some(group) => group.items.push(at),
                        None => groups.push(Group {
                            fs: self.views.of(fs, file),
                            from_dir: from_dir.to_path_buf(),
                            dir: item.dir,
                            items: vec![at],
                        }),
                    }
                }
                Content::Prefix { .. } => self.copies.push(at),
                Content::Bytes(_) => {}
            }
        }
        groups
    }

    /// Takes a group down the ladder; what is left at its end is to be copied.
    fn climb(&mut self, group: &Group<'a>) -> Result<()> {
        let volume = match group.fs.volume_id(&group.from_dir) {
            Ok(volume) => Some(volume),
            // Each file's own call says what is wrong.
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::Unsupported) => None,
            Err(e) => return Err(e.into()),
        };
        self.measure(group)?;
        let shared = view::shares_namespace(self.means.fs, group.fs);
        let mut left = group.items.clone();
        let mut last_refusal = None;
        for &method in plan::rungs(self.means.policy) {
            if left.is_empty() {
                return Ok(());
            }
            let refusal = (method, group.fs.backend_id(), volume);
            if method == Method::Copy {
                self.copies.append(&mut left);
                return Ok(());
            }
            if method == Method::BaseLink {
                left = self.link_base(group, left)?;
            } else if shared && !self.refused.contains(&refusal) {
                let outcome = self.share(group, method, &left)?;
                if outcome.by_volume {
                    self.refused.insert(refusal);
                }
                left = outcome.left;
                last_refusal = outcome.refusal.or(last_refusal);
            }
        }
        match left.first().and_then(|&at| self.item(at)) {
            None => Ok(()),
            Some((_, file)) => {
                let path = file.path().map(Path::to_path_buf).unwrap_or_default();
                Err(Error::LinkRefused { path, source: last_refusal })
            }
        }
    }

    fn write_bytes(&mut self) -> Result<()> {
        for at in 0..self.plan.items.len() {
            let Some((item, file)) = self.item(at) else { continue };
            if let Content::Bytes(bytes) = &file.content {
                let path = self.means.dir.join(self.plan.path_of(item));
                self.means.staged.write(&path, bytes)?;
                let checksum = xxhash_rust::xxh3::xxh3_128(bytes);
                self.check_sum(Path::new(&item.name), file.checksum, checksum)?;
                let len = bytes.len() as u64;
                let (method, checksum) = (Method::Written, Some(checksum));
                self.finish(at, Done { method, len, checksum, linkable: false }, len)?;
            }
        }
        Ok(())
    }

    /// Counts a file, and lets its deletion go on. `uncounted`: how much of it progress has not seen.
    fn finish(&mut self, at: usize, done: Done, uncounted: u64) -> Result<()> {
        if let Some(slot) = self.done.get_mut(at) {
            *slot = Some(done);
        }
        if let (Some(guard), Some(item)) = (self.means.guard, self.plan.items.get(at)) {
            let start = self.starts.get(item.tree).copied().unwrap_or_default();
            guard.release_nth(start + item.index);
        }
        if self.means.control.file_done(uncounted).is_break() { Err(Error::Cancelled) } else { Ok(()) }
    }

    fn check_sum(&self, path: &Path, expected: Option<u128>, found: u128) -> Result<()> {
        match expected {
            Some(expected) if expected != found => {
                Err(Error::SourceCorrupt { path: path.to_path_buf(), expected, found })
            }
            _ => Ok(()),
        }
    }

    /// Tells a source file that is gone, or is no regular file, from any other failure.
    fn blame(&self, at: usize, error: lsm_fs::Error) -> Error {
        let may_be_other =
            error.kind() == io::ErrorKind::InvalidInput || error.raw_os_error() == Some(errno::ELOOP);
        if (error.kind() == io::ErrorKind::NotFound || may_be_other)
            && let Some((_, file)) = self.item(at)
            && let Content::Immutable { fs, path, .. } | Content::Prefix { fs, path, .. } = &file.content
        {
            let what = match self.views.of(fs, file).symlink_metadata(path) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => Some(Change::Gone),
                Ok(there) if may_be_other && !there.is_file() => Some(Change::Type),
                _ => None,
            };
            if let Some(what) = what {
                return Error::SourceChanged { path: path.clone(), what };
            }
        }
        error.into()
    }

    /// Ends a batch, unless it has ended for another reason.
    fn stop_with(&mut self, error: Error) -> std::ops::ControlFlow<()> {
        self.stop.get_or_insert(error);
        std::ops::ControlFlow::Break(())
    }
}
