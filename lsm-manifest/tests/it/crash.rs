//! "Write an archive, publish CURRENT, remove the old version", crashed at every step in every legal way.

use std::path::Path;

use lsm_fs::{DirectorySync, Fs, Op, SyncMode, errno};
use lsm_fs_mem::{
    Budget, CrashModel, Fault, FaultFs, ForeignSync, MemFs, Notes, Profile, SweepError, SweepReport,
};
use lsm_manifest::{
    Error, ReadOptions, Result, WriteOptions, publish_current, recover, remove_stale, republish_current,
};

use crate::{
    probe_fs::ProbeFs,
    seeded::seeded_sweep,
    support::{DIR, SECTIONS, current_path, mem_fs, open, owned, read_all, version_path, write},
};

const OLD: [(&str, &[u8]); 2] = [("format_version", &[5]), ("tables", b"the tables of before")];

/// A directory with a durable version 0.
fn prepared() -> MemFs {
    let fs = mem_fs();
    let _ = publish_current(&write(&fs, &version_path(0), WriteOptions::new(), &OLD).unwrap()).unwrap();
    fs.settle();
    fs
}

fn replace_version(fs: &dyn Fs, note: &dyn Fn(&str), options: WriteOptions) -> Result<()> {
    let archive = write(fs, &version_path(1), options, &SECTIONS)?;
    note("written");
    let _ = publish_current(&archive)?;
    note("published");
    remove_stale(fs, Path::new(DIR), 1)?;
    note("removed");
    Ok(())
}

/// Recovery finds one of the two versions, complete. After the publication it finds the new one. The next version can
/// be written in each case.
fn check(image: &MemFs, notes: &Notes) -> std::result::Result<(), String> {
    let found = recover(image, Path::new(DIR), &ReadOptions::new()).map_err(|e| e.to_string())?;
    let found = found.ok_or("the directory looks new")?;
    let version = found.current.version_id;
    let expected = if version == 0 { owned(&OLD) } else { owned(&SECTIONS) };
    if read_all(&found.archive).map_err(|e| e.to_string())? != expected {
        return Err(format!("version {version} has lost sections"));
    }
    if notes.contains("published") && version != 1 {
        return Err(format!("version {version} is back"));
    }
    if found.archive.tail_failure().is_some() {
        return Err("opened from the mirror though the file was synced".into());
    }
    retry(image, version).map_err(|e| format!("the next attempt fails: {e}"))
}

/// The work of an engine after a crash: remove stale versions, and write the version that was not published.
fn retry(fs: &MemFs, live: u64) -> Result<()> {
    let _ = republish_current(fs, Path::new(DIR), SyncMode::Normal)?;
    remove_stale(fs, Path::new(DIR), live)?;
    let _ = publish_current(&write(fs, &version_path(live + 1), WriteOptions::new(), &SECTIONS)?)?;
    Ok(())
}

fn models() -> Vec<CrashModel> {
    let torn = CrashModel::new(Profile::Adversarial).torn_sector(true);
    Profile::ALL.map(CrashModel::new).into_iter().chain([torn]).collect()
}

fn sweep(lost_sync: u64, models: Vec<CrashModel>) -> std::result::Result<SweepReport, SweepError> {
    let foreign = [DIR, "/db/v1", "/db/current", "/"].map(ForeignSync::path);
    seeded_sweep().start_from(&prepared()).models(models).foreign_syncs(foreign).run(
        |fs: &MemFs| {
            let probe = ProbeFs::new(fs).losing_sync(lost_sync);
            replace_version(&probe, &|note| fs.note(note), WriteOptions::new())
        },
        check,
    )
}

#[test]
fn every_crash_leaves_the_old_version_or_the_new_one() {
    let report = sweep(0, models()).unwrap();
    println!("{report}");
    assert!(report.is_exhaustive(), "{report}");
}

/// The sync behind the rename of CURRENT fails and the machine continues. The new version is visible, but a power cut
/// may lose it.
fn in_doubt(republish: bool) -> std::result::Result<SweepReport, SweepError> {
    seeded_sweep().start_from(&prepared()).models(models()).run(
        |fs: &MemFs| {
            let failing = FaultFs::new(fs.clone());
            failing.inject(Fault::on(Op::SyncDirectory).nth(2).before(errno::EIO));
            let archive = write(&failing, &version_path(1), WriteOptions::new(), &SECTIONS)?;
            let published = publish_current(&archive);
            assert!(matches!(published, Err(Error::PublishedNotDurable { .. })), "{published:?}");
            let found = recover(fs, Path::new(DIR), &ReadOptions::new())?.map(|found| found.stale);
            assert_eq!(found, Some(vec![0]), "the new version is what everybody sees");
            if republish {
                let republished = republish_current(fs, Path::new(DIR), SyncMode::Normal)?;
                assert_eq!(republished, DirectorySync::Durable);
                fs.note("published");
            }
            remove_stale(fs, Path::new(DIR), 1)?;
            fs.note("removed");
            Ok::<_, Error>(())
        },
        check,
    )
}

