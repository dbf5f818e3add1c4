//! Every error as the operator reads it, compared with the snapshot `messages.txt`.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use lsm_checkpoint::{
    CatalogDefect, Change, Error, Occupant, PointerProblem, SnapshotProblem, StagedProblem,
};
use lsm_fs::{FsExt, Op, StdFs, SyncMode};

use super::*;

fn fs(kind: i32) -> lsm_fs::Error {
    lsm_fs::Error::new(Op::Open, "/b/monday/v7", io::Error::from_raw_os_error(kind))
}

fn of_checkpoint() -> Vec<Error> {
    let target = || PathBuf::from("/b/monday");
    let staged = || PathBuf::from("/b/.monday.checkpoint-staged");
    let path = || PathBuf::from("/b/monday/tables/1");
    let file = || PathBuf::from("/b/monday/CHECKPOINT");
    vec![
        Error::TargetExists { target: target(), occupant: Occupant::Other },
        Error::TargetExists { target: target(), occupant: Occupant::EmptyDirectory },
        Error::TargetExists { target: target(), occupant: Occupant::MountPoint },
        Error::NameRefused { path: staged().join("a:b"), source: fs(22) },
        Error::InProgress { target: target(), staged: staged() },
        Error::NestedTarget { target: target(), root: PathBuf::from("/b") },
        Error::InvalidTarget { target: PathBuf::from("/b/..") },
        Error::InvalidIdentity { identity: String::new() },
        Error::InvalidSnapshot {
            path: PathBuf::from("tables/CHECKPOINT"),
            problem: SnapshotProblem::Reserved,
        },
        Error::WrongVersion {
            path: PathBuf::from("current"),
            expected: 7,
            problem: PointerProblem::Version { found: 8 },
        },
        Error::Unreported { path: path() },
        Error::SourceChanged { path: path(), what: Change::Gone },
        Error::SourceCorrupt { path: path(), expected: 1, found: 2 },
        Error::LinkRefused { path: path(), source: Some(fs(18)) },
        Error::NoSpace { needed: 2048, available: 1024 },
        Error::OwnerRefused { staged: "/b/.monday.checkpoint-staged".into(), owner: 999, group: 999 },
        Error::StagedMismatch { path: staged().join("v8"), problem: StagedProblem::Unexpected },
        Error::PublishedNotDurable { target: target(), source: fs(5) },
        Error::RemovedNotDurable { target: target(), source: fs(5) },
        Error::Undecided { target: target(), staged: staged() },
        Error::Cancelled,
        Error::NotACheckpoint { dir: target() },
        Error::Stranger { target: target(), path: PathBuf::from("notes.txt") },
        Error::BadCatalog { file: file(), what: CatalogDefect::Order },
        Error::UnsupportedFormat { file: file(), found: 9 },
        Error::UnsupportedFeatures { file: file(), features: 5 },
        Error::LeftBehind { error: Box::new(Error::Cancelled), left: staged(), cleanup: fs(5) },
        Error::LeftBehind {
            error: Box::new(Error::TargetExists { target: target(), occupant: Occupant::Other }),
            left: staged(),
            cleanup: fs(5),
        },
        Error::BaseUnusable { base: target(), source: Box::new(Error::NotACheckpoint { dir: target() }) },
        Error::NotEmpty { target: target(), entry: PathBuf::from("notes.txt") },
        Error::Source("the engine is closed".into()),
        Error::Manifest(lsm_manifest::Error::CopiesDisagree { file: PathBuf::from("/b/monday/v7") }),
        Error::Fs(fs(2)),
        Error::Fs(fs(13)),
        Error::Fs(fs(20)),
        Error::Fs(fs(28)),
        Error::Fs(fs(30)),
        Error::Fs(fs(5).with_cleanup_failure(fs(30))),
    ]
}

/// The failures of this crate that need a filesystem or a kernel of their own. `tests/cli/errors.txt` has the others.
fn of_command() -> Vec<Failure> {
    vec![
        Failure::cancelled(),
        Failure::of_signals(&io::Error::from_raw_os_error(22)),
        Failure::not_durable(Path::new("/b/monday")),
    ]
}

