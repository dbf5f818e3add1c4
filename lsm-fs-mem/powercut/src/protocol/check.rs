//! The check of a state: absent or complete, present after `Ok`, the source unharmed, and the next call succeeds.

use std::{fs, path::Path, sync::Arc};

use lsm_checkpoint::{CATALOG_FILE, CheckpointDir, Error, remove, restore, run_checkpoint, sweep};
use lsm_fs::{Fs, FsExt, StdFs, SyncMode};

use super::case::{Case, db, parent, restored, target};
use crate::db::all_files;

const NORMAL: SyncMode = SyncMode::Normal;

/// Checks a recovered disk. `promised` is set if the call had returned `Ok`.
pub(super) fn check(case: Case, root: &Path, promised: bool) -> Result<(), String> {
    let (db, target) = (db(root), target(root));
    db.check_source(&StdFs).map_err(|bad| format!("source: {bad}")).map_err(|bad| short(&bad, root))?;
    let complete = db.check_target(&StdFs, &target).map_err(|bad| short(&format!("target: {bad}"), root))?;
    let is_there = match case {
        Case::Restore => {
            if !complete {
                return Err("the checkpoint is gone".to_owned());
            }
            is_restored(root).map_err(|bad| short(&format!("restored: {bad}"), root))?
        }
        _ => complete,
    };
    match case {
        Case::Link | Case::Clone | Case::Copy | Case::Restore if promised && !is_there => {
            return Err("absent after Ok".to_owned());
        }
        Case::Remove if promised && is_there => return Err("back after Ok".to_owned()),
        Case::Sweep if is_there => return Err("complete, though it was never published".to_owned()),
        Case::Sweep | Case::Remove if promised && !hidden(root).is_empty() => {
            return Err("debris after Ok".to_owned());
        }
        _ => {}
    }
    check_next_calls(case, root).map_err(|bad| short(&format!("afterwards: {bad}"), root))
}

/// Returns `Ok(false)` if the restored directory is absent, and `Ok(true)` if it equals the checkpoint.
fn is_restored(root: &Path) -> Result<bool, String> {
    let (from, to) = (target(root), restored(root));
    if !to.exists() {
        return Ok(false);
    }
    let files = |dir: &Path| all_files(&StdFs, dir, Path::new("")).map_err(|e| e.to_string());
    let mut expected = files(&from)?;
    expected.remove(Path::new(CATALOG_FILE));
    if files(&to)? != expected {
        return Err("names differ".to_owned());
    }
    for file in expected {
        let read = |dir: &Path| StdFs.read_to_vec(&dir.join(&file), 1 << 20).map_err(|e| e.to_string());
        if read(&from)? != read(&to)? {
            return Err(format!("{} differs", file.display()));
        }
    }
    Ok(true)
}

fn hidden(root: &Path) -> Vec<String> {
    let entries = fs::read_dir(parent(root)).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with('.')).collect()
}

/// Runs a sweep, and then repeats the call.
fn check_next_calls(case: Case, root: &Path) -> Result<(), String> {
    let (fs, db, target) = (&StdFs as &dyn Fs, db(root), target(root));
    let _report = sweep(fs, &parent(root), NORMAL).map_err(|e| format!("sweep: {e}"))?;
    if !hidden(root).is_empty() {
        return Err(format!("{:?} is left by the sweep", hidden(root)));
    }
    match case {
        Case::Restore => {
            let from = CheckpointDir::open(Arc::new(StdFs), &target).map_err(|e| e.to_string())?;
            match restore(&from, fs, &restored(root)) {
                Ok(_) | Err(Error::TargetExists { .. }) => {}
                Err(e) => return Err(format!("retry: {e}")),
            }
            if !is_restored(root)? {
                return Err("the retry left nothing".to_owned());
            }
        }
        Case::Remove => {
            if target.exists() {
                remove(fs, &target, NORMAL).map_err(|e| format!("retry: {e}"))?;
            }
            if target.exists() || !hidden(root).is_empty() {
                return Err("the retry left something".to_owned());
            }
        }
        Case::Link | Case::Clone | Case::Copy | Case::Sweep => {
            match run_checkpoint(&db, fs, &target) {
                Ok(_) | Err(Error::TargetExists { .. }) => {}
                Err(e) => return Err(format!("retry: {e}")),
            }
            if !db.check_target(fs, &target)? {
                return Err("the retry left nothing".to_owned());
            }
        }
    }
    db.check_source(fs)
}

/// Removes the mount point from a text, so that equal faults have equal descriptions.
fn short(text: &str, root: &Path) -> String {
    text.replace(&format!("{}/", root.display()), "")
}
