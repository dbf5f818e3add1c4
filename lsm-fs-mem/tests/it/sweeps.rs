//! Crash sweeps: sweeps that must not count as a success, second crashes, interleavings, budgets, and ids.

use std::{
    cell::{Cell, RefCell},
    path::Path,
    rc::Rc,
};

use lsm_fs::{Fs, FsExt, FsFile, FsOpenOptions, Result, SyncMode};
use lsm_fs_mem::{
    Budget, CrashSweep, ForeignSync, MemFs, MemFsOptions, Notes, Profile, Schedule, StateId, Step, Survives,
    SweepError, crash_sweep, interleavings, replay,
};

const NORMAL: SyncMode = SyncMode::Normal;

fn create(fs: &dyn Fs, path: &str) -> Result<Box<dyn FsFile>> {
    fs.open(Path::new(path), &FsOpenOptions::new().write(true).create(true))
}

fn has(fs: &MemFs, path: &str) -> bool {
    fs.exists(Path::new(path)).unwrap()
}

fn fine(_: &MemFs, _: &Notes) -> std::result::Result<(), String> {
    Ok(())
}

#[test]
fn a_sweep_that_proves_nothing_fails() {
    let silent = crash_sweep(|fs: &MemFs| create(fs, "/f").map(drop), fine);
    assert!(matches!(silent, Err(SweepError::NoNotes(_))), "{silent:?}");

    let idle = crash_sweep(
        |fs: &MemFs| -> Result<()> {
            fs.note("nothing to lose");
            Ok(())
        },
        fine,
    );
    assert!(matches!(idle, Err(SweepError::NothingDiffered(_))), "{idle:?}");

    let broken = crash_sweep(|fs: &MemFs| fs.remove_file(Path::new("/nothing")), fine);
    assert!(matches!(&broken, Err(SweepError::Workload(why)) if why.contains("remove_file")), "{broken:?}");
}

#[test]
fn every_check_gets_its_own_image() {
    let live = RefCell::new(MemFs::new());
    let report = crash_sweep(
        |fs: &MemFs| -> Result<()> {
            *live.borrow_mut() = fs.clone();
            create(fs, "/f")?;
            fs.note("made");
            Ok(())
        },
        |image: &MemFs, _: &Notes| -> Result<()> {
            assert_ne!(image.backend_id(), live.borrow().backend_id());
            image.create_dir(Path::new("/left by a check"))
        },
    );
    report.unwrap();
}

#[test]
fn a_panic_in_a_check_is_a_failure_with_a_state() {
    let workload = |fs: &MemFs| -> Result<()> {
        create(fs, "/f")?;
        fs.note("made");
        Ok(())
    };
    let check = |image: &MemFs, notes: &Notes| -> Result<()> {
        assert!(notes.is_empty() || has(image, "/f"), "f is gone");
        Ok(())
    };
    let error = crash_sweep(workload, check).unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!(failure.message, "panic: f is gone");
    let id: StateId = failure.state.to_string().parse().unwrap();
    assert_eq!(replay(&id, workload, check).unwrap_err().failure().unwrap().message, "panic: f is gone");
}

#[test]
fn every_id_rebuilds_its_image() {
    let fs = MemFs::new();
    fs.record();
    for name in ["/a", "/b", "/c"] {
        create(&fs, name).unwrap().write_at(b"content", 0).unwrap();
    }
    let recording = fs.take_recording().unwrap();
    let dump = |id: &str| crate::ops::tree(&recording.image(&id.parse().unwrap()), Path::new("/"));
    assert_eq!(dump("adversarial@9=000000"), "");
    assert_eq!(dump("adversarial@9=110000"), format!("a #0 x1 7 bytes {}\n", sum(b"content")));
    assert_eq!(dump("adversarial@9=100000"), "a #0 x1 0 bytes 0\n");
    // The length without the data.
    assert_eq!(dump("adversarial@9=000012"), "c #0 x1 7 bytes 0\n");
    assert_eq!(dump("ext4@9=1000"), "a #0 x1 0 bytes 0\n");
    // A prefix of two names, and everything that was written to the second file.
    assert_eq!(dump("btrfs@9=2010"), format!("a #0 x1 0 bytes 0\nb #1 x1 7 bytes {}\n", sum(b"content")));
}

