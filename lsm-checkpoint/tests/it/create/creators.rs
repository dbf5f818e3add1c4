//! Several creators of one target: exactly one succeeds.

use std::{
    path::Path,
    sync::{Arc, Barrier},
    thread,
};

use lsm_checkpoint::{Error, run_checkpoint};
use lsm_fs::{DirectorySync, Fs, FsExt, Op, StdFs, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs, MemFsOptions, Step, VolumeOptions};

use super::{DIR, TARGET, mem_db};
use crate::{db::Db, seeded::seeded_sweep, tweak::Tweak};

/// Runs this number of creators at once, and returns the number of successes.
fn race(creators: usize, fs: &Arc<dyn Fs>, dir: &Path, target: &Path) -> usize {
    let barrier = Barrier::new(creators);
    let outcomes: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..creators)
            .map(|_| {
                scope.spawn(|| {
                    let db = Db::open(Arc::clone(fs), dir, &[""]);
                    barrier.wait();
                    run_checkpoint(&db, &**fs, target)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert!(matches!(error, Error::TargetExists { .. } | Error::InProgress { .. }), "{error}");
    }
    outcomes.iter().filter(|outcome| outcome.is_ok()).count()
}

fn rounds(fs: &Arc<dyn Fs>, root: &Path, rounds: usize) {
    let dir = root.join("db");
    Db::prepare(&**fs, &dir, &[""]);
    let db = Db::open(Arc::clone(fs), &dir, &[""]);
    for creators in [2, 8] {
        for round in 0..rounds {
            let target = root.join(format!("checkpoint-{creators}-{round}"));
            assert_eq!(race(creators, fs, &dir, &target), 1, "{creators} creators, round {round}");
            assert!(db.check_target(&**fs, &target).unwrap());
            assert!(
                !fs.exists(&root.join(format!(".checkpoint-{creators}-{round}.checkpoint-staged"))).unwrap()
            );
        }
    }
    db.check_source(&**fs).unwrap();
}

#[test]
fn one_of_many_creators_succeeds_in_memory() {
    rounds(&(Arc::new(MemFs::new()) as Arc<dyn Fs>), Path::new("/"), 30);
}

#[test]
fn one_of_many_creators_succeeds_on_the_host() {
    let dir = tempfile::tempdir().unwrap();
    rounds(&(Arc::new(StdFs) as Arc<dyn Fs>), dir.path(), 10);
}

#[test]
fn a_working_creator_keeps_others_out() {
    let (fs, mut db) = mem_db(&[""]);
    let second = fs.clone();
    db.on_capture = Box::new(move |_| {
        let other = Db::open(Arc::new(second.clone()), Path::new(DIR), &[""]);
        let error = run_checkpoint(&other, &second, Path::new(TARGET)).unwrap_err();
        let Error::InProgress { staged, .. } = &error else { panic!("{error}") };
        assert_eq!(staged, Path::new("/.checkpoint.checkpoint-staged"));
        // Another target is unaffected.
        run_checkpoint(&other, &second, Path::new("/another")).unwrap();
    });
    run_checkpoint(&db, &fs, Path::new(TARGET)).unwrap();
    assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
    assert!(db.check_target(&fs, Path::new("/another")).unwrap());
}

#[test]
fn a_creator_that_loses_the_name_removes_only_its_own_files() {
    let (fs, mut db) = mem_db(&[""]);
    let second = fs.clone();
    db.on_capture = Box::new(move |_| second.create_dir(Path::new(TARGET)).unwrap());
    let error = run_checkpoint(&db, &fs, Path::new(TARGET)).unwrap_err();
    assert!(matches!(error, Error::TargetExists { .. }), "{error}");
    assert!(fs.exists(Path::new(TARGET)).unwrap());
    assert_eq!(fs.read_dir(Path::new("/")).unwrap().len(), 2);
}

/// A crash while a second creator interferes.
#[test]
fn two_creators_and_a_crash() {
    let (start, _) = mem_db(&[""]);
    let step = |name: &'static str| -> Vec<Step<'static>> {
        vec![Box::new(move |fs: &MemFs| {
            let db = Db::open(Arc::new(fs.clone()), Path::new(DIR), &[""]);
            if run_checkpoint(&db, fs, Path::new(TARGET)).is_ok() {
                fs.note(name);
            }
        })]
    };
    let report = seeded_sweep().start_from(&start).run_interleaved(
        || [step("first"), step("second")],
        |image, notes| {
            let db = Db::open(Arc::new(image.clone()), Path::new(DIR), &[""]);
            let complete = db.check_target(image, Path::new(TARGET))?;
            if notes.len() > usize::from(complete) {
                Err("promised, and not there".to_owned())
            } else {
                Ok(())
            }
        },
    );
    crate::crash::tried("create, two creators in every order", report);
}

/// If a network filesystem repeats a request, the effect of the first attempt makes the second attempt fail.
#[test]
fn a_repeated_request_of_a_network_filesystem_is_recognised() {
    for (op, path, renames) in [
        (Op::RenameNoreplace, None, true),
        (Op::CreateDir, Some(TARGET), false),
        (Op::CreateDir, Some("/checkpoint/tables"), false),
        (Op::CreateDir, Some("/.checkpoint.checkpoint-staged"), true),
    ] {
        let (fs, db) = mem_db(&[""]);
        let late = FaultFs::new(fs.clone());
        let fault = path.into_iter().fold(Fault::on(op), Fault::at);
        late.inject(fault.nth(1).after(errno::EEXIST));
        let tweaked = Tweak::new(late);
        let tweaked = if renames { tweaked } else { tweaked.without_directory_renames() };
        let info = run_checkpoint(&db, &tweaked, Path::new(TARGET));
        assert_eq!(info.unwrap().durability, DirectorySync::Durable, "{op:?} {path:?}");
        assert!(db.check_target(&fs, Path::new(TARGET)).unwrap(), "{op:?} {path:?}");
        assert_eq!(fs.read_dir(Path::new("/")).unwrap().len(), 2, "{op:?} {path:?}");
    }
}

/// If a network filesystem repeats the rename over the empty directory that claims the name, the second attempt fails.
#[test]
fn a_repeated_rename_of_a_network_filesystem_is_recognised() {
    let fs = MemFsOptions::new().root(VolumeOptions::new().rename_noreplace(false)).build().unwrap();
    let db = super::prepared(&fs, &[""]);
    let late = FaultFs::new(fs.clone());
    late.inject(Fault::on(Op::Rename).at("/.checkpoint.checkpoint-staged").nth(1).after(errno::EEXIST));
    run_checkpoint(&db, &late, Path::new(TARGET)).unwrap();
    assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
    assert_eq!(fs.read_dir(Path::new("/")).unwrap().len(), 2);
}
