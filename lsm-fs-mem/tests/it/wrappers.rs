//! A wrapper without any settings behaves like the backend that it wraps.

use std::{
    any::Any,
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use crate::conformance::Odd;
use lsm_fs::{
    Fs, FsOpenOptions, Op, StdFs,
    conformance::{HostNodes, OtherProcess, Report, Subject, run},
    errno,
};
use lsm_fs_mem::{DirtyPages, DurabilityAudit, Fault, FaultFs, MemFs, MemFsOptions, TraceFs, VolumeOptions};

/// Counts the calls that a wrapper has seen.
type Calls = Box<dyn Fn() -> u64 + Send + Sync>;

fn of_faults<F: Fs + Clone + 'static>(fs: &FaultFs<F>) -> Option<Calls> {
    let fs = fs.clone();
    Some(Box::new(move || fs.counts().values().sum()))
}

fn of_lines<F: Fs + Clone + 'static>(fs: &TraceFs<F>) -> Option<Calls> {
    let fs = fs.clone();
    Some(Box::new(move || fs.text().lines().count() as u64))
}

fn counted(subject: Subject, calls: Option<Calls>) -> Subject {
    match calls {
        Some(calls) => subject.call_counter(calls),
        None => subject,
    }
}

/// Runs the suite on the host's filesystem, through a wrapper, with syncs that fail on request.
fn on_host<W: Fs + 'static>(
    wrap: impl Fn(FaultFs<StdFs>) -> W,
    calls: impl Fn(&W) -> Option<Calls>,
) -> Report {
    run(|_| {
        let dir = tempfile::tempdir().unwrap();
        let failing: Arc<Mutex<BTreeSet<PathBuf>>> = Arc::default();
        let faulty = FaultFs::new(StdFs);
        for op in [Op::SyncAll, Op::SyncData, Op::SyncDirectory] {
            let failing = Arc::clone(&failing);
            faulty.inject(
                Fault::on(op).where_path(move |path| failing.lock().unwrap().contains(path)).every(1),
            );
        }
        let fs = wrap(faulty);
        let calls = calls(&fs);
        counted(Subject::new(fs, dir.path()), calls)
            .odd_nodes(HostNodes)
            .sync_fault(move |path, fails| {
                let mut failing = failing.lock().unwrap();
                if fails {
                    failing.insert(path.to_path_buf());
                } else {
                    failing.remove(path);
                }
            })
            .keep(dir)
    })
}

/// A second user of a filesystem in memory. It does the work of another process on the host.
struct OtherUser(MemFs);

impl OtherProcess for OtherUser {
    fn lock_file(&self, path: &Path) -> Box<dyn Any> {
        let file = self.0.open(path, &FsOpenOptions::new().read(true)).unwrap();
        assert!(file.try_lock_exclusive().unwrap());
        Box::new(file)
    }

    fn lock_directory(&self, path: &Path) -> Box<dyn Any> {
        Box::new(self.0.try_lock_directory(path).unwrap().unwrap())
    }
}

/// Runs the suite on a filesystem in memory, through a wrapper.
fn in_memory<W: Fs + 'static>(wrap: impl Fn(MemFs) -> W, calls: impl Fn(&W) -> Option<Calls>) -> Report {
    run(|_| {
        let volume = VolumeOptions::new();
        let fs = MemFsOptions::new().root(volume.clone()).volume("/other", volume).build().unwrap();
        fs.create_dir(Path::new("/root")).unwrap();
        let (failing, other, odd) = (fs.clone(), OtherUser(fs.clone()), Odd(fs.clone()));
        let fs = wrap(fs);
        let calls = calls(&fs);
        let subject = counted(Subject::new(fs, "/root"), calls).other_volume("/other").mount_point("/other");
        subject.odd_nodes(odd).other_process(other).sync_fault(move |path, fails| {
            if fails {
                failing.fail_syncs(path, errno::EIO, DirtyPages::Kept);
            } else {
                failing.heal_syncs(path);
            }
        })
    })
}

#[test]
fn every_wrapper_conforms_in_memory_without_exemption() {
    in_memory(FaultFs::new, of_faults).assert_conforms_without_exemption();
    in_memory(TraceFs::new, of_lines).assert_conforms_without_exemption();
    in_memory(|fs| DurabilityAudit::new(fs, "/"), |_| None).assert_conforms_without_exemption();
    in_memory(|fs| DurabilityAudit::new(TraceFs::new(FaultFs::new(fs)), "/"), |fs| of_lines(fs.inner()))
        .assert_conforms_without_exemption();
}

/// Asserts that all checks passed. A host directory may lack clones, a second volume, and a second process.
fn conforms(report: &Report) {
    report.assert_conforms();
    assert!(report.not_applicable().count() <= 10, "{report}");
    assert!(report.outcomes().len() > 50, "{report}");
}

#[test]
fn fault_fs_conforms_on_the_host() {
    conforms(&on_host(|faulty| faulty, of_faults));
}

#[test]
fn trace_fs_conforms_on_the_host() {
    conforms(&on_host(TraceFs::new, of_lines));
}

#[test]
fn durability_audit_conforms_on_the_host() {
    conforms(&on_host(|faulty| DurabilityAudit::new(faulty, "/"), |fs| of_faults(fs.inner())));
}
