//! The text of every error, compared with `texts.txt`. A change of a message shows as a line of a diff.

use std::{
    fmt::Write,
    io,
    path::{Path, PathBuf},
};

use lsm_fs::{Op, errno};

use super::*;

fn path(path: &str) -> PathBuf {
    PathBuf::from(path)
}

/// A failed call. Its text must not depend on the host.
fn failure(op: Op, path: &str) -> lsm_fs::Error {
    lsm_fs::Error::new(op, Path::new(path), io::Error::other("the cause"))
}

/// The name of a variant. A new variant does not compile until it is added here. The test then asks for an example.
fn name(error: &Error) -> &'static str {
    match error {
        Error::TargetExists { .. } => "TargetExists",
        Error::InProgress { .. } => "InProgress",
        Error::NestedTarget { .. } => "NestedTarget",
        Error::InvalidTarget { .. } => "InvalidTarget",
        Error::InvalidIdentity { .. } => "InvalidIdentity",
        Error::InvalidSnapshot { .. } => "InvalidSnapshot",
        Error::WrongVersion { .. } => "WrongVersion",
        Error::Unreported { .. } => "Unreported",
        Error::SourceChanged { .. } => "SourceChanged",
        Error::SourceCorrupt { .. } => "SourceCorrupt",
        Error::LinkRefused { .. } => "LinkRefused",
        Error::NoSpace { .. } => "NoSpace",
        Error::OwnerRefused { .. } => "OwnerRefused",
        Error::StagedMismatch { .. } => "StagedMismatch",
        Error::NameRefused { .. } => "NameRefused",
        Error::PublishedNotDurable { .. } => "PublishedNotDurable",
        Error::RemovedNotDurable { .. } => "RemovedNotDurable",
        Error::Undecided { .. } => "Undecided",
        Error::Cancelled => "Cancelled",
        Error::NotACheckpoint { .. } => "NotACheckpoint",
        Error::BaseUnusable { .. } => "BaseUnusable",
        Error::NotEmpty { .. } => "NotEmpty",
        Error::Stranger { .. } => "Stranger",
        Error::BadCatalog { .. } => "BadCatalog",
        Error::UnsupportedFormat { .. } => "UnsupportedFormat",
        Error::UnsupportedFeatures { .. } => "UnsupportedFeatures",
        Error::LeftBehind { .. } => "LeftBehind",
        Error::Fs(_) => "Fs",
        Error::Manifest(_) => "Manifest",
        Error::Source(_) => "Source",
    }
}

const NAMES: usize = 30;

/// Errors of a target and of what is made there.
fn of_targets() -> Vec<Error> {
    let (target, staged) = (|| path("/b/daily"), || path("/b/.daily.checkpoint-staged"));
    let mut all = vec![
        Error::TargetExists { target: target(), occupant: Occupant::Other },
        Error::TargetExists { target: target(), occupant: Occupant::EmptyDirectory },
        Error::TargetExists { target: target(), occupant: Occupant::MountPoint },
        Error::InProgress { target: target(), staged: staged() },
        Error::NestedTarget { target: path("/db/daily"), root: path("/db") },
        Error::InvalidTarget { target: path("/b/..") },
        Error::InvalidIdentity { identity: "two\nlines".into() },
        Error::NoSpace { needed: 2_000, available: 1_000 },
        Error::OwnerRefused { staged: path("/b/.monday.checkpoint-staged"), owner: 999, group: 999 },
        Error::NameRefused { path: staged().join("tables/a:1"), source: failure(Op::HardLink, "/db/a:1") },
        Error::PublishedNotDurable { target: target(), source: failure(Op::SyncDirectory, "/b") },
        Error::RemovedNotDurable { target: target(), source: failure(Op::SyncDirectory, "/b") },
        Error::Undecided { target: target(), staged: staged() },
        Error::Cancelled,
        Error::LeftBehind {
            error: Box::new(Error::Cancelled),
            left: staged(),
            cleanup: failure(Op::RemoveDirAll, "/b/.daily.checkpoint-staged"),
        },
    ];
    let problems =
        [StagedProblem::Missing, StagedProblem::Unexpected, StagedProblem::Folded, StagedProblem::Type];
    all.extend(problems.map(|problem| Error::StagedMismatch { path: staged().join("tables/B"), problem }));
    all
}

