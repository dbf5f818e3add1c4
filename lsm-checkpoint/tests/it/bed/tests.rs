//! Tests of the test bed itself, because a faulty one proves nothing.

use std::{path::Path, sync::Arc};

use lsm_fs::{Fs, FsExt, FsOpenOptions, Op, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs};

use super::{Deletion, Engine, Oracle, Workload, check_files, each_deletion, open, seqno};

const DIR: &str = "/db";

fn in_memory() -> (MemFs, Arc<dyn Fs>) {
    let fs = MemFs::new();
    (fs.clone(), Arc::new(fs))
}

fn start(fs: &Arc<dyn Fs>) -> Engine {
    open(fs, Path::new(DIR)).unwrap()
}

/// Checks that the engine has every record, and its directory every file and no other.
fn check(fs: &Arc<dyn Fs>, engine: &Engine, oracle: &Oracle, written: u64) {
    assert_eq!(seqno(engine), written);
    oracle.check(&engine.state().view, written).unwrap();
    oracle.check(&check_files(&**fs, Path::new(DIR)).unwrap(), written).unwrap();
}

#[test]
fn a_tree_reads_back_what_was_written() {
    let (_, fs) = in_memory();
    let mut engine = start(&fs);
    let (oracle, mut work) = (Oracle::default(), Workload::new(3, 40));
    for round in 0..12 {
        let written = 25 * (round + 1);
        work.write(&engine, &oracle, 25).unwrap();
        check(&fs, &engine, &oracle, written);
        engine.flush().unwrap();
        check(&fs, &engine, &oracle, written);
        if round % 3 == 2 {
            engine.compact().unwrap();
        }
        check(&fs, &engine, &oracle, written);
        if round % 4 == 3 {
            drop(engine);
            engine = start(&fs);
            check(&fs, &engine, &oracle, written);
        }
    }
    for (key, value) in oracle.at(u64::MAX) {
        assert_eq!(engine.get(&key), Some(value));
    }
    assert!(engine.state().view.version.tables.iter().any(|table| table.meta.blob.is_some()));
}

#[test]
fn a_held_version_pins_files_only_if_the_last_drop_unlinks() {
    each_deletion(|deletion| {
        let (_, fs) = in_memory();
        let engine = start(&fs);
        let (oracle, mut work) = (Oracle::default(), Workload::new(1, 40));
        for _ in 0..2 {
            work.write(&engine, &oracle, 25).unwrap();
            engine.flush().unwrap();
        }
        let source = deletion.source(&engine);
        let held = source.capture().unwrap();
        let version = engine.state().view.version.clone();
        engine.compact().unwrap();
        let files = version.source_files(&fs, Path::new(DIR));
        let paths = version.files(Path::new(DIR)).into_iter().filter(|path| !path.starts_with("/db/wal"));
        let there: Vec<_> = paths.map(|path| fs.metadata(&path).is_ok()).collect();
        assert_eq!(there, vec![deletion == Deletion::Pinned; files.len()]);
        drop(held);
        check(&fs, &engine, &oracle, 50);
    });
}

#[test]
fn a_failed_flush_or_compaction_loses_nothing_and_leaves_nothing() {
    for (op, nth) in [(Op::SyncAll, 1), (Op::SyncDirectory, 1), (Op::WriteAt, 1), (Op::Rename, 1)] {
        let faulty = FaultFs::new(MemFs::new());
        let fs: Arc<dyn Fs> = Arc::new(faulty.clone());
        let engine = start(&fs);
        let (oracle, mut work) = (Oracle::default(), Workload::new(5, 40));
        work.write(&engine, &oracle, 25).unwrap();
        engine.flush().unwrap();
        work.write(&engine, &oracle, 25).unwrap();
        faulty.inject(Fault::on(op).nth(nth).before(errno::EIO));
        assert!(engine.flush().is_err());
        oracle.check(&engine.state().view, 50).unwrap();
        drop(engine);
        let engine = start(&fs);
        check(&fs, &engine, &oracle, 50);
        work.write(&engine, &oracle, 25).unwrap();
        engine.flush().unwrap();
        faulty.inject(Fault::on(op).nth(nth).before(errno::EIO));
        assert!(engine.compact().is_err());
        oracle.check(&engine.state().view, 75).unwrap();
        drop(engine);
        let engine = start(&fs);
        check(&fs, &engine, &oracle, 75);
        engine.compact().unwrap();
        check(&fs, &engine, &oracle, 75);
        drop(engine);
        check(&fs, &start(&fs), &oracle, 75);
    }
}

#[test]
fn the_next_open_removes_the_leftovers_of_a_crash() {
    let (_, fs) = in_memory();
    let engine = start(&fs);
    let (oracle, mut work) = (Oracle::default(), Workload::new(9, 40));
    work.write(&engine, &oracle, 25).unwrap();
    engine.flush().unwrap();
    let table = engine.state().view.version.tables[0].meta.id;
    let table = Path::new(DIR).join(format!("tables/{table}"));
    fs.hard_link(&table, Path::new("/db/tables/77")).unwrap();
    fs.hard_link(&table, Path::new("/db/blobs/78")).unwrap();
    fs.hard_link(&table, Path::new("/db/v77")).unwrap();
    assert!(check_files(&*fs, Path::new(DIR)).is_err());
    drop(engine);
    let engine = start(&fs);
    check(&fs, &engine, &oracle, 25);
    work.write(&engine, &oracle, 25).unwrap();
    engine.flush().unwrap();
    assert!(engine.state().view.version.tables[1].meta.id > 78, "an id is used once");
    check(&fs, &engine, &oracle, 50);
}

#[test]
fn tables_read_as_written_and_damage_is_found() {
    let (mem, fs) = in_memory();
    let engine = start(&fs);
    let (oracle, long) = (Oracle::default(), [7; 70]);
    for (key, value) in [("a", Some(&b"x"[..])), ("b", None), ("c", Some(&long))] {
        oracle.write(&engine, key.as_bytes(), value).unwrap();
    }
    engine.flush().unwrap();
    check(&fs, &engine, &oracle, 3);
    let files = engine.state().view.version.files(Path::new(DIR));
    drop(engine);
    let damaged = |damage: &dyn Fn(&MemFs)| {
        let image = mem.fork();
        damage(&image);
        let (is_refused, image): (_, Arc<dyn Fs>) =
            (check_files(&image, Path::new(DIR)).is_err(), Arc::new(image));
        is_refused && open(&image, Path::new(DIR)).is_err()
    };
    let mut tried = 0;
    for file in files.iter().filter(|file| !file.starts_with("/db/wal")) {
        let bytes = mem.read_to_vec(file, 1 << 20).unwrap();
        for (at, byte) in (0..).zip(&bytes) {
            let flip = |image: &MemFs| {
                let file = image.open(file, &FsOpenOptions::new().write(true)).unwrap();
                file.write_at(&[byte ^ 1], at).unwrap();
            };
            assert!(damaged(&flip), "{}, byte {at}", file.display());
            let cut = |image: &MemFs| image.truncate_file(file, at).unwrap();
            assert!(damaged(&cut), "{} cut at {at}", file.display());
            tried += 1;
        }
    }
    assert!(tried > 100 && !damaged(&|_| ()), "{tried}");
}