#[test]
fn replaced_files_stay_until_the_version_is_durable() {
    println!("{}", in_doubt(true).unwrap());
    match in_doubt(false) {
        Err(SweepError::Check(failure, _)) => println!("not published once more: {}", failure.message),
        other => panic!("what was removed too early is not missed: {other:?}"),
    }
}

#[test]
fn a_second_crash_in_the_recovery_leaves_one_of_the_two_versions() {
    let report = seeded_sweep()
        .start_from(&prepared())
        .models([Profile::Adversarial])
        .recovery(|fs: &MemFs| {
            let found =
                recover(fs, Path::new(DIR), &ReadOptions::new())?.map(|found| found.current.version_id);
            retry(fs, found.unwrap_or_default())
        })
        .run(
            |fs: &MemFs| replace_version(fs, &|note| fs.note(note), WriteOptions::new()),
            |image: &MemFs, notes: &Notes| {
                let found = recover(image, Path::new(DIR), &ReadOptions::new()).map_err(|e| e.to_string())?;
                let found = found.ok_or("the directory looks new")?;
                read_all(&found.archive).map_err(|e| e.to_string())?;
                let version = found.current.version_id;
                if notes.contains("published") && version == 0 {
                    Err("version 0 is back".to_owned())
                } else {
                    Ok(())
                }
            },
        );
    println!("{}", report.unwrap());
}

/// A publication has four syncs: the archive, its name, CURRENT, and the name of CURRENT. Each of them is necessary.
#[test]
fn each_sync_is_necessary() {
    let probe = ProbeFs::new(prepared());
    replace_version(&probe, &|_| (), WriteOptions::new()).unwrap();
    assert_eq!(probe.syncs(), 4);
    for lost in 1..=4 {
        match sweep(lost, vec![CrashModel::new(Profile::Adversarial)]) {
            Err(SweepError::Check(failure, _)) => println!("sync {lost}: {}", failure.message),
            Err(other) => panic!("sync {lost}: {other}"),
            Ok(report) => panic!("sync {lost} is lost, and nothing shows:\n{report}"),
        }
    }
}

/// Until the first version is published, the directory is new, or recovery reports that CURRENT is missing.
#[test]
fn every_crash_of_the_first_publication_leaves_no_version_or_a_whole_one() {
    let start = mem_fs();
    start.settle();
    let report = seeded_sweep().start_from(&start).models(models()).run(
        |fs: &MemFs| {
            let archive = write(fs, &version_path(0), WriteOptions::new().mirror(false), &OLD)?;
            let _ = publish_current(&archive)?;
            fs.note("published");
            Ok::<_, Error>(())
        },
        |image: &MemFs, notes: &Notes| {
            use lsm_manifest::Error::MissingCurrent;
            match recover(image, Path::new(DIR), &ReadOptions::new()) {
                Ok(None) | Err(MissingCurrent { .. }) if !notes.contains("published") => Ok(()),
                Ok(Some(found)) if read_all(&found.archive).is_ok_and(|read| read == owned(&OLD)) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        },
    );
    println!("{}", report.unwrap());
}

/// An archive that is written in several calls, with the mirror last.
#[test]
fn a_long_archive_survives_like_a_short_one() {
    let long: Vec<u8> = (0..70_000_u32).flat_map(u32::to_le_bytes).collect();
    let sections: [(&str, &[u8]); 2] = [("format_version", &[5]), ("tables", &long)];
    let report = seeded_sweep().start_from(&prepared()).models(models()).budget(Budget::Quick).run(
        |fs: &MemFs| {
            let archive = write(fs, &version_path(1), WriteOptions::new(), &sections)?;
            let _ = publish_current(&archive)?;
            fs.note("published");
            Ok::<_, Error>(())
        },
        |image: &MemFs, notes: &Notes| {
            let found = recover(image, Path::new(DIR), &ReadOptions::new()).map_err(|e| e.to_string())?;
            let found = found.ok_or("the directory looks new")?;
            let expected = if found.current.version_id == 0 { owned(&OLD) } else { owned(&sections) };
            if notes.contains("published") && found.current.version_id == 0 {
                return Err("version 0 is back".to_owned());
            }
            // An unpublished archive may be damaged, but a section that can be read is complete.
            if let Ok(early) = open(image, &version_path(1)) {
                for (name, payload) in &sections {
                    if early.read_section(name).is_ok_and(|section| section.payload != *payload) {
                        return Err(format!("a wrong {name}"));
                    }
                }
            }
            let read = read_all(&found.archive).map_err(|e| e.to_string())?;
            if read == expected { Ok(()) } else { Err("sections are lost".to_owned()) }
        },
    );
    println!("{}", report.unwrap());
}

/// The audit of the simulator confirms that CURRENT never names an archive whose name a crash can lose.
#[test]
fn nothing_is_published_before_it_is_durable() {
    use lsm_fs_mem::DurabilityAudit;

    let fs = DurabilityAudit::new(prepared(), DIR).only_recording();
    fs.pointer(current_path(), |_: &[u8]| vec![version_path(1)]);
    replace_version(&fs, &|_| (), WriteOptions::new()).unwrap();
    assert_eq!(fs.violations(), []);
}
