//! Each call of a publication fails in every way. The old version stays, and the next attempt succeeds.

use std::path::{Path, PathBuf};

use lsm_fs::{Fs, FsExt, Op, errno};
use lsm_fs_mem::{DirtyPages, Fault, FaultEffect, FaultFs, InjectedFault, MemFs, Survives, fault_sweep};
use lsm_manifest::{
    Error, ManifestArchiveWriter, ReadOptions, Result, WriteOptions, open_current, publish_current, recover,
    repair,
};

use crate::{
    probe_fs::ProbeFs,
    support::{DIR, LIMIT, SECTIONS, Sections, mem_fs, open, owned, put_file, read_all, version_path, write},
};

fn prepared() -> MemFs {
    let fs = mem_fs();
    let _ =
        publish_current(&write(&fs, &version_path(0), WriteOptions::new(), &SECTIONS[..2]).unwrap()).unwrap();
    fs
}

/// Publishes version 1. If this fails before the rename, the name is available again.
fn publish(fs: &dyn Fs, options: WriteOptions) -> Result<()> {
    let archive = write(fs, &version_path(1), options, &SECTIONS)?;
    match publish_current(&archive) {
        Ok(_) => Ok(()),
        Err(error @ Error::PublishedNotDurable { .. }) => Err(error),
        Err(error) => {
            // Nothing can be removed from a device that is gone, so that is not a failure of this call.
            let _ = archive.discard();
            Err(error)
        }
    }
}

fn live(fs: &MemFs) -> (u64, Sections, Vec<u64>) {
    let found = recover(fs, Path::new(DIR), &ReadOptions::new()).unwrap().unwrap();
    (found.current.version_id, read_all(&found.archive).unwrap(), found.stale)
}

#[test]
fn a_failed_publication_leaves_the_old_version_and_no_file() {
    for mirror in [true, false] {
        let options = || WriteOptions::new().mirror(mirror);
        let report = fault_sweep(
            prepared,
            |fs: &FaultFs<MemFs>| publish(fs, options()),
            |fault: &InjectedFault, result, fs: &MemFs| {
                let (version, sections, stale) = live(fs);
                let after = matches!(fault.effect(), FaultEffect::After(_));
                match result {
                    Ok(()) => assert_eq!(version, 1, "{fault}"),
                    // Both versions exist and either may be live, as the error says.
                    Err(Error::PublishedNotDurable { source, .. }) => {
                        assert!(matches!(source.op(), Op::SyncDirectory | Op::Rename), "{fault}");
                        let before = fault.op() == Op::Rename && fault.effect() == FaultEffect::Gone;
                        assert_eq!(
                            (version, stale),
                            if before { (0, vec![1]) } else { (1, vec![0]) },
                            "{fault}"
                        );
                        open(fs, &version_path(1)).and_then(|reader| reader.verify().map(drop))?;
                        return Ok(());
                    }
                    Err(_) => {
                        assert_eq!((version, &sections), (0, &owned(&SECTIONS[..2])), "{fault}");
                        // A file may stay only if the device was gone, or if the removal was reported as failed.
                        let gone = fault.effect() == FaultEffect::Gone || (after && fault.op() == Op::Open);
                        if gone {
                            lsm_manifest::remove_stale(fs, Path::new(DIR), 0)?;
                        } else {
                            assert_eq!(stale, [0_u64; 0], "{fault}");
                            let names = fs.read_dir(Path::new(DIR))?;
                            assert_eq!(names.len(), 2, "{fault}: {names:?}");
                        }
                        publish(fs, options())?;
                    }
                }
                assert_eq!(live(fs).1, owned(&SECTIONS), "{fault}");
                Ok(())
            },
        );
        println!("{}", report.unwrap());
    }
}

/// The name may belong to another file by then.
#[test]
fn a_writer_that_has_failed_leaves_its_name_alone() {
    let fs = FaultFs::new(mem_fs());
    let path = version_path(1);
    let long = vec![7; 300_000];
    let mut writer = ManifestArchiveWriter::create(&fs, &path, WriteOptions::new()).unwrap();
    fs.inject(Fault::on(Op::WriteAt));
    let failed = writer.add_section("tables", &long).unwrap_err();
    assert!(matches!(&failed, Error::Fs(e) if e.op() == Op::WriteAt), "{failed}");
    assert!(!fs.exists(&path).unwrap());

    put_file(&fs, &path, b"of another");
    for again in [
        writer.add_section("short", b"x"),
        writer.add_section("long", &long),
        writer.start_section("streamed").map(drop),
        writer.finish().map(drop),
    ] {
        assert!(matches!(&again, Err(Error::WriterFailed { file }) if *file == path), "{again:?}");
    }
    assert_eq!(fs.read_to_vec(&path, LIMIT).unwrap(), b"of another");
}

