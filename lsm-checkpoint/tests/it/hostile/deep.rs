//! Folders that are deeper than the limits for open files and for the length of a path.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use lsm_checkpoint::{Error, Removal, remove, run_checkpoint, sweep};
use lsm_fs::{Fs, FsExt, StdFs, SyncMode};
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};

use super::{
    items::marker,
    world::{MARKER, World},
};

const ORDER: &str = "LSM_CHECKPOINT_DEEP";
const DEPTH: usize = 1_500;
const NORMAL: SyncMode = SyncMode::Normal;

/// Nests folders in a new folder. Their names together are longer than any path may be.
fn nest(top: &Path) {
    StdFs.create_dir(top).unwrap();
    let mut dir = openat(CWD, top, OFlags::DIRECTORY, Mode::empty()).unwrap();
    for level in 0..DEPTH {
        let name = format!("{level:05}");
        mkdirat(&dir, &name, Mode::RWXU).unwrap();
        dir = openat(&dir, &name, OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
}

fn removal_beside_deep_debris(world: &World<StdFs>) {
    nest(&world.staged());
    assert!(remove(&StdFs, &world.target(), NORMAL).unwrap().left.is_empty());
}

fn sweep_of_deep_debris(world: &World<StdFs>) {
    nest(&world.staged());
    let report = sweep(&StdFs, &world.backups(), NORMAL).unwrap();
    assert!(report.failed.is_empty() && report.leftovers == [world.staged()], "{report:?}");
}

fn creation_beside_deep_debris(world: &World<StdFs>) {
    world.clear(&world.target());
    nest(&world.staged());
    run_checkpoint(&world.db(), &StdFs, &world.target()).unwrap();
}

/// Without pointers, the staged directory is searched for files that have not moved.
fn sweep_of_a_marked_target_beside_deep_debris(world: &World<StdFs>) {
    world.put(&world.target().join(MARKER), &marker("publish\n"));
    nest(&world.staged());
    let report = sweep(&StdFs, &world.backups(), NORMAL).unwrap();
    assert!(report.failed.is_empty() && report.leftovers == [world.staged()], "{report:?}");
    assert!(StdFs.exists(&world.target().join("CHECKPOINT")).unwrap());
}

fn removal_of_a_checkpoint_with_a_deep_folder(world: &World<StdFs>) {
    let deep = PathBuf::from("tables/deep");
    nest(&world.target().join(&deep));
    let refused = remove(&StdFs, &world.target(), NORMAL).unwrap_err();
    assert!(matches!(&refused, Error::Stranger { path, .. } if *path == deep), "{refused:?}");
    let report = Removal::new().force(true).run(&StdFs, &world.target()).unwrap();
    assert_eq!(report.left, std::slice::from_ref(&deep));
    StdFs.remove_dir_all(&world.target().join(deep)).unwrap();
}

/// Runs in the child process. Without the environment variable there is nothing to do.
#[test]
fn nest_if_asked() {
    if std::env::var_os(ORDER).is_none() {
        return;
    }
    for call in [
        removal_beside_deep_debris,
        sweep_of_deep_debris,
        creation_beside_deep_debris,
        sweep_of_a_marked_target_beside_deep_debris,
        removal_of_a_checkpoint_with_a_deep_folder,
    ] {
        let (_dir, world) = World::on_the_host();
        call(&world);
        assert!(!StdFs.exists(&world.staged()).unwrap());
    }
}

#[test]
fn deep_folders_need_few_descriptors() {
    let child = Command::new("sh")
        .args(["-c", "ulimit -n 64 && exec \"$0\" --exact hostile::deep::nest_if_asked --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .env(ORDER, "")
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
}
