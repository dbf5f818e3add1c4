//! Modes and owners. A checkpoint keeps the source's, and never allows more on the way.

#[cfg(target_os = "linux")]
mod host;
#[cfg(target_os = "linux")]
mod umask;
mod watch;

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{Catalog, Checkpoint, CheckpointDir, Error, Policy, RestoredOwner, restore};
use lsm_fs::{Fs, FsAbilities, FsOpenOptions, Permissions};
use lsm_fs_mem::{MemFs, VolumeOptions};

use crate::{
    create::{DIR, TARGET, mem_db, two_volumes},
    db::Db,
};

const OWNED: Permissions = Permissions { mode: 0o600, owner: 7, group: 8 };

/// Gives a file other permissions, as another process would.
fn set(fs: &dyn Fs, path: &str, to: Permissions) {
    let _ =
        fs.open(Path::new(path), &FsOpenOptions::new().write(true)).unwrap().set_permissions(&to).unwrap();
}

fn set_dir(fs: &dyn Fs, path: &str, to: Permissions) {
    let ability = fs.abilities().and_then(FsAbilities::permissions).unwrap();
    let _ = ability.set_directory_permissions(Path::new(path), &to).unwrap();
}

fn of(fs: &dyn Fs, path: &str) -> Permissions {
    fs.symlink_metadata(Path::new(path)).unwrap().permissions.unwrap()
}

/// Turns the database into one of another user that no other user may read.
fn owned(fs: &MemFs) {
    set_dir(fs, DIR, OWNED.with_mode(0o700));
    set_dir(fs, "/db/tables", OWNED.with_mode(0o2770));
    set_dir(fs, "/db/blobs", OWNED.with_mode(0o700));
    for file in ["/db/tables/1", "/db/tables/2", "/db/blobs/1", "/db/log"] {
        set(fs, file, OWNED);
    }
    fs.settle();
}

#[test]
fn every_method_keeps_mode_and_owner() {
    for policy in [Policy::LinkOnly, Policy::PreferLink, Policy::PreferReflink, Policy::Independent] {
        let (fs, db) = mem_db(&[""]);
        owned(&fs);
        let info = Checkpoint::new().policy(policy).create(&db, &fs, Path::new(TARGET)).unwrap();
        assert_eq!((info.modes_not_kept, info.owners_not_kept), (0, 0), "{policy:?}");
        for file in ["tables/1", "blobs/1", "logs/log", "OPTIONS", "v7", "current", "CHECKPOINT"] {
            assert_eq!(of(&fs, &format!("{TARGET}/{file}")), OWNED, "{policy:?}, {file}");
        }
        assert_eq!(of(&fs, TARGET), OWNED.with_mode(0o700));
        assert_eq!(of(&fs, "/checkpoint/tables"), OWNED.with_mode(0o770), "without setgid");
        assert_eq!(of(&fs, "/db/tables/1"), OWNED, "the source");
    }
}

/// The backup volume cannot keep the owner. The catalog records it, and a restore by root gives it back.
#[test]
fn an_owner_that_is_refused_is_reported_and_restored() {
    let (fs, db) = two_volumes(VolumeOptions::new().keeps_owners(false));
    owned(&fs);
    let target = Path::new("/backup/daily");
    let info = Checkpoint::new().create(&db, &fs, target).unwrap();
    let catalog = Catalog::read(&fs, target).unwrap();
    let made = catalog.files.len() as u64 + 1 + catalog.attributes.len() as u64;
    assert_eq!((info.modes_not_kept, info.owners_not_kept), (1, made), "all files, and the directories");
    assert_eq!(of(&fs, "/backup/daily/tables/1"), Permissions { owner: 0, group: 0, ..OWNED });
    let tables = Permissions { mode: 0o700, owner: 0, group: 0 };
    assert_eq!(of(&fs, "/backup/daily/tables"), tables, "no rights for another group");

    let checkpoint = CheckpointDir::open(Arc::new(fs.clone()), target).unwrap();
    let info = restore(&checkpoint, &fs, Path::new("/restored")).unwrap();
    assert_eq!((info.modes_not_kept, info.owners_not_kept), (0, 0));
    for file in ["tables/1", "blobs/1", "logs/log", "OPTIONS", "v7", "current"] {
        assert_eq!(of(&fs, &format!("/restored/{file}")), OWNED, "{file}");
    }
    assert_eq!(of(&fs, "/restored"), OWNED.with_mode(0o700));
    assert_eq!(of(&fs, "/restored/tables"), OWNED.with_mode(0o770));
}

