//! Modes and owners: recorded at once, durable with the sync of their inode.

use std::path::Path;

use lsm_fs::{Fs, FsAbilities, FsExt, FsFile, FsOpenOptions, Permissions, PermissionsSet, SyncMode};
use lsm_fs_mem::{CrashModel, CrashSweep, MemFs, MemFsOptions, Profile, Survives, VolumeOptions};

const NORMAL: SyncMode = SyncMode::Normal;
const OWNED: Permissions = Permissions { mode: 0o640, owner: 7, group: 8 };

fn of(fs: &MemFs, path: &str) -> Permissions {
    fs.metadata(Path::new(path)).unwrap().permissions.unwrap()
}

fn private_dir(fs: &MemFs, path: &str) {
    fs.abilities().and_then(FsAbilities::permissions).unwrap().create_private_dir(Path::new(path)).unwrap();
}

fn set_dir(fs: &MemFs, path: &str, to: Permissions) -> PermissionsSet {
    let ability = fs.abilities().and_then(FsAbilities::permissions).unwrap();
    ability.set_directory_permissions(Path::new(path), &to).unwrap()
}

fn private_file(fs: &MemFs, path: &str) -> Box<dyn FsFile> {
    fs.open(Path::new(path), &FsOpenOptions::new().write(true).create_new(true).private(true)).unwrap()
}

/// Makes a private file and a private directory whose names are durable. Returns the file.
fn made(profile: Profile) -> (MemFs, Box<dyn FsFile>) {
    let fs = MemFsOptions::new().crash_model(profile).build().unwrap();
    private_dir(&fs, "/d");
    let file = private_file(&fs, "/d/f");
    let _ = fs.sync_directory(Path::new("/d"), NORMAL).unwrap();
    let _ = fs.sync_directory(Path::new("/"), NORMAL).unwrap();
    (fs, file)
}

#[test]
fn private_inodes_are_private_in_every_state() {
    for profile in Profile::ALL {
        let (fs, _file) = made(profile);
        let image = fs.crash(Survives::Forced);
        assert_eq!((of(&image, "/d").mode, of(&image, "/d/f").mode), (0o700, 0o600), "{profile}");
    }
    let fs = MemFs::new();
    fs.create_dir(Path::new("/d")).unwrap();
    drop(fs.open(Path::new("/f"), &FsOpenOptions::new().write(true).create_new(true)).unwrap());
    assert_eq!((of(&fs, "/d").mode, of(&fs, "/f").mode), (0o755, 0o644), "as a umask leaves them");
}

#[test]
fn a_mode_is_durable_after_the_sync_of_its_inode() {
    for profile in Profile::ALL {
        // Nothing, the data of the file, the file, the directory.
        for (synced, of_file, of_dir) in
            [("none", 0o600, 0o700), ("data", 0o600, 0o700), ("file", 0o640, 0o700), ("dir", 0o600, 0o750)]
        {
            let (fs, file) = made(profile);
            assert_eq!(file.set_permissions(&OWNED).unwrap(), PermissionsSet::ALL);
            assert_eq!(set_dir(&fs, "/d", OWNED.with_mode(0o750)), PermissionsSet::ALL);
            match synced {
                "data" => file.sync_data(NORMAL).unwrap(),
                "file" => file.sync_all(NORMAL).unwrap(),
                "dir" => drop(fs.sync_directory(Path::new("/d"), NORMAL).unwrap()),
                _ => {}
            }
            assert_eq!((of(&fs, "/d/f"), of(&fs, "/d").mode), (OWNED, 0o750), "in the cache");
            let image = fs.crash(Survives::Forced);
            let found = (of(&image, "/d/f").mode, of(&image, "/d").mode);
            // Named profiles may force more than `Adversarial`, and never less.
            let is_forced = |found: u32, wanted: u32, old: u32| {
                found == wanted || profile != Profile::Adversarial && found != old
            };
            assert!(is_forced(found.0, of_file, 0o600), "{profile}, {synced}: {found:?}");
            assert!(is_forced(found.1, of_dir, 0o700), "{profile}, {synced}: {found:?}");
        }
    }
}