/// Sums up content as `ops::tree` does.
fn sum(bytes: &[u8]) -> String {
    format!("{:x}", bytes.iter().fold(0_u64, |sum, b| sum.wrapping_mul(31).wrapping_add(u64::from(*b))))
}

/// Moves `/new` into place. A crash may leave both names, so recovery completes the move.
fn swap(fs: &MemFs) -> Result<()> {
    create(fs, "/new")?.sync_all(NORMAL)?;
    let _ = fs.sync_directory(Path::new("/"), NORMAL)?;
    fs.note("ready");
    fs.rename(Path::new("/new"), Path::new("/current"))
}

#[test]
fn crashes_during_recovery_are_tried_and_replayed() {
    let run = |careful: bool| {
        let recover = move |fs: &MemFs| -> Result<()> {
            if has(fs, "/new") {
                if careful {
                    fs.hard_link(Path::new("/new"), Path::new("/current"))?;
                    let _ = fs.sync_directory(Path::new("/"), NORMAL)?;
                    fs.remove_file(Path::new("/new"))?;
                } else {
                    fs.remove_file(Path::new("/new"))?;
                    create(fs, "/current")?.sync_all(NORMAL)?;
                }
            }
            Ok(())
        };
        CrashSweep::new().budget(Budget::Quick).recovery(recover)
    };
    let check = |image: &MemFs, notes: &Notes| {
        if notes.contains("ready") && !has(image, "/new") && !has(image, "/current") {
            return Err("both are gone");
        }
        Ok(())
    };
    let report = run(true).run(swap, check).unwrap();
    let (states, from, of) = report.profiles[0].recoveries.unwrap();
    assert!(states > 5 && from > 2 && of >= from, "{report}");
    assert!(report.to_string().contains("second crash: "), "{report}");
    assert!(report.is_exhaustive(), "{report}");

    let error = run(false).run(swap, check).unwrap_err();
    let failure = error.failure().unwrap();
    assert!(failure.state.to_string().contains('/'), "{}", failure.state);
    assert!(failure.explanation.contains("the second, during recovery:"), "{error}");
    let again = run(false).replay(&failure.state, swap, check).unwrap_err();
    assert_eq!(again.failure(), error.failure());
}

/// A sweep that samples the first crashes is not exhaustive, and neither is one that samples the states of a recovery.
#[test]
fn a_sample_of_second_crashes_is_reported() {
    let touch = |fs: &MemFs, names: u32| -> Result<()> {
        for n in 0..names {
            create(fs, &format!("/{n}"))?;
            fs.note("made");
        }
        Ok(())
    };
    let sweep = |first: u32, second: u32| {
        let sweep = CrashSweep::new().models([Profile::Adversarial]).budget(Budget::Quick);
        sweep.recovery(move |fs| touch(fs, second)).run(|fs: &MemFs| touch(fs, first), fine).unwrap()
    };
    assert!(sweep(2, 8).is_exhaustive());
    let many_states = sweep(2, 9);
    assert!(!many_states.is_exhaustive() && many_states.profiles[0].sampled_points > 0, "{many_states}");
    let many_firsts = sweep(8, 1);
    let (_, from, of) = many_firsts.profiles[0].recoveries.unwrap();
    assert!(!many_firsts.is_exhaustive() && from < of, "{many_firsts}");
}