/// The owner of the source has no account on the host of the restore.
#[test]
fn a_restore_gives_everything_to_the_requested_owner() {
    let (fs, db) = mem_db(&[""]);
    owned(&fs);
    Checkpoint::new().policy(Policy::Independent).create(&db, &fs, Path::new(TARGET)).unwrap();
    let checkpoint = CheckpointDir::open(Arc::new(fs.clone()), TARGET).unwrap();
    for (owner, expected) in
        [(RestoredOwner::Given { owner: 70, group: 80 }, (70, 80)), (RestoredOwner::OfProcess, (0, 0))]
    {
        let options = Checkpoint::new().policy(Policy::Independent).restored_owner(owner);
        let info = options.restore(&checkpoint, &fs, Path::new("/restored")).unwrap();
        assert_eq!((info.modes_not_kept, info.owners_not_kept), (0, 0), "{owner:?}");
        for made in
            ["", "tables", "blobs", "logs", "tables/1", "blobs/1", "logs/log", "OPTIONS", "v7", "current"]
        {
            let found = of(&fs, &format!("/restored/{made}"));
            assert_eq!((found.owner, found.group), expected, "{owner:?}, {made}");
        }
        assert_eq!(of(&fs, "/restored/tables/1").mode, 0o600);
        fs.remove_dir_all(Path::new("/restored")).unwrap();
    }
    let options = Checkpoint::new().policy(Policy::Independent);
    let options = options.restored_owner(RestoredOwner::Given { owner: 70, group: 80 });
    options.create(&db, &fs, Path::new("/second")).unwrap();
    assert_eq!(of(&fs, "/second/tables/1"), OWNED, "a checkpoint keeps the source's");
}

/// A restore is useless if the engine's user cannot open the files, so a refused owner is detected before any file is
/// made.
#[test]
fn a_refused_owner_fails_a_restore() {
    let (fs, db) = two_volumes(VolumeOptions::new().keeps_owners(false));
    Checkpoint::new().create(&db, &fs, Path::new(TARGET)).unwrap();
    let checkpoint = CheckpointDir::open(Arc::new(fs.clone()), TARGET).unwrap();
    let options = Checkpoint::new().restored_owner(RestoredOwner::Given { owner: 70, group: 80 });
    let refused = options.restore(&checkpoint, &fs, Path::new("/backup/live")).unwrap_err();
    assert!(matches!(refused, Error::OwnerRefused { owner: 70, group: 80, .. }), "{refused}");
    assert!(fs.read_dir(Path::new("/backup")).unwrap().is_empty(), "nothing is left");
}

/// A link is the source's inode. The catalog does not record its mode, so the mode comes from the file itself.
#[test]
fn attributes_missing_in_the_catalog_come_from_the_file() {
    let (fs, db) = mem_db(&[""]);
    Checkpoint::new().policy(Policy::LinkOnly).create(&db, &fs, Path::new(TARGET)).unwrap();
    let catalog = Catalog::read(&fs, Path::new(TARGET)).unwrap();
    let table = catalog.files.iter().find(|file| file.name == "1").unwrap();
    assert_eq!(table.attributes.mode, None);
    set(&fs, "/checkpoint/tables/1", OWNED);
    let checkpoint = CheckpointDir::open(Arc::new(fs.clone()), TARGET).unwrap();
    restore(&checkpoint, &fs, Path::new("/restored")).unwrap();
    assert_eq!(of(&fs, "/restored/tables/1"), OWNED);
    assert_eq!(of(&fs, "/restored/tables/2").mode, 0o640);
}

/// Another process has made the checkpoint accessible to all users. A restore uses the modes in the catalog.
#[test]
fn attributes_of_the_catalog_take_precedence() {
    let (fs, db) = mem_db(&[""]);
    Checkpoint::new().policy(Policy::Independent).create(&db, &fs, Path::new(TARGET)).unwrap();
    for file in ["tables/1", "OPTIONS"] {
        set(&fs, &format!("{TARGET}/{file}"), Permissions { mode: 0o666, owner: 1, group: 1 });
    }
    set_dir(&fs, TARGET, Permissions { mode: 0o777, owner: 1, group: 1 });
    let checkpoint = CheckpointDir::open(Arc::new(fs.clone()), TARGET).unwrap();
    restore(&checkpoint, &fs, Path::new("/restored")).unwrap();
    let root = Permissions { mode: 0o640, owner: 0, group: 0 };
    assert_eq!((of(&fs, "/restored/tables/1"), of(&fs, "/restored/OPTIONS")), (root, root));
    assert_eq!(of(&fs, "/restored"), root.with_mode(0o750));
}

/// The owner cannot write to the directory of the source. The checkpoint is made all the same.
#[test]
fn the_owner_can_always_use_a_directory() {
    let (fs, db): (MemFs, Db) = mem_db(&[""]);
    set_dir(&fs, DIR, OWNED.with_mode(0o050));
    Checkpoint::new().create(&db, &fs, Path::new(TARGET)).unwrap();
    assert_eq!(of(&fs, TARGET).mode, 0o750);
    assert_eq!(of(&fs, "/checkpoint/CHECKPOINT").mode, 0o640);
}