/// A sweep finds both states of a mode that no sync has forced, and one state of a forced mode.
#[test]
fn a_sweep_tries_the_old_and_the_new_mode() {
    for synced in [false, true] {
        let seen = std::sync::Mutex::new(std::collections::BTreeSet::new());
        let report = CrashSweep::new().models([Profile::Adversarial]).run(
            |fs| {
                private_dir(fs, "/d");
                let _ = fs.sync_directory(Path::new("/"), NORMAL)?;
                let _ = set_dir(fs, "/d", OWNED.with_mode(0o750));
                if synced {
                    let _ = fs.sync_directory(Path::new("/d"), NORMAL)?;
                }
                fs.note("set");
                Ok::<_, lsm_fs::Error>(())
            },
            |image, notes| {
                if notes.contains("set") {
                    seen.lock().unwrap().insert(of(image, "/d").mode);
                }
                Ok::<_, String>(())
            },
        );
        report.unwrap();
        let seen: Vec<u32> = seen.into_inner().unwrap().into_iter().collect();
        assert_eq!(seen, if synced { vec![0o750] } else { vec![0o700, 0o750] });
    }
}

/// The description of a failure lists the lost mode of a directory under each profile.
#[test]
fn a_failure_lists_a_lost_mode() {
    for profile in Profile::ALL {
        let result = CrashSweep::new().models([profile]).run(
            |fs| {
                private_dir(fs, "/d");
                fs.sync_volume(Path::new("/"))?;
                let _ = set_dir(fs, "/d", OWNED.with_mode(0o750));
                fs.note("set");
                Ok::<_, lsm_fs::Error>(())
            },
            |image, notes| {
                let is_lost = notes.contains("set") && of(image, "/d").mode == 0o700;
                if is_lost { Err("lost") } else { Ok(()) }
            },
        );
        let error = result.unwrap_err();
        let text = &error.failure().unwrap().explanation;
        let lost = "pending changes that were lost:\n  mode 0750 and owner 7:8 of /d\n";
        assert!(text.contains(lost), "{profile}: {text}");
    }
}

/// The bytes and the mode of a file survive a crash independently of each other.
#[test]
pub(crate) fn a_sweep_tries_each_content_with_each_mode() {
    let (old, new) = ((b"old", 0o600), (b"new", 0o640));
    let mixed = [(b"new", 0o600), (b"new", 0o640), (b"old", 0o600), (b"old", 0o640)];
    for (synced, wanted) in [("none", &mixed[..]), ("data", &mixed[..2]), ("all", &[new])] {
        for profile in Profile::ALL {
            let seen = std::sync::Mutex::new(std::collections::BTreeSet::new());
            let report = CrashSweep::new().models([profile]).run(
                |fs| {
                    let file = private_file(fs, "/f");
                    file.write_at(old.0, 0)?;
                    fs.sync_volume(Path::new("/"))?;
                    file.write_at(new.0, 0)?;
                    let _ = file.set_permissions(&OWNED.with_mode(new.1))?;
                    match synced {
                        "data" => file.sync_data(NORMAL)?,
                        "all" => file.sync_all(NORMAL)?,
                        _ => {}
                    }
                    fs.note("set");
                    Ok::<_, lsm_fs::Error>(())
                },
                |image, notes| {
                    if notes.contains("set") {
                        let bytes = image.read_to_vec(Path::new("/f"), 9).unwrap();
                        seen.lock().unwrap().insert((bytes, of(image, "/f").mode));
                    }
                    Ok::<_, String>(())
                },
            );
            report.unwrap();
            let seen: Vec<_> = seen.into_inner().unwrap().into_iter().collect();
            let is_fsync = profile == Profile::Btrfs && synced == "data";
            let wanted = if is_fsync { &[new] } else { wanted };
            let wanted: Vec<_> = wanted.iter().map(|(bytes, mode)| (bytes.to_vec(), *mode)).collect();
            assert_eq!(seen, wanted, "{profile}, {synced}");
        }
    }
}

