//! The engine by itself: reads, and directories that it opens or refuses.

use std::path::{Path, PathBuf};

use lsm_checkpoint::{CheckpointDir, restore, run_checkpoint};
use lsm_fs::{Fs, FsExt, Op, SyncMode, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs, MemFsOptions, VolumeOptions, VolumeState};
use lsm_manifest::{ReadOptions, Recovered};

use super::{
    ALL, DIR, Engine, Put, TARGET, View, check, check_files, compare, expected, open, put_next, run, shared,
};

/// Returns a tree after all steps, and the number of its last write.
fn prepared(fs: &MemFs) -> u64 {
    run(&shared(fs), ALL, &|_| ()).unwrap();
    u64::try_from(ALL.iter().filter(|step| matches!(step, Put)).count()).unwrap()
}

#[test]
fn a_tree_holds_every_write_and_its_checkpoint_restores() {
    let fs = MemFs::new();
    let writes = prepared(&fs);
    let checkpoint = CheckpointDir::open(std::sync::Arc::new(fs.clone()), TARGET).unwrap();
    let live = Path::new("/live");
    let seqno = restore(&checkpoint, &fs, live).unwrap().seqno.unwrap();
    assert!(seqno > 5 && seqno < writes);
    check(&fs, writes).unwrap();

    let engine = Engine::open(&shared(&fs), live, "another").unwrap();
    compare("the restored tree", &engine, seqno).unwrap();
    assert_eq!(engine.state().view.version.identity, "a test");
    put_next(&engine).unwrap();
    drop(engine);
    compare("opened again", &Engine::open(&shared(&fs), live, "").unwrap(), seqno + 1).unwrap();
}

/// The manifest names each file with its length and its checksum.
#[test]
fn a_checkpoint_with_a_damaged_catalog_restores() {
    let (fs, target, live) = (MemFs::new(), Path::new(TARGET), Path::new("/live"));
    prepared(&fs);
    fs.truncate_file(&target.join("CHECKPOINT"), 9).unwrap();
    fs.write_new(&target.join("tables/99"), b"of no version", SyncMode::Normal).unwrap();
    let list =
        |found: &Recovered| Ok(View::load(&fs, target, found)?.version.source_files(&shared(&fs), target));
    let (checkpoint, report) =
        CheckpointDir::salvage_listed(shared(&fs), target, &ReadOptions::new(), list).unwrap();
    assert_eq!((report.unchecked_files, report.left_out), (0, vec![PathBuf::from("tables/99")]));
    restore(&checkpoint, &fs, live).unwrap();
    let restored = check_files(&fs, live).unwrap();
    assert_eq!(restored.scan(), expected(restored.seqno));
    assert!(restored.seqno > 5);
}

#[test]
fn a_reader_needs_no_right_to_write() {
    let fs = MemFs::new();
    let writes = prepared(&fs);
    fs.settle();
    fs.reconfigure(Path::new("/"), |volume| volume.state(VolumeState::ReadOnly)).unwrap();
    assert!(open(&fs).is_err());
    for (dir, writes) in [(DIR, Some(writes)), (TARGET, None)] {
        let view = View::open(&fs, Path::new(dir)).unwrap().unwrap();
        assert_eq!(view.scan(), expected(view.seqno), "{dir}");
        assert!(writes.is_none_or(|writes| view.seqno == writes), "{dir}");
    }
    assert!(View::open(&fs, Path::new("/nothing")).unwrap().is_none());
}

#[test]
fn a_checkpoint_is_not_opened_as_a_tree() {
    let fs = MemFs::new();
    run_checkpoint(&open(&fs).unwrap(), &fs, Path::new(TARGET)).unwrap();
    let before = fs.read_dir(Path::new(TARGET)).unwrap();
    let refused = Engine::open(&shared(&fs), Path::new(TARGET), "").map(drop).unwrap_err();
    assert_eq!(refused.to_string(), "/daily: a checkpoint; restore it and open the copy");
    // The engine refuses even a damaged checkpoint, because its files can still be saved.
    fs.truncate_file(Path::new("/daily/CHECKPOINT"), 0).unwrap();
    assert!(Engine::open(&shared(&fs), Path::new(TARGET), "").is_err());
    assert_eq!(fs.read_dir(Path::new(TARGET)).unwrap(), before);
}

#[test]
fn a_second_writer_is_refused() {
    let fs = MemFs::new();
    let engine = open(&fs).unwrap();
    assert!(open(&fs).is_err());
    drop(engine);
    open(&fs).unwrap();
}

