//! Bugs that a simulator with one dirty flag per file cannot find. Each test finds the bug while a sync is missing, and
//! finds none when the sync is added.

use std::path::Path;

use lsm_fs::{Fs, FsExt, FsFile, FsOpenOptions, Result, SyncMode, errno::EIO};
use lsm_fs_mem::{CrashModel, CrashSweep, DirtyPages, MemFs, Notes, Profile, SweepError, SweepReport};

const NORMAL: SyncMode = SyncMode::Normal;

fn sync(fs: &dyn Fs, dir: &str) -> Result<()> {
    fs.sync_directory(Path::new(dir), NORMAL).map(drop)
}

fn write(fs: &dyn Fs, path: &str, bytes: &[u8]) -> Result<Box<dyn FsFile>> {
    let file = fs.open(Path::new(path), &FsOpenOptions::new().write(true).create(true))?;
    file.write_at(bytes, 0)?;
    Ok(file)
}

fn read(fs: &dyn Fs, path: &str) -> Option<Vec<u8>> {
    fs.read_to_vec(Path::new(path), 1 << 20).ok()
}

fn has(fs: &dyn Fs, path: &str) -> bool {
    fs.exists(Path::new(path)).unwrap()
}

/// Creates a filesystem in which `/db/old` holds durable rows.
fn prepared() -> MemFs {
    let fs = MemFs::new();
    fs.create_dir(Path::new("/db")).unwrap();
    write(&fs, "/db/old", b"rows").unwrap();
    fs.settle();
    fs
}

fn sweep(
    model: impl Into<CrashModel>,
    workload: impl FnMut(&MemFs) -> Result<()>,
    check: impl FnMut(&MemFs, &Notes) -> std::result::Result<(), String>,
) -> std::result::Result<SweepReport, SweepError> {
    CrashSweep::new().start_from(&prepared()).models([model.into()]).run(workload, check)
}

fn finds(result: std::result::Result<SweepReport, SweepError>, what: &str) {
    let error = result.expect_err("the bug was not found");
    let failure = error.failure().unwrap_or_else(|| panic!("{error}"));
    assert_eq!(failure.message, what, "{error}");
}

fn ok_if(condition: bool, what: &str) -> std::result::Result<(), String> {
    if condition { Ok(()) } else { Err(what.to_owned()) }
}

#[test]
fn a_hard_link_lost_beside_a_durable_pointer() {
    let run = |sync_links: bool| {
        sweep(
            Profile::Adversarial,
            |fs| {
                fs.create_dir(Path::new("/copy"))?;
                fs.create_dir(Path::new("/copy/tables"))?;
                fs.hard_link(Path::new("/db/old"), Path::new("/copy/tables/old"))?;
                if sync_links {
                    sync(fs, "/copy/tables")?;
                }
                write(fs, "/copy/current", b"v1")?.sync_all(NORMAL)?;
                sync(fs, "/copy")?;
                sync(fs, "/")?;
                fs.note("copied");
                Ok(())
            },
            |image, notes| {
                ok_if(!notes.contains("copied") || has(image, "/copy/current"), "pointer lost")?;
                let linked = read(image, "/copy/tables/old").as_deref() == Some(b"rows");
                ok_if(!notes.contains("copied") || linked, "link lost")
            },
        )
    };
    finds(run(false), "link lost");
    run(true).unwrap();
}

#[test]
fn a_removal_that_persists_before_its_replacement() {
    let run = |sync_first: bool| {
        sweep(
            Profile::Adversarial,
            |fs| {
                write(fs, "/db/new", b"rows and more")?.sync_all(NORMAL)?;
                if sync_first {
                    sync(fs, "/db")?;
                }
                fs.note("compacted");
                fs.remove_file(Path::new("/db/old"))
            },
            |image, _| {
                let whole = read(image, "/db/new").as_deref() == Some(b"rows and more");
                ok_if(has(image, "/db/old") || whole, "both gone")
            },
        )
    };
    finds(run(false), "both gone");
    run(true).unwrap();
}

#[test]
fn a_rename_that_keeps_both_names_or_neither() {
    let hostile = CrashModel::new(Profile::Adversarial).hostile_rename(true);
    let run = |model: CrashModel, wrong: fn(bool, bool) -> bool, sync_it: bool| {
        sweep(
            model,
            |fs| {
                fs.rename(Path::new("/db/old"), Path::new("/db/renamed"))?;
                if sync_it {
                    sync(fs, "/db")?;
                }
                fs.note("renamed");
                write(fs, "/db/later", b"x").map(drop)
            },
            |image, notes| {
                let wrong = wrong(has(image, "/db/old"), has(image, "/db/renamed"));
                ok_if(!notes.contains("renamed") || !wrong, "split")
            },
        )
    };
    finds(run(hostile, |old, new| old && new, false), "split");
    finds(run(hostile, |old, new| !old && !new, false), "split");
    run(hostile, |old, new| old || !new, true).unwrap();
    run(Profile::Adversarial.into(), |old, new| old == new, false).unwrap();
}

#[test]
fn a_file_of_zeros_at_full_length() {
    let run = |profile: Profile, sync_data: bool| {
        sweep(
            profile,
            |fs| {
                let file = write(fs, "/db/tmp", &[7; 2000])?;
                if sync_data {
                    file.sync_all(NORMAL)?;
                }
                fs.rename(Path::new("/db/tmp"), Path::new("/db/new"))?;
                sync(fs, "/db")?;
                fs.note("renamed");
                Ok(())
            },
            |image, _| ok_if(read(image, "/db/new") != Some(vec![0; 2000]), "zeros"),
        )
    };
    finds(run(Profile::Adversarial, false), "zeros");
    finds(run(Profile::Ext4, false), "zeros");
    finds(run(Profile::Btrfs, false), "zeros");
    // XFS sets the length after the data is written.
    run(Profile::Xfs, false).unwrap();
    run(Profile::Adversarial, true).unwrap();
    run(Profile::Ext4, true).unwrap();
}