/// Creates a private file and a private directory in `/d`. Their names are durable only if `synced` is set.
fn private_pair(fs: &dyn Fs, synced: bool) -> lsm_fs::Result<()> {
    let ability = fs.abilities().and_then(FsAbilities::permissions).unwrap();
    fs.create_dir(Path::new("/d"))?;
    fs.create_dir(Path::new("/e"))?;
    let _ = fs.sync_directory(Path::new("/"), NORMAL)?;
    let private = FsOpenOptions::new().write(true).create_new(true).private(true);
    let file = fs.open(Path::new("/d/tmp"), &private)?;
    file.write_at(b"secret", 0)?;
    file.sync_all(NORMAL)?;
    ability.create_private_dir(Path::new("/d/sub"))?;
    if synced {
        let _ = fs.sync_directory(Path::new("/d"), NORMAL)?;
    }
    Ok(())
}

/// A crash may keep a later name of an inode and lose the name with which it was created. The mode is private under
/// every name.
#[test]
fn private_inodes_are_private_under_every_name() {
    let models = Profile::ALL.map(|profile| CrashModel::new(profile).hostile_rename(true));
    for (synced, models) in
        [false, true].into_iter().flat_map(|s| [(s, models), (s, Profile::ALL.map(CrashModel::new))])
    {
        let names = std::sync::Mutex::new(std::collections::BTreeSet::new());
        let report = CrashSweep::new().models(models).run(
            |fs| {
                private_pair(fs, synced)?;
                fs.note("made");
                fs.hard_link(Path::new("/d/tmp"), Path::new("/e/link"))?;
                fs.rename(Path::new("/d/tmp"), Path::new("/e/a"))?;
                fs.rename(Path::new("/d/sub"), Path::new("/e/sub"))?;
                let _ = fs.sync_directory(Path::new("/e"), NORMAL)?;
                Ok::<_, lsm_fs::Error>(())
            },
            |image, _| {
                for (name, mode) in [
                    ("/d/tmp", 0o600),
                    ("/e/link", 0o600),
                    ("/e/a", 0o600),
                    ("/d/sub", 0o700),
                    ("/e/sub", 0o700),
                ] {
                    if let Ok(found) = image.metadata(Path::new(name)) {
                        names.lock().unwrap().insert(name);
                        let found = found.permissions.unwrap().mode;
                        if found != mode {
                            return Err(format!("{name}: {found:o}"));
                        }
                    }
                }
                Ok(())
            },
        );
        report.unwrap();
        assert_eq!(names.into_inner().unwrap().len(), 5, "names that were met");
    }
}

/// The sync forces a name other than the one with which the inode was created.
#[test]
fn a_forced_name_keeps_the_mode() {
    for (synced, profile) in [false, true].into_iter().flat_map(|s| Profile::ALL.map(|profile| (s, profile)))
    {
        let fs = MemFsOptions::new().crash_model(profile).build().unwrap();
        private_pair(&fs, synced).unwrap();
        fs.hard_link(Path::new("/d/tmp"), Path::new("/e/link")).unwrap();
        fs.rename(Path::new("/d/tmp"), Path::new("/e/a")).unwrap();
        fs.rename(Path::new("/d/sub"), Path::new("/e/sub")).unwrap();
        let _ = fs.sync_directory(Path::new("/e"), NORMAL).unwrap();
        let image = fs.crash(Survives::Forced);
        for (name, mode) in [("/e/link", 0o600), ("/e/a", 0o600), ("/e/sub", 0o700)] {
            assert_eq!(of(&image, name).mode, mode, "{profile}, {synced}, {name}");
        }
    }
}