/// Errors of a source.
fn of_sources() -> Vec<Error> {
    let table = || path("/db/tables/1");
    let mut all = vec![
        Error::Unreported { path: table() },
        Error::SourceCorrupt { path: table(), expected: 1, found: 2 },
        Error::LinkRefused { path: table(), source: None },
        Error::LinkRefused { path: table(), source: Some(failure(Op::HardLink, "/db/tables/1")) },
        failure(Op::Open, "/db/tables/1").into(),
        Error::Manifest(lsm_manifest::Error::PublishedNotDurable {
            file: path("/db/current"),
            source: failure(Op::SyncDirectory, "/db"),
        }),
        Error::Source("the engine's own words".into()),
    ];
    let snapshot = [
        SnapshotProblem::Name,
        SnapshotProblem::Depth,
        SnapshotProblem::Taken,
        SnapshotProblem::Reserved,
        SnapshotProblem::TooLong,
    ];
    all.extend(snapshot.map(|problem| Error::InvalidSnapshot { path: path("tables/1"), problem }));
    let pointer =
        [PointerProblem::Version { found: 8 }, PointerProblem::NoCurrent, PointerProblem::NoArchive];
    all.extend(pointer.map(|problem| Error::WrongVersion { path: path("current"), expected: 7, problem }));
    let changes =
        [Change::Gone, Change::Length { expected: 9, found: 5 }, Change::Type, Change::Short { expected: 9 }];
    all.extend(changes.map(|what| Error::SourceChanged { path: table(), what }));
    all
}

/// Errors of a checkpoint that is read or removed.
fn of_checkpoints() -> Vec<Error> {
    let (dir, file) = (|| path("/b/daily"), || path("/b/daily/CHECKPOINT"));
    let mut all = vec![
        Error::NotACheckpoint { dir: dir() },
        Error::BaseUnusable { base: dir(), source: Box::new(Error::NotACheckpoint { dir: dir() }) },
        Error::NotEmpty { target: path("/data"), entry: path("notes.txt") },
        Error::Stranger { target: dir(), path: path("notes.txt") },
        Error::UnsupportedFormat { file: file(), found: 9 },
        Error::UnsupportedFeatures { file: file(), features: 0b101 },
    ];
    let defects = [
        CatalogDefect::Length,
        CatalogDefect::Code(9),
        CatalogDefect::Count,
        CatalogDefect::Identity,
        CatalogDefect::Name,
        CatalogDefect::Depth,
        CatalogDefect::Duplicate,
        CatalogDefect::Reserved,
        CatalogDefect::Folder,
        CatalogDefect::Mode(0o10_0644),
        CatalogDefect::TooLong,
        CatalogDefect::Tree,
        CatalogDefect::Order,
        CatalogDefect::Excess,
    ];
    all.extend(defects.map(|what| Error::BadCatalog { file: file(), what }));
    all
}

/// The message of an error and of each of its sources.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        write!(text, "\n    {error}").unwrap();
        source = error.source();
    }
    text
}

#[test]
fn the_text_of_every_error() {
    let all = [of_targets(), of_sources(), of_checkpoints()].concat_all();
    let named: std::collections::BTreeSet<_> = all.iter().map(name).collect();
    assert_eq!(named.len(), NAMES, "a variant has no example: {named:?}");
    let texts: String = all.iter().map(|error| format!("{}\n  {}\n", name(error), chain(error))).collect();
    for error in &all {
        let text = error.to_string();
        assert!(!text.contains('\n') && !text.ends_with('.'), "{text:?}");
    }
    assert!(texts == include_str!("texts.txt"), "src/error/texts.txt says otherwise:\n{texts}");
}

/// `Error` is not `Clone`, so lists are concatenated by moving.
trait ConcatAll {
    fn concat_all(self) -> Vec<Error>;
}

impl<const N: usize> ConcatAll for [Vec<Error>; N] {
    fn concat_all(self) -> Vec<Error> {
        self.into_iter().flatten().collect()
    }
}

/// Operators mostly see refusals of the host, which have an errno.
#[test]
fn an_error_keeps_its_errno() {
    let cause = io::Error::from_raw_os_error(errno::EACCES);
    let error = Error::from(lsm_fs::Error::new(Op::Open, Path::new("/db"), cause));
    assert!(matches!(error, Error::Fs(fs) if fs.raw_os_error() == Some(errno::EACCES)));
}