#[test]
fn a_failed_sync_followed_by_one_that_succeeds() {
    let run = |retry: bool| {
        sweep(
            Profile::Adversarial,
            |fs| {
                fs.fail_next_sync(Path::new("/db/new"), EIO, DirtyPages::Dropped);
                let first = write(fs, "/db/new", b"first")?;
                assert_eq!(first.sync_all(NORMAL).unwrap_err().raw_os_error(), Some(EIO));
                assert!(first.sync_all(NORMAL).unwrap_err().is_poisoned());
                assert_eq!(read(fs, "/db/new").as_deref(), Some(&b"first"[..]), "the cache shows it");
                if retry {
                    // The contract forbids this: syncing through another handle, which reports success.
                    fs.open(Path::new("/db/new"), &FsOpenOptions::new().write(true))?.sync_all(NORMAL)?;
                } else {
                    // The contract requires this: discard the file and write its contents to a new one.
                    fs.remove_file(Path::new("/db/new"))?;
                    write(fs, "/db/new", b"first")?.sync_all(NORMAL)?;
                }
                sync(fs, "/db")?;
                fs.note("stored");
                write(fs, "/db/later", b"x").map(drop)
            },
            |image, notes| {
                let stored = read(image, "/db/new").as_deref() == Some(b"first");
                ok_if(!notes.contains("stored") || stored, "acknowledged and gone")
            },
        )
    };
    finds(run(true), "acknowledged and gone");
    run(false).unwrap();
}

#[test]
fn links_synced_only_through_the_parent() {
    let run = |profile: Profile, sync_links: bool| {
        sweep(
            profile,
            |fs| {
                fs.create_dir(Path::new("/db/copy"))?;
                fs.hard_link(Path::new("/db/old"), Path::new("/db/copy/old"))?;
                write(fs, "/db/copy/current", b"v1")?.sync_all(NORMAL)?;
                if sync_links {
                    sync(fs, "/db/copy")?;
                }
                sync(fs, "/db")?;
                fs.note("copied");
                write(fs, "/db/later", b"x").map(drop)
            },
            |image, notes| ok_if(!notes.contains("copied") || has(image, "/db/copy/old"), "link lost"),
        )
    };
    finds(run(Profile::Adversarial, false), "link lost");
    finds(run(Profile::Btrfs, false), "link lost");
    run(Profile::Ext4, false).unwrap();
    for profile in Profile::ALL {
        run(profile, true).unwrap();
    }
}

#[test]
fn a_directory_lost_with_its_synced_contents() {
    let run = |sync_parent: bool| {
        sweep(
            Profile::Adversarial,
            |fs| {
                fs.create_dir(Path::new("/db/new"))?;
                write(fs, "/db/new/table", b"rows")?.sync_all(NORMAL)?;
                sync(fs, "/db/new")?;
                if sync_parent {
                    sync(fs, "/db")?;
                }
                fs.note("stored");
                write(fs, "/db/later", b"x").map(drop)
            },
            |image, notes| ok_if(!notes.contains("stored") || has(image, "/db/new/table"), "lost"),
        )
    };
    finds(run(false), "lost");
    run(true).unwrap();
}

#[test]
fn a_sector_torn_in_the_middle_of_its_write() {
    let torn = CrashModel::new(Profile::Adversarial).torn_sector(true);
    let run = |model: CrashModel| {
        sweep(
            model,
            |fs| {
                fs.note("overwriting");
                write(fs, "/db/old", b"ROWS").map(drop)
            },
            |image, _| {
                let bytes = read(image, "/db/old").unwrap();
                ok_if(bytes == b"rows" || bytes == b"ROWS", "neither old nor new")
            },
        )
    };
    finds(run(torn), "neither old nor new");
    run(Profile::Adversarial.into()).unwrap();
}

#[test]
fn the_message_of_a_failure_is_pinned() {
    let workload = |fs: &MemFs| -> Result<()> {
        write(fs, "/db/new", b"v1")?.sync_all(NORMAL)?;
        fs.note("stored");
        Ok(())
    };
    let check = |image: &MemFs, notes: &Notes| ok_if(notes.is_empty() || has(image, "/db/new"), "lost");
    let error = CrashSweep::new().start_from(&prepared()).run(workload, check).unwrap_err();
    let text = error.to_string();
    println!("{text}");
    for line in [
        "a crash state fails its check: lost\nstate adversarial@5=0\n",
        "crash after event 5 of 5: note \"stored\"\n",
        "notes before the crash: stored\n",
        "pending changes that were lost:\n  new file /db/new\n",
        "pending changes that survived: none\n",
        "files after the crash:\n  /db/\n  /db/old  inode 3, 4 bytes\n",
        "FAILED in adversarial@5=0\n",
        // Under the other profiles, the sync of the file also forces its name.
        "ext4: 10 of 10 legal states at 6 crash points, 5 distinct\n",
    ] {
        assert!(text.contains(line), "{line:?} is missing from:\n{text}");
    }
    let id = "adversarial@5=0".parse().unwrap();
    let again = CrashSweep::new().start_from(&prepared()).replay(&id, workload, check).unwrap_err();
    assert_eq!(again.failure(), error.failure());
}
