//! Inputs that made an attack delete, read or write outside.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{
    CheckpointDir, CheckpointState, Error, Removal, VerifyOptions, list, remove, restore, run_checkpoint,
    sweep, verify,
};
use lsm_fs::{Fs, FsExt, SyncMode};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    on_both,
    place::Place,
    world::{MARKER, World},
};
use crate::tweak::Tweak;

const NORMAL: SyncMode = SyncMode::Normal;

/// Returns the bytes of a marker with a valid checksum.
pub(crate) fn marker(lines: &str) -> Vec<u8> {
    format!("{:032x}\n{lines}", xxh3_128(lines.as_bytes())).into_bytes()
}

fn read(fs: &dyn Fs, path: &Path) -> Vec<u8> {
    fs.read_to_vec(path, 1 << 20).unwrap()
}

/// A target that looks like debris, with a folder that is a link to a live database.
fn a_marker_that_points_through_a_link<P: Place>(world: &World<P>) {
    let (fs, target, live) = (&world.fs, world.target(), world.backups().join("live-db"));
    world.put(&live.join("CURRENT"), b"live");
    for lines in ["remove\nusers/CURRENT\n", "publish\nusers/CURRENT\n"] {
        world.clear(&target);
        world.clear(&world.staged());
        fs.create_dir(&target).unwrap();
        fs.create_dir(&world.staged()).unwrap();
        fs.link(Path::new("../live-db"), &target.join("users"));
        world.put(&target.join(MARKER), &marker(lines));
        let report = sweep(fs, &world.backups(), NORMAL).unwrap();
        assert!(matches!(&report.failed[..], [(path, Error::Fs(_))] if *path == target), "{report:?}");
        assert!(report.cleared.is_empty(), "{report:?}");
        assert_eq!(read(fs, &live.join("CURRENT")), b"live");
        let refused = run_checkpoint(&world.db(), fs, &target);
        assert!(matches!(refused, Err(Error::Fs(_))), "{refused:?}");
        assert_eq!(read(fs, &live.join("CURRENT")), b"live");
    }
}

/// A staged directory whose target would be the swept directory itself.
fn a_staged_name_that_means_the_directory_itself<P: Place>(world: &World<P>) {
    let (fs, backups) = (&world.fs, world.backups());
    for name in ["...checkpoint-staged", "....checkpoint-staged"] {
        fs.create_dir(&backups.join(name)).unwrap();
    }
    world.put(&backups.join(MARKER), &marker("remove\n"));
    let before = world.see_outside();
    let report = sweep(fs, &backups, NORMAL).unwrap();
    assert!(report.cleared.is_empty() && report.failed.is_empty(), "{report:?}");
    before.compare(&world.see_outside(), Some(&Default::default())).unwrap();
    assert!(verify(fs, &world.target(), &VerifyOptions::full()).unwrap().is_sound());
}

/// Directories with an entry that has the name of a catalog but is not one.
fn a_removal_of_other_directories<P: Place>(world: &World<P>) {
    let (fs, dir) = (&world.fs, world.backups().join("project"));
    let thesis = dir.join("thesis");
    let refused = |what: &str| {
        world.put(&thesis, b"years of work");
        let refusal = remove(fs, &dir, NORMAL);
        assert!(refusal.is_err() && fs.exists(&dir.join("CHECKPOINT")).unwrap(), "{what}: {refusal:?}");
        let forced = Removal::new().force(true).run(fs, &dir);
        assert_eq!(read(fs, &thesis), b"years of work", "{what}: {forced:?}");
        world.clear(&dir);
    };
    fs.create_dir_all(&dir.join("CHECKPOINT")).unwrap();
    refused("a folder");
    fs.create_dir(&dir).unwrap();
    assert!(fs.special(lsm_fs_mem::SpecialFile::Pipe, &dir.join("CHECKPOINT")));
    refused("a pipe");
    for text in ["", "remember the milk"] {
        world.put(&dir.join("CHECKPOINT"), text.as_bytes());
        refused("a text");
    }
}

/// A folder of tables that is a link to another folder.
fn a_folder_of_tables_that_is_a_link<P: Place>(world: &World<P>) {
    let (fs, target) = (&world.fs, world.target());
    let other = world.backups().parent().unwrap().join("other");
    fs.rename(&target.join("tables"), &other).unwrap();
    fs.link(&other, &target.join("tables"));
    let listed = list(fs, &world.backups()).unwrap();
    let found = listed.iter().find(|found| found.name == "t").unwrap();
    assert!(!matches!(found.state, CheckpointState::Complete), "{found:?}");
    assert!(!verify(fs, &target, &VerifyOptions::quick()).is_ok_and(|report| report.is_sound()));
    let checkpoint = CheckpointDir::open(Arc::new(fs.clone()), &target).unwrap();
    assert!(restore(&checkpoint, fs, &world.made()).is_err());
    let links = lsm_checkpoint::Checkpoint::new().policy(lsm_checkpoint::Policy::LinkOnly);
    assert!(links.restore(&checkpoint, fs, &world.made()).is_err());
    assert!(!fs.exists(&world.made()).unwrap());
    assert_eq!(fs.hard_link_count(&other.join("1")).unwrap(), Some(1));
}

/// A tree folder that is a link to a database, during a removal file by file.
fn a_removal_in_place_through_a_link<P: Place>(world: &World<P>) {
    let (fs, target) = (&world.fs, world.target());
    let other = world.backups().parent().unwrap().join("engine");
    fs.rename(&target.join("users"), &other).unwrap();
    fs.link(&other, &target.join("users"));
    world.put(&other.join("CURRENT"), b"7");
    let names = crate::db::all_files(fs, &other, Path::new("")).unwrap();
    let in_place = Tweak::new(fs.clone()).without_directory_renames();
    for removal in [Removal::new(), Removal::new().force(true)] {
        let result = removal.run(&in_place, &target);
        assert!(result.as_ref().is_ok_and(|report| !report.left.is_empty()) || result.is_err(), "{result:?}");
        assert_eq!(crate::db::all_files(fs, &other, Path::new("")).unwrap(), names, "{result:?}");
    }
}

/// A catalog that is a link to another catalog.
fn a_catalog_that_is_a_link<P: Place>(world: &World<P>) {
    let (fs, target) = (&world.fs, world.target());
    let other = world.backups().parent().unwrap().join("catalog");
    fs.rename(&target.join("CHECKPOINT"), &other).unwrap();
    fs.link(&other, &target.join("CHECKPOINT"));
    let is_none = |error: Error| matches!(error, Error::NotACheckpoint { .. });
    assert!(list(fs, &world.backups()).unwrap().iter().all(|found| found.name != "t"));
    assert!(is_none(verify(fs, &target, &VerifyOptions::quick()).unwrap_err()));
    assert!(is_none(CheckpointDir::open(Arc::new(fs.clone()), &target).unwrap_err()));
    assert!(is_none(remove(fs, &target, NORMAL).unwrap_err()));
    assert!(is_none(Removal::new().force(true).run(fs, &target).unwrap_err()));
    assert!(fs.exists(&other).unwrap() && fs.exists(&target.join("tables/1")).unwrap());
}

on_both! {
    a_marker_that_points_through_a_link
    a_staged_name_that_means_the_directory_itself
    a_removal_of_other_directories
    a_folder_of_tables_that_is_a_link
    a_removal_in_place_through_a_link
    a_catalog_that_is_a_link
}
