//! Tests of the suite: a correct backend passes every check, and every check fails for some broken backend.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use lsm_fs::conformance::{Check, Failure, Subject, checks};

use crate::{
    broken::{Broken, Defect, OTHER_VOLUME},
    child::ChildProcess,
    conformance::{keeps_the_contract, with_nodes},
};

/// Returns a scratch directory. It is in memory if the host has `/dev/shm`, because thousands of subjects are synced.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn subject(defect: Defect) -> Subject {
    let dir = scratch();
    let (root, other) = (dir.path().join("root"), dir.path().join(OTHER_VOLUME));
    std::fs::create_dir(&root).unwrap();
    std::fs::create_dir(&other).unwrap();
    let fs = Broken::new(defect);
    let (faults, calls) = (fs.faults(), fs.calls());
    let subject = match mount_point() {
        Some(mount) => Subject::new(fs, root).mount_point(mount),
        None => Subject::new(fs, root),
    };
    with_nodes(subject)
        .call_counter(move || calls.load(Ordering::Relaxed))
        .other_volume(other)
        .other_process(ChildProcess)
        .sync_fault(move |path, fail| {
            let mut faults = faults.lock().unwrap();
            if fail {
                faults.insert(path.to_path_buf())
            } else {
                faults.remove(path)
            };
        })
        .keep(dir)
}

/// A mount that every Linux system has. std does not distinguish mounts.
fn mount_point() -> Option<&'static str> {
    let is_mount =
        std::fs::read_to_string("/proc/self/mounts").is_ok_and(|mounts| mounts.contains(" /dev/shm "));
    (is_mount && !cfg!(lsm_fs_portable)).then_some("/dev/shm")
}

#[test]
fn a_correct_backend_passes_without_exemption() {
    let report = lsm_fs::conformance::run(|_| subject(Defect::None));
    println!("{report}");
    if cfg!(any(lsm_fs_portable, windows)) {
        keeps_the_contract(&report);
    } else {
        report.assert_conforms_without_exemption();
    }
}

fn violates(check: Check, defect: Defect) -> bool {
    matches!(check.run(&subject(defect)), Err(Failure::Violated(_)))
}

/// The maximum number of checks that a defect may fail and still count as evidence for one of them. A backend with
/// short reads, or without paths in its errors, fails nearly all checks and is no evidence for any.
const NARROW: usize = 8;

#[test]
#[cfg(all(unix, not(lsm_fs_portable)))]
fn every_defect_is_found_and_every_check_can_fail() {
    let next = AtomicUsize::new(0);
    let found: Mutex<BTreeMap<Defect, Vec<&str>>> = Mutex::default();
    let work = || {
        while let Some(&defect) = Defect::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
            let finders = checks().filter(|check| violates(*check, defect)).map(|check| check.name).collect();
            found.lock().unwrap().insert(defect, finders);
        }
    };
    std::thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(work))));
    let found = found.into_inner().unwrap();
    let undetected: Vec<_> = found.iter().filter(|(_, finders)| finders.is_empty()).map(|(d, _)| d).collect();
    let mut seen: BTreeMap<&str, Vec<Defect>> = checks().map(|check| (check.name, Vec::new())).collect();
    for (defect, finders) in found.iter().filter(|(_, finders)| finders.len() <= NARROW) {
        for check in finders {
            seen.get_mut(check).unwrap().push(*defect);
        }
    }
    assert!(undetected.is_empty(), "no check finds {undetected:?}");
    let idle: Vec<_> = seen.iter().filter(|(_, defects)| defects.is_empty()).map(|(name, _)| name).collect();
    assert!(idle.is_empty(), "never seen to fail for their own sake: {idle:#?}");
    println!("{} defects, {} checks: {seen:#?}", Defect::ALL.len(), seen.len());
}

#[test]
fn a_report_counts_and_names_failed_checks() {
    let report = lsm_fs::conformance::run(|_| subject(Defect::CreateNewIgnored));
    let text = report.to_string();
    assert!(text.contains("VIOLATED        names::create_new_refuses_an_existing_name: "), "{text}");
    let caught = std::panic::catch_unwind(|| report.assert_conforms()).unwrap_err();
    assert!(caught.downcast_ref::<String>().unwrap().contains("VIOLATED"));
}
