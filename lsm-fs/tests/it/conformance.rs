//! `StdFs` and what forwards to it, through the suite, on the filesystem that holds the temporary directory.

use std::sync::Arc;

use lsm_fs::{
    Fs, StdFs,
    conformance::{HostNodes, Subject, run},
};

use crate::child::ChildProcess;

fn conforms<F: Fs + 'static>(make: impl Fn() -> F) {
    let report = run(|_| {
        let dir = tempfile::tempdir().unwrap();
        let subject = Subject::new(make(), dir.path());
        subject.other_process(ChildProcess).odd_nodes(HostNodes).keep(dir)
    });
    println!("{report}");
    report.assert_conforms();
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
