//! [`list`]: the checkpoints of a directory.

use std::{ffi::OsString, io, path::Path, time::SystemTime};

use lsm_fs::{Fs, FsFileType};

use crate::{Catalog, Error, Result, target_life};

/// A checkpoint in a directory, or what is to become one.
#[derive(Debug)]
#[non_exhaustive]
pub struct ListedCheckpoint {
    /// Its name in the directory.
    pub name: OsString,
    /// What it is worth.
    pub state: CheckpointState,
    /// What its catalog says, and what its files take. `None` if the catalog cannot be read.
    pub contents: Option<ListedContents>,
}

/// What a directory of checkpoints holds under a name.
#[derive(Debug)]
#[non_exhaustive]
pub enum CheckpointState {
    /// Every file of the catalog is there with its length. [`verify`](crate::verify()) looks closer.
    Complete,
    /// Files of the catalog are missing or have other lengths. Do not restore from it; `verify` says which.
    Incomplete,
    /// The catalog cannot be read.
    Unreadable(Error),
    /// Being made or removed by somebody, or what a dead process left: [`sweep`](crate::sweep()) tells these apart.
    Staged,
}

/// What is in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedContents {
    /// The source's name for itself; empty only in a checkpoint of format 1.
    pub identity: String,
    /// Every write up to this number is in it, if that is known.
    pub seqno: Option<u64>,
    /// The version that was captured; of several trees, that of the first.
    pub version_id: u64,
    /// When it was made, by the clock of its maker.
    pub created: SystemTime,
    /// How many files it has, without the catalog.
    pub files: u64,
    /// Bytes in files that have other names too, in the source or in other checkpoints.
    pub shared_bytes: u64,
    /// Bytes in files that have no other name: what removing it gives back at most. A clone counts as one, though it
    /// shares extents; so does every file where the platform counts no links.
    pub exclusive_bytes: u64,
}

/// Lists the checkpoints of a directory, by name.
///
/// # Contract
///
/// Changes nothing and takes no lock. Directories that are no checkpoints, and files, are left out; so is what vanishes
/// while it is looked at.
///
/// # Errors
///
/// [`Fs`](Error::Fs) if the directory cannot be read. What is wrong with one checkpoint is its state.
///
/// # Examples
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// for checkpoint in lsm_checkpoint::list(&lsm_fs::StdFs, dir.path())? {
///     let Some(contents) = &checkpoint.contents else { continue };
///     let (name, exclusive) = (checkpoint.name.to_string_lossy(), contents.exclusive_bytes);
///     println!("{name}: up to {:?}, {exclusive} bytes of its own", contents.seqno);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn list(fs: &dyn Fs, dir: &Path) -> Result<Vec<ListedCheckpoint>> {
    let mut listed = Vec::new();
    let fs = &*fs.beneath(dir)?;
    for entry in fs.read_dir(dir)? {
        if entry.file_type != FsFileType::Directory {
            continue;
        }
        let path = dir.join(&entry.name);
        let (state, contents) = if target_life::is_staged_name(&entry.name) {
            (CheckpointState::Staged, None)
        } else {
            match Catalog::read(fs, &path) {
                Err(Error::NotACheckpoint { .. }) => continue,
                Err(error) => (CheckpointState::Unreadable(error), None),
                Ok(catalog) => look(fs, &path, catalog),
            }
        };
        listed.push(ListedCheckpoint { name: entry.name, state, contents });
    }
    Ok(listed)
}

fn look(fs: &dyn Fs, dir: &Path, catalog: Catalog) -> (CheckpointState, Option<ListedContents>) {
    let (mut shared_bytes, mut exclusive_bytes) = (0_u64, 0_u64);
    let mut state = CheckpointState::Complete;
    for file in &catalog.files {
        match fs.symlink_metadata(&dir.join(catalog.path_of(file))) {
            Ok(metadata) if metadata.is_file() && metadata.len == file.len => {
                let is_shared = metadata.link_count.is_some_and(|links| links > 1);
                let sum = if is_shared { &mut shared_bytes } else { &mut exclusive_bytes };
                *sum = sum.saturating_add(metadata.len);
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                state = CheckpointState::Unreadable(error.into());
                break;
            }
            _ => state = CheckpointState::Incomplete,
        }
    }
    let contents = ListedContents {
        seqno: catalog.seqno,
        version_id: catalog.trees.first().map_or(0, |tree| tree.version_id),
        created: SystemTime::UNIX_EPOCH.checked_add(catalog.created).unwrap_or(SystemTime::UNIX_EPOCH),
        files: catalog.files.len() as u64,
        shared_bytes,
        exclusive_bytes,
        identity: catalog.identity,
    };
    (state, Some(contents))
}
