//! Compares each file that a snapshot lists with the real file.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use lsm_fs::Fs;
use xxhash_rust::xxh3::xxh3_128;

use super::{
    CheckResult, Failure, Subject,
    case::{Case, engine, read},
    ensure, list,
};
use crate::{DeletionPause, SourceFile, source::Content};

list! { "snapshot":
    every_file_is_there_with_its_length
    every_checksum_matches_its_file
    every_file_lies_in_a_root
    the_engine_writes_only_below_its_roots
    a_name_is_never_used_for_other_bytes
}

/// Captures as a checkpoint does, and returns the files.
fn files(case: &Case<'_>) -> Result<Vec<SourceFile>, Failure> {
    let source = case.live.tree().source();
    source.flush().map_err(engine("flush for a checkpoint"))?;
    let _guard = source.deletion_pause().map(DeletionPause::acquire);
    let capture = source.capture().map_err(engine("capture a version"))?;
    let mut files = Vec::new();
    for (_, snapshot) in &capture.trees {
        files.extend(snapshot.files().map_err(engine("list the files of a snapshot"))?);
    }
    Ok(files)
}

/// Returns the filesystem and the path of a file, unless its bytes are in memory.
fn place(file: &SourceFile) -> Option<(&dyn Fs, &Path)> {
    match &file.content {
        Content::Immutable { fs, path, .. }
        | Content::Mutable { fs, path, .. }
        | Content::Prefix { fs, path, .. } => Some((&**fs, path)),
        Content::Bytes(_) => None,
    }
}

/// Returns the path of a file that may be linked.
fn linkable(file: &SourceFile) -> Option<&Path> {
    if matches!(file.content, Content::Immutable { .. }) { file.content.path() } else { None }
}

fn every_file_is_there_with_its_length(subject: &Subject) -> CheckResult {
    let case = Case::filled(subject)?;
    for file in &files(&case)? {
        let Some((fs, path)) = place(file) else { continue };
        let at = path.display();
        let found = fs.symlink_metadata(path).map_err(|error| {
            Failure::Violated(format!(
                "a snapshot lists {at}: {error}; it must list the files of its own version"
            ))
        })?;
        ensure!(
            found.is_file(),
            "a snapshot lists {at}, which is not a regular file; list the file that it leads to"
        );
        let (len, is_prefix) = (found.len, matches!(file.content, Content::Prefix { .. }));
        let Some(given) = file.content.known_len() else { continue };
        ensure!(
            if is_prefix { given <= len } else { given == len },
            "{at} has {len} bytes, but the snapshot lists {given}; a link is published with the listed length, so it \
             must be the length of the finished file"
        );
    }
    Ok(None)
}

fn every_checksum_matches_its_file(subject: &Subject) -> CheckResult {
    let case = Case::filled(subject)?;
    for file in &files(&case)? {
        let (Some(given), Some((fs, path))) = (file.checksum, place(file)) else { continue };
        let mut bytes = read(fs, path)?;
        if let Content::Prefix { len, .. } = file.content {
            bytes.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        }
        let found = xxh3_128(&bytes);
        ensure!(
            found == given,
            "{} has the XXH3-128 {found:#034x}, but the snapshot lists {given:#034x}; compute it over all bytes of \
             the finished file, or list none",
            path.display()
        );
    }
    Ok(None)
}

/// Returns `true` if a path lies below a root, by its spelling or by the inodes of its parents.
fn is_in_roots(case: &Case<'_>, path: &Path) -> bool {
    let fs = case.sandbox.fs();
    let id = |path: &Path| fs.metadata(path).ok().and_then(|metadata| metadata.file_id);
    let roots = case.live.tree().source().roots();
    path.ancestors().skip(1).any(|above| {
        roots
            .iter()
            .any(|root| root.path == above || id(above).is_some_and(|above| id(&root.path) == Some(above)))
    })
}

fn every_file_lies_in_a_root(subject: &Subject) -> CheckResult {
    let case = Case::filled(subject)?;
    for file in &files(&case)? {
        let Some((_, path)) = place(file) else { continue };
        ensure!(
            is_in_roots(&case, path),
            "the snapshot lists {}, which is in none of the directories that roots returns; return every directory of \
             the engine",
            path.display()
        );
    }
    Ok(None)
}

/// Returns every file below a directory.
pub(super) fn walk(fs: &dyn Fs, dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let (mut files, mut dirs) = (Vec::new(), vec![dir.to_path_buf()]);
    while let Some(dir) = dirs.pop() {
        for entry in fs.read_dir(&dir)? {
            let path = dir.join(&entry.name);
            if entry.file_type.is_dir() { dirs.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}

fn the_engine_writes_only_below_its_roots(subject: &Subject) -> CheckResult {
    let case = Case::filled(subject)?;
    case.live.churn().map_err(engine("compact"))?;
    for path in walk(&**case.sandbox.fs(), &case.sandbox.data())? {
        ensure!(
            is_in_roots(&case, &path),
            "the engine has written {}, which is in none of the directories that roots returns; return every \
             directory that the engine writes to, or a checkpoint inside one of them is not refused",
            path.display()
        );
    }
    Ok(None)
}

fn a_name_is_never_used_for_other_bytes(subject: &Subject) -> CheckResult {
    let mut case = Case::filled(subject)?;
    let mut known: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    for round in 0..4 {
        for file in &files(&case)? {
            let Some(path) = linkable(file) else { continue };
            let bytes = read(&**case.sandbox.fs(), path)?;
            let first = known.entry(path.to_path_buf()).or_insert_with(|| bytes.clone());
            ensure!(
                *first == bytes,
                "{} has other bytes than an earlier file of this name; give every new file a new name, or a \
                 checkpoint with a base may link the old file instead",
                path.display()
            );
        }
        case.live.churn().map_err(engine("compact"))?;
        if round == 1 {
            let (sandbox, history) = case.close();
            case = Case::open(subject, sandbox, history)?;
        }
    }
    Ok(None)
}
