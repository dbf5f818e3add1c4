//! Volumes in memory in the place of a checkpoint's folder. Mounts on the host are among the generated nodes. Volumes
//! in memory exist from the start, so each call gets a new filesystem.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use lsm_checkpoint::{Error, Removal, VerifyOptions, remove, verify};
use lsm_fs::{FsExt, SyncMode};
use lsm_fs_mem::{MemFsOptions, VolumeOptions};

use super::{
    hooked::Hooked,
    nodes::Spot,
    seen::Seen,
    verbs::{Before, Verb},
    watched::watched,
    world::{STAGED, World},
};

const SPOTS: [Spot; 6] =
    [Spot::Backup, Spot::Target, Spot::Staged, Spot::Tables, Spot::Tree, Spot::TreeTables];

/// Makes a call on a directory that contains a volume. The files of the volume match the checkpoint.
fn on_a_volume(spot: Spot, verb: Verb, plainly: bool) -> Result<(), String> {
    let at = Path::new("/w/backups").join(spot.path());
    let fs = MemFsOptions::new().volume(&at, VolumeOptions::default()).build().unwrap();
    let world = World::new(fs, PathBuf::from("/w"));
    if spot == Spot::Backup || spot == Spot::Staged {
        world.put_all(&at, world.files());
    } else {
        world.fs.create_dir_all(&world.backups().join(STAGED)).unwrap();
    }
    let see = || {
        let mut seen = Seen::default();
        seen.add(&world.fs, &at, Path::new(""));
        seen
    };
    let (before, volume) = (Before::of(&world, &[], spot == Spot::Target), see());
    let observer = before.observer(|_| ());
    let view = Hooked::new(world.fs.clone(), observer.clone()).resolving_plainly(plainly);
    let result = before.call(&world, &view, &observer, verb)?;
    let is_read_only = spot == Spot::Target && !verb.changes_backups();
    volume.compare(&see(), (!is_read_only).then_some(&Default::default()))?;
    let is_restore = matches!(verb, Verb::RestoreCopies | Verb::RestoreLinks);
    let is_inside = matches!(spot, Spot::Tables | Spot::Tree | Spot::TreeTables);
    // A salvage leaves the other tree out.
    let is_salvage = matches!(verb, Verb::Salvage | Verb::SalvageListed) && spot == Spot::Tables;
    if (is_restore && is_inside || is_salvage) && result.is_ok() {
        return Err("it is restored from another volume".to_owned());
    }
    Ok(())
}

fn harm(plainly: bool, step: &dyn Fn(String)) -> Vec<String> {
    let mut harm = Vec::new();
    for spot in SPOTS {
        for verb in Verb::ALL {
            let what = format!("{verb:?}, a volume at {spot:?}");
            step(what.clone());
            harm.extend(on_a_volume(spot, verb, plainly).err().map(|found| format!("{what}: {found}")));
        }
    }
    harm
}

/// A volume in the place of a folder is not a part of the checkpoint, so it stays, and the rest can still be removed.
#[test]
fn a_removal_names_a_volume_in_the_place_of_a_folder() {
    for (spot, left) in [(Spot::Tables, "tables"), (Spot::Tree, "users"), (Spot::TreeTables, "users/tables")]
    {
        let at = Path::new("/w/backups").join(spot.path());
        let fs = MemFsOptions::new().volume(&at, VolumeOptions::default()).build().unwrap();
        let world = World::new(fs, PathBuf::from("/w"));
        let names = || crate::db::all_files(&world.fs, &at, Path::new("")).unwrap();
        let (before, left) = (names(), PathBuf::from(left));
        let refused = remove(&world.fs, &world.target(), SyncMode::Normal).unwrap_err();
        assert!(matches!(&refused, Error::Stranger { path, .. } if *path == left), "{refused:?}");
        let report = Removal::new().force(true).run(&world.fs, &world.target()).unwrap();
        assert_eq!(report.left, [left]);
        assert_eq!(names(), before);
        assert!(!world.fs.exists(&world.target().join("CHECKPOINT")).unwrap());
    }
}

/// The removal has changed nothing, so its error does not speak of debris.
#[test]
fn a_removal_beside_a_volume_with_the_staged_name_changes_nothing() {
    let at = Path::new("/w/backups").join(STAGED);
    let fs = MemFsOptions::new().volume(&at, VolumeOptions::default()).build().unwrap();
    let world = World::new(fs, PathBuf::from("/w"));
    let refused = remove(&world.fs, &world.target(), SyncMode::Normal).unwrap_err();
    assert!(matches!(&refused, Error::Fs(e) if e.kind() == ErrorKind::CrossesDevices), "{refused:?}");
    assert!(verify(&world.fs, &world.target(), &VerifyOptions::full()).unwrap().is_sound());
}

#[test]
fn no_call_enters_another_volume() {
    watched(|step| {
        let harm = harm(false, step);
        assert!(harm.is_empty(), "{harm:#?}");
    });
}

#[test]
fn plain_resolution_enters_other_volumes() {
    watched(|step| {
        let harm = harm(true, step);
        println!("{harm:#?}");
        assert!(harm.len() >= 5, "{harm:#?}");
    });
}
