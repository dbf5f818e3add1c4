//! Checkpoints of real engines in a repository: pushed while the tree is written to, restored, and compared key by key.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lsm_checkpoint::{BoxError, Checkpoint, VerifyOptions, verify};
use lsm_checkpoint_engines::exam::{Exam, Taken, take};
use lsm_checkpoint_engines::kind::{Kind, Special, Which};
use lsm_checkpoint_engines::load::{Load, under_load};
use lsm_checkpoint_engines::oracle::{Oracle, Plan};
use lsm_checkpoint_store::{
    Backup, CollectOptions, Location, PushOptions, ReadOptions, Repository, RepositoryFs,
};
use lsm_fs::{Fs, StdFs};
use object_store::ObjectStore;

use crate::tour::{Failure, options, sound};

/// A size that leads to several rounds of flush and compaction.
const PLAN: Plan = Plan { keys: 2_000, value_size: 128 };

/// The number of operations before each checkpoint.
const APART: u64 = 3_000;

/// The number of checkpoints under load. Two more follow, without a compaction between them.
const UNDER_LOAD: usize = 2;

/// Returns every engine with both kinds of tree, and the encrypted and the descending tree of each engine that has
/// them.
pub fn kinds() -> impl Iterator<Item = Kind> {
    let special = [Which::CoordinodeV5, Which::CoordinodeV7].into_iter().flat_map(|which| {
        [Special::Encrypted, Special::Descending].map(|option| Kind::special(which, option))
    });
    Kind::all().chain(special)
}

/// Takes checkpoints of a tree under load, and pushes them below a prefix. Restores each backup, opens the restored
/// tree with the engine, and compares every key. Then forgets all but the last one, collects, and compares the last one
/// again. Returns the number of keys that were compared. `dir` is an empty directory.
///
/// # Errors
///
/// A call failed, or a key is wrong.
pub async fn engine_tour(
    store: &Arc<dyn ObjectStore>,
    prefix: &str,
    kind: Kind,
    dir: &Path,
) -> Result<u64, Failure> {
    let place = Location::of_store(Arc::clone(store), prefix);
    let repository = Repository::init(place, options().probe_rounds(0)).await?;
    let root = dir.to_owned();
    let taken = tokio::task::spawn_blocking(move || checkpoints(kind, &root)).await??;
    let (mut backups, mut reused) = (Vec::new(), 0);
    for (target, taken) in taken {
        let pushed = repository.push(Arc::new(StdFs), &target, &PushOptions::new()).await?;
        reused = pushed.reused_files;
        backups.push((pushed.backup, taken));
    }
    if reused == 0 {
        return Err("the last push reuses no table, although there was no compaction before it".into());
    }
    sound(&repository).await?;
    let mut keys = 0;
    let mut exam = Exam::new(kind, PLAN);
    for (backup, taken) in &backups {
        (exam, keys) = compared(&repository, kind, dir, (exam, keys), (backup, taken)).await?;
    }
    let Some((last, older)) = backups.split_last() else { return Err("no checkpoint".into()) };
    let older: Vec<_> = older.iter().map(|(backup, _)| backup.id).collect();
    repository.forget(&older).await?;
    repository.collect(&CollectOptions::new().grace(Duration::ZERO)).await?;
    sound(&repository).await?;
    (_, keys) = compared(&repository, kind, dir, (exam, keys), (&last.0, &last.1)).await?;
    Ok(keys)
}

/// Takes checkpoints while other threads write, flush and compact, and two more while nothing compacts.
fn checkpoints(kind: Kind, dir: &Path) -> Result<Vec<(PathBuf, Taken)>, BoxError> {
    let engine = kind.open(&dir.join("db"))?;
    let oracle = Oracle::default();
    let load = Load::new(&*engine, PLAN, &oracle);
    let mut all = Vec::new();
    let next = |all: &mut Vec<(PathBuf, Taken)>| -> Result<(), BoxError> {
        let target = dir.join(format!("checkpoint-{}", all.len()));
        let taken = take(&*engine, &oracle, &Checkpoint::new(), &target)?;
        all.push((target, taken));
        Ok(())
    };
    under_load(&load, || {
        for _ in 0..UNDER_LOAD {
            load.wait_for(oracle.acknowledged() + APART);
            next(&mut all)?;
        }
        Ok(())
    })?;
    for _ in 0..2 {
        (0..PLAN.keys / 10).for_each(|_| load.write());
        next(&mut all)?;
    }
    Ok(all)
}

/// Restores a backup, opens it with its engine, and compares every key.
async fn compared(
    repository: &Repository,
    kind: Kind,
    dir: &Path,
    (exam, keys): (Exam, u64),
    (backup, taken): (&Backup, &Taken),
) -> Result<(Exam, u64), Failure> {
    let files = repository.files(backup.id, &ReadOptions::new()).await?;
    let (target, taken) = (dir.join("restored"), taken.clone());
    let work = move || reopened(&files, kind, &target, exam, &taken);
    let (exam, found) = tokio::task::spawn_blocking(work).await??;
    Ok((exam, keys + found))
}

fn reopened(
    files: &RepositoryFs,
    kind: Kind,
    target: &Path,
    mut exam: Exam,
    taken: &Taken,
) -> Result<(Exam, u64), BoxError> {
    let report = verify(files, files.dir(), &VerifyOptions::full())?;
    if !report.is_sound() {
        return Err(report.to_string().into());
    }
    let fs: Arc<dyn Fs> = Arc::new(StdFs);
    files.restore(&fs, target, &Checkpoint::new())?;
    let engine = kind.open(target)?;
    let compared = exam.compare(&*engine, taken.promised(), taken.issued)?;
    drop(engine);
    StdFs.remove_dir_all(target)?;
    Ok((exam, compared.keys))
}
