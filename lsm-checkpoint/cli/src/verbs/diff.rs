//! `diff`: compares two checkpoints file by file.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use clap::Args;
use lsm_checkpoint::{Catalog, CatalogFile};
use lsm_fs::{Fs, StdFs};

use crate::{
    exit::Exit,
    location::resolve,
    record::Record,
    session::{Result, Session},
    text,
};

/// Compare two checkpoints by their catalogs: files added (+), removed (-), changed (M), or of unknown state (?).
///
/// A file is unchanged if it is the same inode in both, or if its length and checksum are equal. Its state is unknown
/// if the lengths are equal, the inodes differ and a checksum is missing.
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {
    /// The older checkpoint, or DIR@latest.
    a: PathBuf,
    /// The newer checkpoint, or DIR@latest.
    b: PathBuf,
    /// Also print unchanged files.
    #[arg(long)]
    all: bool,
}

/// The difference of one file between the two checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Added,
    Removed,
    Changed,
    Unchanged,
    /// The lengths are equal, the inodes differ, and at least one of the two has no checksum.
    Unknown,
}

impl Fate {
    const ALL: [Self; 5] = [Self::Added, Self::Removed, Self::Changed, Self::Unchanged, Self::Unknown];

    const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Unknown => "unknown",
        }
    }

    const fn sign(self) -> char {
        match self {
            Self::Added => '+',
            Self::Removed => '-',
            Self::Changed => 'M',
            Self::Unchanged => ' ',
            Self::Unknown => '?',
        }
    }
}

/// A checkpoint and its files by path.
struct Side {
    path: PathBuf,
    files: BTreeMap<PathBuf, CatalogFile>,
}

impl Side {
    fn open(session: &Session, given: &Path) -> Result<Self> {
        let path = resolve(session, given)?;
        let catalog = Catalog::read(&StdFs, &path)?;
        let files = catalog.files.iter().map(|file| (catalog.path_of(file), file.clone())).collect();
        Ok(Self { path, files })
    }
}

impl DiffArgs {
    pub(crate) fn run(&self, session: &Session) -> Result {
        let (a, b) = (Side::open(session, &self.a)?, Side::open(session, &self.b)?);
        let paths: std::collections::BTreeSet<_> = a.files.keys().chain(b.files.keys()).collect();
        let mut totals: BTreeMap<Fate, (u64, u64)> = BTreeMap::new();
        for path in paths {
            session.signals.check()?;
            let (fate, bytes) = match (a.files.get(path), b.files.get(path)) {
                (Some(old), Some(new)) => (fate(&a.path.join(path), old, &b.path.join(path), new), new.len),
                (None, Some(new)) => (Fate::Added, new.len),
                (Some(old), None) => (Fate::Removed, old.len),
                (None, None) => continue,
            };
            let (files, sum) = totals.entry(fate).or_default();
            *files += 1;
            *sum = sum.saturating_add(bytes);
            if self.all || fate != Fate::Unchanged {
                session.out.line(format!("{} {}  {}", fate.sign(), text::path(path), session.size(bytes)));
            }
            session.out.record(
                &Record::new("difference")
                    .path("path", path)
                    .with("fate", fate.name())
                    .number("bytes", bytes),
            );
        }
        let total = |fate| totals.get(&fate).copied().unwrap_or_default();
        let shown = Fate::ALL.into_iter().filter(|&fate| total(fate).0 > 0).map(|fate| {
            let (files, bytes) = total(fate);
            format!("{} {}, {}", fate.name(), text::count(files, "file"), session.size(bytes))
        });
        session.out.line(shown.collect::<Vec<_>>().join("; "));
        let fates = Fate::ALL.into_iter().map(|fate| {
            let (files, bytes) = total(fate);
            let counts = serde_json::json!({ "files": files.to_string(), "bytes": bytes.to_string() });
            (fate.name().to_owned(), counts)
        });
        let record = Record::new("difference_total").path("a", &a.path).path("b", &b.path);
        session.out.record(&record.with("fates", fates.collect::<serde_json::Map<_, _>>()));
        Ok(Exit::Done)
    }
}

fn fate(old_path: &Path, old: &CatalogFile, new_path: &Path, new: &CatalogFile) -> Fate {
    let id = |path: &Path| StdFs.symlink_metadata(path).ok().and_then(|metadata| metadata.file_id);
    if old.len != new.len {
        return Fate::Changed;
    }
    if id(old_path).is_some_and(|old| id(new_path) == Some(old)) {
        return Fate::Unchanged;
    }
    match (old.checksum, new.checksum) {
        (Some(old), Some(new)) if old == new => Fate::Unchanged,
        (Some(_), Some(_)) => Fate::Changed,
        _ => Fate::Unknown,
    }
}
