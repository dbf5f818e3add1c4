//! `StdFs` and what forwards to it, through the suite, on the filesystem that holds the temporary directory.

use std::sync::Arc;

use lsm_fs::{
    Fs, StdFs,
    conformance::{HostNodes, Report, Subject, run},
};

use crate::child::ChildProcess;

/// std alone has no handle on a directory, so a root does not follow it; the documentation of `StdFs` says so.
pub(crate) fn keeps_the_contract(report: &Report) {
    if !cfg!(lsm_fs_portable) {
        return report.assert_conforms();
    }
    let broken: Vec<_> = report.failures().map(|outcome| outcome.check.name).collect();
    assert_eq!(broken, ["beneath::a_root_follows_its_directory"], "{report}");
}

fn conforms<F: Fs + 'static>(make: impl Fn() -> F) {
    let report = run(|_| {
        let dir = tempfile::tempdir().unwrap();
        let subject = Subject::new(make(), dir.path());
        subject.other_process(ChildProcess).odd_nodes(HostNodes).keep(dir)
    });
    println!("{report}");
    keeps_the_contract(&report);
}

#[test]
fn std_fs() {
    conforms(|| StdFs);
}

#[test]
fn std_fs_behind_pointers() {
    conforms(|| Arc::new(Box::new(&StdFs)));
    conforms(|| -> Arc<dyn Fs> { Arc::new(StdFs) });
}