#[test]
fn after_an_error_the_engine_only_reads() {
    let faulty = FaultFs::new(MemFs::new());
    let engine = Engine::open(&shared(&faulty), Path::new(DIR), "a test").unwrap();
    put_next(&engine).unwrap();
    faulty.inject(Fault::on(Op::SyncData).before(errno::EIO));
    put_next(&engine).unwrap_err();
    let refused = put_next(&engine).unwrap_err().to_string();
    assert_eq!(refused, "the engine has stopped after an error; open it again");
    assert_eq!(engine.flush().unwrap_err().to_string(), refused);
    compare("after the error", &engine, 1).unwrap();
    drop(engine);
    check(faulty.inner(), 1).unwrap();
}

#[test]
fn a_missing_log_is_an_error() {
    let fs = MemFs::new();
    let engine = open(&fs).unwrap();
    let log = engine.state().view.version.files(Path::new(DIR)).remove(0);
    drop(engine);
    fs.remove_file(&log).unwrap();
    assert!(open(&fs).is_err() && View::open(&fs, Path::new(DIR)).is_err());
}

#[test]
fn a_changed_table_is_refused() {
    let fs = MemFs::new();
    let writes = prepared(&fs);
    let engine = open(&fs).unwrap();
    let files = engine.state().view.version.files(Path::new(DIR));
    drop(engine);
    for file in files.iter().filter(|file| !file.starts_with("/db/wal")) {
        let damaged = fs.fork();
        let handle = damaged.open(file, &lsm_fs::FsOpenOptions::new().write(true)).unwrap();
        handle.write_at(b"?", 9).unwrap();
        let refused = open(&damaged).map(drop).unwrap_err().to_string();
        assert!(refused.contains(&*file.to_string_lossy()), "{refused}");
    }
    assert!(files.len() > 2);
    check(&fs, writes).unwrap();
}

/// If no name can be made durable, replaced files are not removed, and no data is lost.
#[test]
fn a_volume_that_cannot_sync_directories_keeps_everything() {
    let root = VolumeOptions::new().directory_sync(false);
    let fs = MemFsOptions::new().root(root).build().unwrap();
    let engine = open(&fs).unwrap();
    for n in 1..=9 {
        assert_eq!(put_next(&engine).unwrap(), n);
        engine.flush().unwrap();
    }
    let tables = fs.read_dir(Path::new("/db/tables")).unwrap().len();
    engine.compact().unwrap();
    drop(engine);
    compare("opened again", &open(&fs).unwrap(), 9).unwrap();
    assert!(fs.read_dir(Path::new("/db/tables")).unwrap().len() > tables);
}

/// A version that a crash brings back may name the files of a failed flush, so they stay on such a volume. The next
/// start must not need their names.
#[test]
fn the_numbers_of_files_that_stay_are_skipped() {
    let root = VolumeOptions::new().directory_sync(false);
    let faulty = FaultFs::new(MemFsOptions::new().root(root).build().unwrap());
    let engine = Engine::open(&shared(&faulty), Path::new(DIR), "a test").unwrap();
    put_next(&engine).unwrap();
    faulty.inject(Fault::on(Op::Rename).before(errno::EIO));
    engine.flush().unwrap_err();
    drop(engine);
    let fs = faulty.inner();
    let left = fs.read_dir(Path::new("/db/tables")).unwrap();
    assert_eq!(left.len(), 1);
    compare("opened again", &open(fs).unwrap(), 1).unwrap();
    assert!(fs.read_dir(Path::new("/db/tables")).unwrap().contains(&left[0]));
}

#[test]
fn a_full_disk_fails_a_write_and_keeps_the_tree() {
    let root = VolumeOptions::new().capacity_bytes(256 << 10);
    let fs = MemFsOptions::new().root(root).build().unwrap();
    let engine = open(&fs).unwrap();
    let written = (1..).take_while(|_| put_next(&engine).and_then(|_| engine.flush()).is_ok()).count();
    drop(engine);
    let view = View::open(&fs, Path::new(DIR)).unwrap().unwrap();
    assert_eq!(view.scan(), expected(view.seqno));
    assert!(written > 3 && view.seqno >= written as u64);
    fs.reconfigure(Path::new("/"), |volume| volume.capacity_bytes(1 << 30)).unwrap();
    check(&fs, view.seqno).unwrap();
}