/// The log of btrfs holds the mode of a new directory on the way to a synced file, and not the names beside it.
#[test]
pub(crate) fn a_logged_ancestor_has_its_mode() {
    let seen = std::sync::Mutex::new(std::collections::BTreeSet::new());
    let report = CrashSweep::new().models([Profile::Btrfs]).run(
        |fs| {
            drop(private_file(fs, "/x"));
            fs.create_dir(Path::new("/d"))?;
            let _ = set_dir(fs, "/d", of(fs, "/d").with_mode(0o750));
            fs.write_new(Path::new("/d/f"), b"", NORMAL)?;
            fs.note("synced");
            Ok::<_, lsm_fs::Error>(())
        },
        |image, notes| {
            if notes.contains("synced") {
                assert!(image.exists(Path::new("/d/f")).unwrap(), "the file was synced");
                seen.lock().unwrap().insert((image.exists(Path::new("/x")).unwrap(), of(image, "/d").mode));
            }
            Ok::<_, String>(())
        },
    );
    report.unwrap();
    let seen = seen.into_inner().unwrap();
    assert!(seen.contains(&(false, 0o750)), "{seen:?}");
}

/// Two states that differ only in the initial access of a file count as two.
#[test]
fn states_that_differ_in_initial_access_are_both_checked() {
    let modes = std::sync::Mutex::new(std::collections::BTreeSet::new());
    let report = CrashSweep::new().run(
        |fs| {
            private_file(fs, "/a").write_at(b"same", 0)?;
            fs.create_dir(Path::new("/d"))?;
            private_dir(fs, "/e");
            fs.sync_volume(Path::new("/"))?;
            fs.note("made");
            fs.write_new(Path::new("/tmp"), b"same", NORMAL)?;
            fs.rename(Path::new("/tmp"), Path::new("/a"))?;
            fs.remove_dir(Path::new("/d"))?;
            fs.rename(Path::new("/e"), Path::new("/d"))?;
            Ok::<_, lsm_fs::Error>(())
        },
        |image, notes| {
            for path in ["/a", "/d"] {
                if notes.contains("made") && image.exists(Path::new(path)).unwrap() {
                    modes.lock().unwrap().insert((path, of(image, path).mode));
                }
            }
            Ok::<_, String>(())
        },
    );
    report.unwrap();
    let modes: Vec<_> = modes.into_inner().unwrap().into_iter().collect();
    assert_eq!(modes, [("/a", 0o600), ("/a", 0o644), ("/d", 0o700), ("/d", 0o755)]);
}

#[test]
fn a_process_without_the_right_to_change_owners() {
    let fs = MemFsOptions::new().root(VolumeOptions::new().keeps_owners(false)).build().unwrap();
    let file = private_file(&fs, "/f");
    assert_eq!(file.set_permissions(&OWNED).unwrap(), PermissionsSet { mode: false, owner: false });
    assert_eq!(of(&fs, "/f"), Permissions { mode: 0o600, owner: 0, group: 0 }, "nothing for another group");
    let in_group = Permissions { group: 0, ..OWNED };
    assert_eq!(file.set_permissions(&in_group).unwrap(), PermissionsSet { mode: true, owner: false });
    assert_eq!(of(&fs, "/f"), Permissions { mode: 0o640, owner: 0, group: 0 });
    private_dir(&fs, "/d");
    assert_eq!(set_dir(&fs, "/d", OWNED.with_mode(0o705)), PermissionsSet { mode: true, owner: false });
    assert_eq!(of(&fs, "/d").mode, 0o705);
    let own = Permissions { mode: 0o4600, owner: 0, group: 0 };
    assert_eq!(file.set_permissions(&own).unwrap(), PermissionsSet::ALL);
    assert_eq!(of(&fs, "/f").mode, 0o600, "without setuid");
}

#[test]
fn a_link_shares_permissions_and_a_clone_does_not() {
    let fs = MemFs::new();
    let file = private_file(&fs, "/f");
    let _ = file.set_permissions(&OWNED).unwrap();
    fs.hard_link(Path::new("/f"), Path::new("/link")).unwrap();
    fs.reflink_file(Path::new("/f"), Path::new("/clone")).unwrap();
    let _ = file.set_permissions(&OWNED.with_mode(0o604)).unwrap();
    assert_eq!(of(&fs, "/link").mode, 0o604);
    assert_eq!(of(&fs, "/clone"), Permissions { mode: 0o600, owner: 0, group: 0 });
}