/// A recovery that overwrites many sectors can leave more contents than a sweep tries.
#[test]
fn classes_of_contents_in_a_second_crash_are_reported() {
    let classed = |sectors: usize| {
        let make = |fs: &MemFs| -> Result<()> {
            create(fs, "/f")?;
            fs.note("made");
            Ok(())
        };
        let recover = move |fs: &MemFs| -> Result<()> {
            if !has(fs, "/f") {
                return Ok(());
            }
            let file = fs.open(Path::new("/f"), &FsOpenOptions::new().write(true))?;
            file.write_at(&vec![1; sectors * 512], 0)
        };
        let sweep = CrashSweep::new().models([Profile::Adversarial]).budget(Budget::Quick);
        sweep.recovery(recover).run(make, fine).unwrap().profiles[0].classed_points
    };
    assert_eq!(classed(1), 0);
    assert!(classed(20) > 0);
}

#[test]
fn an_error_of_the_recovery_is_a_failure() {
    let error = CrashSweep::new()
        .recovery(|fs: &MemFs| if has(fs, "/current") { Err("cannot open") } else { Ok(()) })
        .run(swap, fine)
        .unwrap_err();
    assert_eq!(error.failure().unwrap().message, "the recovery failed: cannot open");
}

/// Returns the steps of a process that claims `/t` by creating it, and fills it. If another process was first, it gives
/// up. Unless `exclusive` is set, it relies on an earlier look at `/t`, so that two processes can claim it.
fn creator<'m>(claimed: &Rc<Cell<u32>>, exclusive: bool) -> Vec<Step<'m>> {
    let claimed = Rc::clone(claimed);
    let mine = Rc::new(Cell::new(false));
    let step = |act: fn(&MemFs)| {
        let mine = Rc::clone(&mine);
        Box::new(move |fs: &MemFs| {
            if mine.get() {
                act(fs);
            }
        }) as Step<'m>
    };
    let seen = Rc::new(Cell::new(false));
    let looked = Rc::clone(&seen);
    let claim = {
        let mine = Rc::clone(&mine);
        Box::new(move |fs: &MemFs| {
            let made = fs.create_dir(Path::new("/t")).is_ok();
            mine.set(if exclusive { made } else { !seen.get() });
            claimed.set(claimed.get() + u32::from(mine.get()));
        }) as Step<'m>
    };
    vec![
        Box::new(move |fs: &MemFs| looked.set(has(fs, "/t"))),
        claim,
        step(|fs| drop(create(fs, "/t/f").unwrap())),
        step(|fs| create(fs, "/t/f").unwrap().sync_all(NORMAL).unwrap()),
        step(|fs| drop(fs.sync_directory(Path::new("/t"), NORMAL))),
        step(|fs| {
            let _ = fs.sync_directory(Path::new("/"), NORMAL).unwrap();
            fs.note("claimed");
        }),
    ]
}

#[test]
fn two_machines_run_in_every_order() {
    let run = |exclusive: bool| {
        let claimed = Rc::new(Cell::new(0));
        let machines = || {
            claimed.set(0);
            [creator(&claimed, exclusive), creator(&claimed, exclusive)]
        };
        let check = |image: &MemFs, notes: &Notes| {
            if notes.len() > 1 {
                return Err("two creators won".to_owned());
            }
            if notes.contains("claimed") && !has(image, "/t/f") { Err("lost".to_owned()) } else { Ok(()) }
        };
        CrashSweep::new().models([Profile::Adversarial]).budget(Budget::Ci).run_interleaved(machines, check)
    };
    let report = run(true).unwrap();
    assert_eq!(report.schedules, Some((924, 924)));
    assert!(report.is_exhaustive(), "{report}");
    let error = run(false).unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!(failure.message, "two creators won");
    let schedule: Schedule = failure.schedule.as_ref().unwrap().to_string().parse().unwrap();
    assert_eq!(Some(&schedule), failure.schedule.as_ref());
}

