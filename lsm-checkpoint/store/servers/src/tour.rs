//! A tour through each verb of a backup's life, on one store.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lsm_checkpoint::{CheckpointDir, restore};
use lsm_checkpoint_store::{
    CollectOptions, Location, Options, PushOptions, ReadOptions, Repository, VerifyOptions,
};
use lsm_fs::{Fs, FsExt, FsFileType, StdFs};
use object_store::ObjectStore;

use crate::engine::Engine;

/// Anything that ends a test.
pub type Failure = Box<dyn Error + Send + Sync>;

/// The number of tables of the first backup, and their length.
const TABLES: (usize, usize) = (12, 20_000);
/// The maximum length of a file that is compared.
const FILE_MAX: u64 = 1 << 30;

/// Options with few and fast attempts.
#[must_use]
pub fn options() -> Options {
    Options::new().attempts(4, Duration::ZERO)
}

/// Runs the tour below a prefix. `dir` is an empty directory.
///
/// # Errors
///
/// A verb failed, or a restore differs from its checkpoint.
pub async fn tour(store: &Arc<dyn ObjectStore>, prefix: &str, dir: &Path) -> Result<(), Failure> {
    let place = Location::of_store(Arc::clone(store), prefix);
    let repository = Repository::init(place, options()).await?;
    let mut engine = Engine::open(&dir.join("db"), "tour")?;
    engine.add(1, TABLES.0, TABLES.1)?;
    let (monday, tuesday) = (dir.join("monday"), dir.join("tuesday"));
    engine.checkpoint(&monday)?;
    let first = repository.push(Arc::new(StdFs), &monday, &PushOptions::new()).await?;
    engine.drop_oldest(3)?;
    engine.add(2, 2, TABLES.1)?;
    engine.checkpoint(&tuesday)?;
    let second = repository.push(Arc::new(StdFs), &tuesday, &PushOptions::new()).await?;
    if second.reused_files != TABLES.0 as u64 - 3 {
        return Err(format!("an incremental push reuses what it can: {second:?}").into());
    }
    let again = repository.push(Arc::new(StdFs), &tuesday, &PushOptions::new()).await?;
    if !again.was_there || repository.list().await?.len() != 2 {
        return Err(format!("a second push of one backup adds nothing: {again:?}").into());
    }
    sound(&repository).await?;
    for (pushed, dir) in [(&first, &monday), (&second, &tuesday)] {
        compare(&repository, pushed.backup.id, dir).await?;
    }
    repository.forget(&[first.backup.id]).await?;
    repository.undo(&[first.backup.id]).await?;
    compare(&repository, first.backup.id, &monday).await?;
    repository.forget(&[first.backup.id]).await?;
    let now = CollectOptions::new().grace(Duration::ZERO);
    repository.collect(&now).await?;
    if repository.undo(&[first.backup.id]).await.is_ok() {
        return Err("a collected backup cannot come back".into());
    }
    compare(&repository, second.backup.id, &tuesday).await?;
    sound(&repository).await
}

/// Fails unless every byte of every backup is right.
///
/// # Errors
///
/// A backup is damaged.
pub async fn sound(repository: &Repository) -> Result<(), Failure> {
    for report in [repository.check().await?, repository.verify(&VerifyOptions::new()).await?] {
        if !report.is_sound() {
            return Err(format!("{report:?}").into());
        }
    }
    Ok(())
}

/// Restores a backup and compares every file with the checkpoint that was pushed.
///
/// # Errors
///
/// The restore failed, or a file differs.
pub async fn compare(
    repository: &Repository,
    backup: lsm_checkpoint_store::BackupId,
    checkpoint: &Path,
) -> Result<(), Failure> {
    let files = repository.files(backup, &ReadOptions::new()).await?;
    let parent = checkpoint.parent().ok_or("a checkpoint has a parent")?;
    let target = parent.join(format!("restored-{backup}"));
    let from = files.dir().to_path_buf();
    let original = checkpoint.to_owned();
    let work = move || -> Result<(), Failure> {
        restore(&CheckpointDir::open(Arc::new(files), from)?, &StdFs, &target)?;
        let (wanted, found) = (contents(&original)?, contents(&target)?);
        StdFs.remove_dir_all(&target)?;
        if wanted == found {
            Ok(())
        } else {
            Err(format!("{} differs after a restore", original.display()).into())
        }
    };
    tokio::task::spawn_blocking(work).await?
}

/// Reads the files below a directory, except the catalog of a checkpoint.
pub(crate) fn contents(dir: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>, Failure> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        for entry in StdFs.read_dir(&dir.join(&folder))? {
            let path = folder.join(&entry.name);
            if entry.file_type == FsFileType::Directory {
                folders.push(path);
            } else if path != Path::new(lsm_checkpoint::CATALOG_FILE) {
                let bytes = StdFs.read_to_vec(&dir.join(&path), FILE_MAX)?;
                found.insert(path, bytes);
            }
        }
    }
    Ok(found)
}
