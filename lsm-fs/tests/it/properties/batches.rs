//! A batch is equivalent to single calls: it gives the same reports and the same tree.

use std::{
    ffi::OsStr,
    fmt::Write,
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use lsm_fs::{
    CopyJob, CopyOptions, DirPair, Error, Fs, FsExt, FsFile, FsOpenOptions, NamePair, Op, Result, StdFs,
    SyncMode,
    batch::{hard_link_batch, metadata_batch, reflink_batch, sync_batch},
    copy::copy_batch,
};
use proptest::{collection::vec, prelude::*, sample::select};

use super::cases;

/// The kind of entry that a name is bound to.
#[derive(Clone, Copy, Debug)]
enum Bound {
    Nothing,
    File(u16),
    Directory,
    Symlink,
}

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

type Bindings = [Bound; 6];

fn bindings(nothing: u32) -> impl Strategy<Value = Bindings> {
    let bound = prop_oneof![
        nothing => Just(Bound::Nothing),
        6 => (0..9_000_u16).prop_map(Bound::File),
        1 => Just(Bound::Directory),
        1 => Just(Bound::Symlink),
    ];
    prop::array::uniform6(bound)
}

/// Names that are bound, not bound, or not a single component.
fn name() -> impl Strategy<Value = &'static str> {
    prop_oneof![12 => select(&NAMES[..]), 1 => select(&["", ".", "..", "a/b", "/"][..])]
}

/// A new directory with `from` and `to` in it.
struct Tree {
    dir: tempfile::TempDir,
}

impl Tree {
    fn new(from: &Bindings, to: &Bindings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, bindings) in [("from", from), ("to", to)] {
            let parent = dir.path().join(name);
            fs::create_dir(&parent).unwrap();
            for (name, bound) in NAMES.iter().zip(bindings) {
                let path = parent.join(name);
                match bound {
                    Bound::Nothing => {}
                    Bound::File(len) => {
                        fs::write(&path, vec![len.to_le_bytes()[0]; usize::from(*len)]).unwrap();
                    }
                    Bound::Directory => fs::create_dir(&path).unwrap(),
                    #[cfg(unix)]
                    Bound::Symlink => std::os::unix::fs::symlink("a", &path).unwrap(),
                    #[cfg(not(unix))]
                    Bound::Symlink => {}
                }
            }
        }
        Self { dir }
    }

    fn from(&self) -> PathBuf {
        self.dir.path().join("from")
    }

    fn to(&self) -> PathBuf {
        self.dir.path().join("to")
    }

    /// Removes the location of the directory from a path.
    fn below(&self, path: &Path) -> String {
        path.strip_prefix(self.dir.path()).unwrap_or(path).display().to_string()
    }

    /// Removes the location of the directory from a report.
    fn said<T: std::fmt::Debug>(&self, result: Result<T>) -> String {
        match result {
            Ok(value) => format!("ok {value:?}"),
            Err(e) => {
                let other = e.other_path().map(|path| self.below(path));
                let path = self.below(e.path());
                format!("{} {path} {other:?} {:?} {:?}", e.op(), e.kind(), e.raw_os_error())
            }
        }
    }

    /// Returns every name with the bytes of its inode and the number of its names.
    fn shown(&self) -> String {
        let mut text = String::new();
        for dir in [self.from(), self.to()] {
            for entry in StdFs.read_dir(&dir).unwrap() {
                let path = dir.join(&entry.name);
                let links = StdFs.symlink_metadata(&path).unwrap().link_count;
                let bytes = entry.file_type.is_file().then(|| StdFs.read_to_vec(&path, 1 << 20).unwrap());
                let _ = writeln!(text, "{} {:?} {links:?} {bytes:?}", self.below(&path), entry.file_type);
            }
        }
        text
    }
}

/// Reports by index, in the order of their arrival.
type Reports = Vec<(usize, String)>;

