//! Sweeps that find a bug, and sweeps that must fail.

use std::{
    io::Write,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use lsm_fs::{Fs, FsExt, FsOpenOptions, Op, Result, SyncMode, errno};
use lsm_fs_mem::{FaultEffect, FaultFs, FaultSweepError, InjectedFault, fault_replay, fault_sweep};

use crate::backends::{Backend, each};

fn with_old(fresh: &dyn Fn() -> Backend, current: &Path) -> Backend {
    let fs = fresh();
    let _ = fs.rewrite_atomic(current, b"old", SyncMode::Normal).unwrap();
    fs
}

/// Demands the old contents or the new, and the new ones after a success. A temporary file may be left only if its
/// removal failed.
fn old_or_new<T>(fault: &InjectedFault, result: &Result<T>, fs: &dyn Fs, current: &Path) {
    let now = fs.read_to_vec(current, 100).unwrap();
    match result {
        Ok(_) => assert_eq!(now, b"new", "{fault}"),
        Err(e) if e.op() == Op::SyncDirectory => assert_eq!(now, b"new", "{fault}"),
        // The rename took effect but was reported as failed.
        Err(_) if fault.id().to_string() == "rename#1:after-EIO" => assert_eq!(now, b"new"),
        Err(_) => assert_eq!(now, b"old", "{fault}"),
    }
    let names: Vec<_> = fs.read_dir(current.parent().unwrap()).unwrap();
    let leftovers = names.iter().filter(|entry| entry.name != "current").count();
    // An `open` that failed after its effect created a file that the caller cannot know about.
    let unknown = fault.op() == Op::Open && matches!(fault.effect(), FaultEffect::After(_));
    let could_not_remove = matches!(result, Err(e) if e.cleanup_failure().is_some());
    assert!(
        leftovers == 0 || unknown || (could_not_remove && fault.effect() == FaultEffect::Gone),
        "{fault}"
    );
}

#[test]
fn rewrite_atomic_leaves_the_old_contents_or_the_new() {
    each(|fresh, root| {
        let current = root.join("current");
        let new = |fs: &FaultFs<Backend>| fs.rewrite_atomic(&current, b"new", SyncMode::Normal);
        let report = fault_sweep(
            || with_old(fresh, &current),
            new,
            |fault, result, fs| {
                old_or_new(fault, &result, fs, &current);
                // A second attempt succeeds.
                let _ = fs.rewrite_atomic(&current, b"again", SyncMode::Normal)?;
                Ok(())
            },
        )
        .unwrap();
        let expected = "\
call              calls   before    after no-space  refused    short    EINTR     full     gone
open                  1        1        1        1        0        0        0        1        1
rename                1        1        1        1        0        0        0        1        1
sync_directory        1        1        1        0        0        0        0        0        1
write_at              1        1        1        1        0        2        0        1        1
sync_all              1        1        1        1        0        0        0        1        1
25 faults tried";
        assert_eq!(report.to_string(), expected);
    });
}

/// A careless rewrite that removes the old file first.
fn careless(fs: &dyn Fs, current: &Path) -> Result<()> {
    let temp = current.with_extension("tmp");
    fs.write_new(&temp, b"new", SyncMode::Normal)?;
    fs.remove_file(current)?;
    fs.rename(&temp, current)
}

#[test]
fn a_failure_names_the_fault_and_replays_alone() {
    each(|fresh, root| {
        let current = root.join("current");
        let make = || with_old(fresh, &current);
        let check = |fault: &InjectedFault, result: Result<()>, fs: &Backend| {
            old_or_new(fault, &result, fs, &current);
            Ok(())
        };
        let error = fault_sweep(make, |fs| careless(fs, &current), check).unwrap_err();
        let FaultSweepError::Check { fault, cause } = &error else { panic!("{error}") };
        assert_eq!(fault.id().to_string(), "remove_file#1:before-EIO");
        assert!(cause.starts_with("panicked: "), "{cause}");
        assert!(error.to_string().starts_with("remove_file#1:before-EIO on "), "{error}");

        let id = fault.id().to_string().parse().unwrap();
        let again = fault_replay(id, make, |fs| careless(fs, &current), check).unwrap_err();
        assert_eq!(again, error);

        let other = "remove_file#1:after-EIO".parse().unwrap();
        let replayed = fault_replay(other, make, |fs| careless(fs, &current), |_, _, _| Ok(())).unwrap();
        assert_eq!((replayed.nth(), replayed.path()), (1, current.as_path()));
    });
}

#[test]
fn an_error_of_the_check_is_reported_as_the_cause() {
    each(|fresh, root| {
        let sweep = fault_sweep(
            fresh,
            |fs| fs.create_dir(&root.join("d")),
            |fault, result, _| match result {
                Err(e) if e.raw_os_error() == Some(errno::ENOSPC) => Err("no space is not handled".into()),
                Err(_) => Ok(()),
                Ok(()) => Err(format!("{fault} went unseen").into()),
            },
        );
        let error = sweep.unwrap_err();
        assert!(error.to_string().ends_with(": no space is not handled"), "{error}");
        assert!(error.to_string().starts_with("create_dir#1:before-ENOSPC on "), "{error}");
    });
}

#[test]
fn a_swallowed_short_write_is_found() {
    each(|fresh, root| {
        let path = root.join("log");
        let sloppy = |fs: &FaultFs<Backend>| -> std::io::Result<()> {
            let mut file = fs.open(&path, &FsOpenOptions::new().write(true).create_new(true))?;
            let _ = file.write(&[7; 600])?;
            Ok(())
        };
        let error = fault_sweep(fresh, sloppy, |_, result, fs| {
            assert!(result.is_err() || fs.metadata(&path)?.len == 600, "cut");
            Ok(())
        });
        let FaultSweepError::Check { fault, .. } = error.unwrap_err() else { panic!() };
        assert!(matches!(fault.effect(), FaultEffect::Short(_)), "{fault}");

        let careful = |fs: &FaultFs<Backend>| -> std::io::Result<()> {
            let mut file = fs.open(&path, &FsOpenOptions::new().write(true).create_new(true))?;
            file.write_all(&[7; 600])
        };
        let report = fault_sweep(fresh, careful, |fault, result, fs| {
            assert!(result.is_err() || fs.metadata(&path)?.len == 600, "cut");
            let harmless = matches!(fault.effect(), FaultEffect::Short(_) | FaultEffect::Interrupted);
            assert_eq!(result.is_ok(), harmless, "{fault}");
            Ok(())
        });
        // Before, gone, after, no space, full, three short ones, interrupted.
        assert_eq!(report.unwrap().faults_on(Op::Write), 9);
    });
}

#[test]
fn links_and_clones_are_refused_with_every_fallback_errno() {
    each(|fresh, root| {
        let (a, b) = (root.join("a"), root.join("b"));
        let link_or_copy = |fs: &FaultFs<Backend>| match fs.hard_link(&a, &b) {
            Err(e) if e.allows_fallback() => fs.write_new(&b, b"bytes", SyncMode::Normal),
            linked => linked,
        };
        let make = || {
            let fs = fresh();
            fs.write_new(&a, b"bytes", SyncMode::Normal).unwrap();
            fs
        };
        let mut refusals = Vec::new();
        fault_sweep(make, link_or_copy, |fault, result, fs| {
            if result.is_ok() {
                refusals.push(fault.id().to_string());
                assert_eq!(fs.read_to_vec(&b, 10)?, b"bytes");
                assert_eq!(fs.hard_link_count(&a)?, Some(1), "{fault}");
            }
            Ok(())
        })
        .unwrap();
        let expected = ["hard_link#1:before-EXDEV", "hard_link#1:before-EMLINK", "hard_link#1:before-EPERM"];
        assert_eq!(refusals, expected);
    });
}

#[test]
fn a_sweep_that_tests_nothing_fails() {
    each(|fresh, root| {
        let nothing = |_: &FaultFs<Backend>| Ok::<_, String>(());
        let error = fault_sweep(fresh, nothing, |_, _, _| Ok(())).unwrap_err();
        assert_eq!(error, FaultSweepError::NothingInjected);

        let fails = |fs: &FaultFs<Backend>| fs.remove_file(&root.join("missing"));
        let error = fault_sweep(fresh, fails, |_, _, _| Ok(())).unwrap_err();
        assert!(matches!(&error, FaultSweepError::Probe(why) if why.contains("missing")), "{error}");

        let panics = |_: &FaultFs<Backend>| -> Result<()> { panic!("at once") };
        let error = fault_sweep(fresh, panics, |_, _, _| Ok(())).unwrap_err();
        assert_eq!(error, FaultSweepError::Probe("panicked: at once".into()));
    });
}

#[test]
fn a_workload_that_differs_between_runs_is_reported() {
    each(|fresh, root| {
        let runs = AtomicU32::new(0);
        let fickle = |fs: &FaultFs<Backend>| match runs.fetch_add(1, Ordering::Relaxed) {
            0 => fs.create_dir(&root.join("d")),
            _ => Ok(()),
        };
        let error = fault_sweep(fresh, fickle, |_, _, _| Ok(())).unwrap_err();
        assert!(matches!(error, FaultSweepError::NotReached(id) if id.op == Op::CreateDir), "{error}");
    });
}

#[test]
fn a_panic_of_the_workload_fails_the_sweep() {
    each(|fresh, root| {
        let unwraps = |fs: &FaultFs<Backend>| -> Result<()> {
            fs.create_dir(&root.join("d")).unwrap();
            Ok(())
        };
        let error = fault_sweep(fresh, unwraps, |_, _, _| Ok(())).unwrap_err();
        let FaultSweepError::Check { fault, cause } = error else { panic!("{error}") };
        assert_eq!(fault.id().to_string(), "create_dir#1:before-EIO");
        assert!(cause.starts_with("panicked: ") && cause.contains("CreateDir"), "{cause}");
    });
}

#[test]
fn an_id_counts_all_calls_of_its_kind() {
    each(|fresh, root| {
        let path = root.join("f");
        let two_writes = |fs: &FaultFs<Backend>| -> Result<()> {
            let file = fs.open(&path, &FsOpenOptions::new().write(true).create_new(true))?;
            file.write_at(b"x", 0)?; // too short to be cut
            file.write_at(b"yz", 1)
        };
        let id = "write_at#2:short-byte".parse().unwrap();
        let fault = fault_replay(id, fresh, two_writes, |_, result, fs| {
            assert!(result.is_err());
            assert_eq!(fs.read_to_vec(&path, 10)?, b"xy");
            Ok(())
        });
        assert_eq!(fault.unwrap().id(), id);
        let report = fault_sweep(fresh, two_writes, |_, _, _| Ok(())).unwrap();
        assert_eq!(report.calls(Op::WriteAt), 2);
    });
}