/// A failed publication can be repeated with the same proof.
#[test]
fn a_failed_publication_can_be_repeated() {
    let fs = FaultFs::new(prepared());
    let archive = write(&fs, &version_path(1), WriteOptions::new(), &SECTIONS).unwrap();
    fs.inject(Fault::from("rename#1:before-EIO".parse::<lsm_fs_mem::FaultId>().unwrap()));
    assert!(matches!(publish_current(&archive), Err(Error::Fs(e)) if e.op() == Op::Rename));
    let _ = publish_current(&archive).unwrap();
    assert_eq!(live(fs.inner()).0, 1);
}

/// A read fails or uses the mirror. It never returns less data.
#[test]
fn a_failed_read_never_returns_less_data() {
    failed_reads(prepared);
    // If an archive is too long to be read whole, each read covers a part.
    failed_reads(|| ProbeFs::new(prepared()).in_pieces());
}

fn failed_reads<F: Fs>(prepared: impl FnMut() -> F) {
    let report = fault_sweep(
        prepared,
        |fs: &FaultFs<F>| {
            let (_, reader) = open_current(fs, Path::new(DIR), &ReadOptions::new())?.expect("a version");
            read_all(&reader)
        },
        |fault: &InjectedFault, result, _: &F| {
            if let Ok(sections) = result {
                assert_eq!(sections, owned(&SECTIONS[..2]), "{fault}");
            }
            Ok(())
        },
    );
    println!("{}", report.unwrap());
}

#[test]
fn a_failed_repair_leaves_the_damaged_file_or_the_repaired_one() {
    failed_repairs(|fs| fs, |fs| fs);
    failed_repairs(|fs| ProbeFs::new(fs).in_pieces(), |fs| fs.inner());
}

fn failed_repairs<F: Fs>(wrap: impl Fn(MemFs) -> F, inner: impl Fn(&F) -> &MemFs) {
    let good = crate::support::archive_bytes(WriteOptions::new(), &SECTIONS);
    let cut = good[..good.len() - 5].to_vec();
    let report = fault_sweep(
        || {
            let fs = mem_fs();
            put_file(&fs, &version_path(1), &cut);
            wrap(fs)
        },
        |fs: &FaultFs<F>| repair(fs, &version_path(1), &ReadOptions::new()),
        |fault: &InjectedFault, result, fs: &F| {
            let fs = inner(fs);
            let now = fs.read_to_vec(&version_path(1), LIMIT)?;
            assert!(now == good || (result.is_err() && now == cut), "{fault}");
            assert_eq!(read_all(&open(fs, &version_path(1))?)?, owned(&SECTIONS), "{fault}");
            let _ = repair(fs, &version_path(1), &ReadOptions::new())?;
            assert!(fs.read_to_vec(&version_path(1), LIMIT)? == good, "{fault}");
            Ok(())
        },
    );
    println!("{}", report.unwrap());
}

/// After a failed sync, the kernel marks the pages clean: the cache still shows them, and a second sync returns
/// success. A retry must write the data again.
#[test]
fn a_second_sync_does_not_heal_a_failed_one() {
    for synced in [version_path(1), Path::new(DIR).join(".current.tmp-0"), PathBuf::from(DIR)] {
        let fs = prepared();
        fs.fail_next_sync(&synced, errno::EIO, DirtyPages::Dropped);
        let failed = publish(&fs, WriteOptions::new()).unwrap_err();
        assert!(matches!(&failed, Error::Fs(e) if e.raw_os_error() == Some(errno::EIO)), "{failed:?}");
        let after = |fs: &MemFs| live(&fs.crash(Survives::Everything));
        assert_eq!(after(&fs.fork()), (0, owned(&SECTIONS[..2]), vec![]), "{}", synced.display());
        publish(&fs, WriteOptions::new()).unwrap();
        assert_eq!(after(&fs), (1, owned(&SECTIONS), vec![0]), "{}", synced.display());
    }
}