fn of_manifest() -> Vec<lsm_manifest::Error> {
    use lsm_manifest::{Damage, Defect, Error};
    let file = || PathBuf::from("/b/monday/v7");
    let damage = |offset| {
        let mut damage = lsm_manifest::Current::decode(&[]).unwrap_err();
        damage.offset = offset;
        damage
    };
    let _: fn(u64) -> Damage = damage;
    vec![
        Error::Corrupt { file: file(), offset: 64, what: Defect::PayloadChecksum },
        Error::NoFooter { file: file(), tail: damage(900), mirror: damage(0) },
        Error::UnsupportedVersion { file: file(), found: 2 },
        Error::DigestMismatch { file: file(), expected: 1, found: 2 },
        Error::CurrentEmpty { file: file().with_file_name("current") },
        Error::CurrentZeros { file: file().with_file_name("current") },
        Error::MissingArchive { file: file() },
        Error::WrongVersion { file: file(), found: 8 },
        Error::SectionNotFound { file: file(), name: "tables".to_owned() },
        Error::KeyRequired { file: file(), offset: 64 },
        Error::NotEncrypted { file: file(), offset: 64 },
        Error::Rejected { file: file(), offset: 64 },
        Error::ParityUnavailable { file: file(), offset: 64 },
        Error::CopiesDisagree { file: file() },
        Error::PublishedNotDurable { file: file(), source: fs(5) },
        Error::InUse { dir: PathBuf::from("/data/db") },
        Error::Corrupt {
            file: file().with_file_name("CHECKPOINT"),
            offset: 64,
            what: Defect::PayloadChecksum,
        },
        Error::Fs(fs(21)),
    ]
}

#[cfg(feature = "store")]
fn of_store() -> Vec<lsm_checkpoint_store::Error> {
    use lsm_checkpoint_store::{BackupId, Defect, Error, Key, WriterId};
    let place = || "s3://backups/db".to_owned();
    let key = || Key::Head(7).to_string();
    let answer = || "the answer of the store".into();
    let (backup, writer) = (BackupId([1; 16]), WriterId([2; 16]));
    vec![
        Error::NotARepository { place: place() },
        Error::RepositoryExists { place: place() },
        Error::StoreLacks { place: place(), what: "put-if-absent".to_owned() },
        Error::Unsupported { key: key(), what: Defect::Format(9) },
        Error::NoState { place: place() },
        Error::WentBack { place: place(), seen: 9, found: 7 },
        Error::Corrupt { key: key(), what: Defect::Digest },
        Error::Denied { right: "delete", key: key(), source: answer() },
        Error::Unknown { change: format!("backup {backup} in {}", place()), source: answer() },
        Error::Fenced { place: place(), writer, times: 3 },
        Error::BackupExists { backup },
        Error::NoSuchBackup { backup },
        Error::BackupGone { backup },
        Error::TooLarge { key: key(), len: 70_000_000, limit: 67_108_864 },
        Error::Contended { place: place(), operation: "reading the newest state".to_owned() },
        Error::OddKey { folder: "head".to_owned(), source: answer() },
        Error::Checkpoint(lsm_checkpoint::Error::NotACheckpoint { dir: PathBuf::from("/b/monday") }),
        Error::SourceDamaged { path: PathBuf::from("/b/monday/tables/1"), what: "its length" },
        Error::Fs(fs(5)),
        Error::Cancelled,
        Error::Store { key: key(), source: answer() },
        Error::Address { url: "x://y".to_owned(), what: "the address names no bucket".to_owned() },
        Error::System(io::Error::from_raw_os_error(11)),
    ]
}

/// The failures of the commands for object stores that no command line can cause with certainty.
#[cfg(feature = "store")]
fn of_store_commands() -> Vec<Failure> {
    vec![
        crate::verbs::store::pick::ambiguous("s3://backups/db", "0a1b2c"),
        crate::waiting::no_thread(&io::Error::from_raw_os_error(11)),
        crate::waiting::no_result(),
    ]
}