/// Keeps a report, and ends the batch after the given number of them.
fn keep(reports: &mut Reports, limit: usize, index: usize, said: String) -> ControlFlow<()> {
    reports.push((index, said));
    if reports.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Makes a single call for each index, up to the limit of reports.
fn singly(count: usize, limit: usize, mut call: impl FnMut(usize) -> String) -> Reports {
    (0..count.min(limit)).map(|index| (index, call(index))).collect()
}

fn single_component(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains('/')
}

fn refused<T>(op: Op, from: PathBuf, to: PathBuf) -> Result<T> {
    Err(Error::with_paths(op, from, to, io::Error::from(io::ErrorKind::InvalidInput)))
}

/// A clone and its sync.
fn clone(from: &Path, to: &Path) -> Result<()> {
    StdFs.reflink_file(from, to)?;
    StdFs.open(to, &FsOpenOptions::new().write(true))?.sync_all(SyncMode::Normal)
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn a_batch_of_links_equals_single_links(
        from in bindings(1),
        to in bindings(6),
        names in vec((name(), name()), 0..12),
        limit in prop_oneof![3 => Just(usize::MAX), 1 => 1..6_usize],
    ) {
        let (batch, single) = (Tree::new(&from, &to), Tree::new(&from, &to));
        let pairs: Vec<_> = names.iter().map(|(from, to)| NamePair::new(*from, *to)).collect();
        let mut reports = Reports::new();
        hard_link_batch(&StdFs, DirPair { from: &batch.from(), to: &batch.to() }, &pairs, &mut |index, linked| {
            keep(&mut reports, limit, index, batch.said(linked))
        });
        let singles = singly(names.len(), limit, |index| {
            let (from, to) = names[index];
            let (one, other) = (single.from().join(from), single.to().join(to));
            let legal = single_component(from) && single_component(to);
            single.said(if legal { StdFs.hard_link(&one, &other) } else { refused(Op::HardLink, one, other) })
        });
        prop_assert_eq!(reports, singles);
        prop_assert_eq!(batch.shown(), single.shown());
    }

    #[test]
    fn a_batch_of_lookups_equals_single_lookups(
        bound in bindings(2),
        names in vec(name(), 0..12),
        limit in prop_oneof![3 => Just(usize::MAX), 1 => 1..6_usize],
    ) {
        let tree = Tree::new(&bound, &[Bound::Nothing; 6]);
        let as_os: Vec<_> = names.iter().map(OsStr::new).collect();
        let mut reports = Reports::new();
        metadata_batch(&StdFs, &tree.from(), &as_os, &mut |index, found| {
            keep(&mut reports, limit, index, tree.said(found))
        });
        let singles = singly(names.len(), limit, |index| {
            let path = tree.from().join(names[index]);
            let bad = || Error::new(Op::Metadata, &path, io::Error::from(io::ErrorKind::InvalidInput));
            tree.said(if single_component(names[index]) { StdFs.metadata(&path) } else { Err(bad()) })
        });
        prop_assert_eq!(reports, singles);
    }
}

proptest! {
    // Each case syncs every file, which takes time.
    #![proptest_config(cases(24))]

    #[test]
    fn a_batch_of_clones_equals_single_clones(
        from in bindings(1),
        to in bindings(6),
        names in vec((name(), name()), 0..12),
    ) {
        let (batch, single) = (Tree::new(&from, &to), Tree::new(&from, &to));
        let pairs: Vec<_> = names.iter().map(|(from, to)| NamePair::new(*from, *to)).collect();
        let mut reports = Reports::new();
        let dirs = DirPair { from: &batch.from(), to: &batch.to() };
        reflink_batch(&StdFs, dirs, &pairs, SyncMode::Normal, &mut |index, cloned| {
            keep(&mut reports, usize::MAX, index, batch.said(cloned))
        });
        reports.sort();
        let singles = singly(names.len(), usize::MAX, |index| {
            let (from, to) = names[index];
            let (one, other) = (single.from().join(from), single.to().join(to));
            let legal = single_component(from) && single_component(to);
            single.said(if legal { clone(&one, &other) } else { refused(Op::ReflinkFile, one, other) })
        });
        prop_assert_eq!(reports, singles);
        prop_assert_eq!(batch.shown(), single.shown());
    }

    #[test]
    fn a_batch_of_copies_equals_single_copies(from in bindings(1), to in bindings(6)) {
        let (batch, single) = (Tree::new(&from, &to), Tree::new(&from, &to));
        let paths = |tree: &Tree| NAMES.map(|name| (tree.from().join(name), tree.to().join(name)));
        let copy = |tree: &Tree, paths: &[(PathBuf, PathBuf)]| {
            let jobs = paths.iter().map(|(from, to)| CopyJob { source: &StdFs, from, to, len: None });
            let jobs: Vec<_> = jobs.collect();
            let mut reports = Reports::new();
            copy_batch(&StdFs, &jobs, &CopyOptions::new(), &mut |index, copied| {
                keep(&mut reports, usize::MAX, index, tree.said(copied))
            });
            reports.sort();
            reports
        };
        let reports = copy(&batch, &paths(&batch));
        let singles = paths(&single).into_iter().flat_map(|pair| copy(&single, &[pair]));
        let singles: Vec<_> = singles.enumerate().map(|(index, (_, said))| (index, said)).collect();
        prop_assert_eq!(reports, singles);
        prop_assert_eq!(batch.shown(), single.shown());
    }

    /// A file in procfs can be opened, but its sync fails.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_batch_of_syncs_equals_single_syncs(can_sync in vec(any::<bool>(), 0..12)) {
        let tree = Tree::new(&[Bound::Nothing; 6], &[Bound::Nothing; 6]);
        let open = |index: usize| {
            let path = if can_sync[index] { tree.to().join(index.to_string()) } else { "/proc/self/comm".into() };
            StdFs.open(&path, &FsOpenOptions::new().write(true).create(true)).unwrap()
        };
        let files: Vec<_> = (0..can_sync.len()).map(open).collect();
        let borrowed: Vec<&dyn FsFile> = files.iter().map(|file| &**file).collect();
        let mut reports = Reports::new();
        sync_batch(&StdFs, &borrowed, SyncMode::Normal, &mut |index, synced| {
            reports.push((index, tree.said(synced)));
        });
        reports.sort();
        let singles = singly(files.len(), usize::MAX, |index| tree.said(open(index).sync_all(SyncMode::Normal)));
        prop_assert_eq!(reports, singles);
    }
}