#[test]
fn many_interleavings_are_sampled_by_seed() {
    let all = |seed| interleavings(12, 12, 50, seed).map(|s| s.to_string()).collect::<Vec<_>>();
    assert_eq!(interleavings(12, 12, 50, 1).of(), 2_704_156);
    assert_eq!(all(1).len(), 50);
    assert_eq!(all(1), all(1));
    assert_ne!(all(1), all(2));
    assert!(all(1).contains(&("a".repeat(12) + &"b".repeat(12))));
    assert_eq!(interleavings(6, 6, 924, 0).count(), 924);
}

#[test]
fn a_report_shows_sampling() {
    let many = |fs: &MemFs| -> Result<()> {
        for index in 0..20 {
            create(fs, &format!("/{index}"))?;
        }
        fs.note("made");
        Ok(())
    };
    let run =
        |budget| CrashSweep::new().models([Profile::Adversarial]).budget(budget).run(many, fine).unwrap();
    let (quick, ci) = (run(Budget::Quick), run(Budget::Ci));
    assert!(!quick.is_exhaustive() && !ci.is_exhaustive());
    assert!(quick.states() < ci.states());
    assert!(quick.to_string().contains(" points were sampled"), "{quick}");
    // 2^20 states at the note, and half of the states at each point that follows a new name.
    assert_eq!(quick.profiles[0].legal, 1 + ((1 << 20) - 1) + (1 << 20));
}

#[test]
fn a_foreign_sync_is_part_of_the_id() {
    let prepared = MemFs::new();
    create(&prepared, "/old").unwrap();
    prepared.settle();
    let sweep = || {
        CrashSweep::new()
            .start_from(&prepared)
            .models([Profile::Btrfs])
            .foreign_syncs([ForeignSync::path("/d/new"), ForeignSync::path("/missing")])
    };
    let workload = |fs: &MemFs| -> Result<()> {
        fs.create_dir(Path::new("/d"))?;
        fs.hard_link(Path::new("/old"), Path::new("/d/link"))?;
        create(fs, "/d/new")?;
        fs.note("made");
        Ok(())
    };
    let check = |image: &MemFs, _: &Notes| {
        if has(image, "/d/new") && !has(image, "/d/link") { Err("half") } else { Ok(()) }
    };
    let error = sweep().run(workload, check).unwrap_err();
    let state = &error.failure().unwrap().state;
    assert!(state.to_string().starts_with("btrfs@3~3."), "{state}");
    assert!(error.to_string().contains("another process, after event 3: fsync of /d/new"), "{error}");
    let again = sweep().replay(state, workload, check).unwrap_err();
    assert_eq!(again.failure(), error.failure());
    CrashSweep::new().start_from(&prepared).models([Profile::Btrfs]).run(workload, check).unwrap();
}

#[test]
fn a_poisoned_inode_gets_no_name_in_strict_mode() {
    let strict = MemFsOptions::new().strict_poison(true).build().unwrap();
    let result = CrashSweep::new().start_from(&strict).run(
        |fs: &MemFs| -> Result<()> {
            fs.fail_next_sync(Path::new("/f"), lsm_fs::errno::EIO, lsm_fs_mem::DirtyPages::Dropped);
            assert!(create(fs, "/f")?.sync_all(NORMAL).is_err());
            create(fs, "/f")?.sync_all(NORMAL)?;
            assert!(fs.hard_link(Path::new("/f"), Path::new("/g")).is_err());
            fs.note("linked");
            Ok(())
        },
        fine,
    );
    assert!(
        matches!(&result, Err(SweepError::Workload(why)) if why.contains("after its sync had failed")),
        "{result:?}"
    );
}

#[test]
fn a_seeded_crash_leaves_a_legal_state() {
    let fs = MemFs::new();
    let _ = create(&fs, "/a").unwrap().write_at(b"x", 0);
    let _ = create(&fs, "/b").unwrap().write_at(b"x", 0);
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..40 {
        seen.insert(crate::ops::tree(&fs.fork().crash(Survives::Seeded(seed)), Path::new("/")));
    }
    // Each file has no name, is empty, holds zeros, or is complete.
    assert!((8..=16).contains(&seen.len()), "{seen:#?}");
}