#[cfg(not(feature = "store"))]
fn of_store() -> Vec<Error> {
    Vec::new()
}

#[cfg(not(feature = "store"))]
fn of_store_commands() -> Vec<Failure> {
    Vec::new()
}

/// `LSM_CHECKPOINT_WRITE=1 cargo test -p lsm-checkpoint-cli every_error` rewrites the snapshot.
#[test]
fn every_error_has_its_sentence_its_hint_and_its_code() {
    let failures = of_checkpoint().into_iter().map(Failure::from);
    let failures = failures.chain(of_manifest().into_iter().map(Failure::from));
    let failures = failures.chain(of_command());
    let failures = failures.chain(of_store().into_iter().map(Failure::from)).chain(of_store_commands());
    let mut found = String::new();
    for failure in failures {
        let code = failure.exit.code(None);
        found.push_str(&format!("{code} {}\n  error: {}\n", failure.kind, failure.message));
        if let Some(hint) = &failure.hint {
            found.push_str(&format!("  hint: {hint}\n"));
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/failure/messages.txt");
    if std::env::var_os("LSM_CHECKPOINT_WRITE").is_some() {
        let _ = StdFs.rewrite_atomic(&path, found.as_bytes(), SyncMode::Normal).unwrap();
        return;
    }
    let kept = include_str!("messages.txt");
    // The store's errors come last. A build without the feature `store` lacks them.
    let is_same = if cfg!(feature = "store") { found == kept } else { kept.starts_with(&found) };
    assert!(is_same, "{} should be:\n{found}", path.display());
}

/// Errors that only a writer of manifests meets. `MissingCurrent` is a defect in the report of a verification.
const WRITERS: [&str; 11] = [
    "Encryption",
    "ForeignDirectory",
    "InvalidName",
    "Live",
    "MissingCurrent",
    "NoNextVersion",
    "NotAVersion",
    "NotNewer",
    "SectionTooLong",
    "TooManySections",
    "WriterFailed",
];

fn variant(error: &impl fmt::Debug) -> String {
    format!("{error:?}").chars().take_while(|c| c.is_alphanumeric()).collect()
}

/// The public API of each library lists the variants of its error.
#[test]
fn no_error_of_the_libraries_is_left_out() {
    let mut shown: Vec<_> =
        of_checkpoint().iter().map(|error| format!("lsm_checkpoint {}", variant(error))).collect();
    shown.extend(of_manifest().iter().map(|error| format!("lsm_manifest {}", variant(error))));
    shown.extend(of_store().iter().map(|error| format!("lsm_checkpoint_store {}", variant(error))));
    for (folder, name) in [
        ("..", "lsm_checkpoint"),
        ("../../lsm-manifest", "lsm_manifest"),
        ("../store", "lsm_checkpoint_store"),
    ] {
        let api = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join("PUBLIC_API.txt");
        let api = String::from_utf8(StdFs.read_to_vec(&api, 1 << 20).unwrap()).unwrap();
        let prefix = format!("variant {name}::Error::");
        let all: Vec<_> = api.lines().filter_map(|line| line.strip_prefix(&prefix)).collect();
        assert!(all.len() > 20, "{name}: {all:?}");
        let is_absent =
            |error: &&&str| !shown.contains(&format!("{name} {error}")) && !WRITERS.contains(error);
        let absent: Vec<_> = all.iter().filter(is_absent).collect();
        assert!(absent.is_empty() || name.ends_with("store") && cfg!(not(feature = "store")), "{absent:?}");
    }
}

#[test]
fn a_message_is_one_line_that_names_no_type() {
    let store = of_store().into_iter().map(Failure::from);
    for failure in of_checkpoint().into_iter().map(Failure::from).chain(store) {
        for text in [Some(&failure.message), failure.hint.as_ref()].into_iter().flatten() {
            assert!(!text.contains(['\n', '{', '}']) && !text.ends_with('.'), "{text}");
        }
    }
}
