//! Runs the suite on `StdFs` and on wrappers around it, on the filesystem of the temporary directory.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use lsm_fs::{
    Fs, StdFs,
    conformance::{Report, Subject, run},
    intercept::{Call, InterceptFs, Interceptor, Outcome},
};

use crate::{child::ChildProcess, required::Required};

/// The checks that wine fails and Windows passes, each with its reason. A check that passes must leave the list.
const UNDER_WINE: &str = include_str!("wine.txt");

pub(crate) fn keeps_the_contract(report: &Report) {
    let broken: Vec<_> = report.failures().map(|outcome| outcome.check.name).collect();
    let is_wine = cfg!(windows) && std::env::var_os("LSM_FS_WINE").is_some();
    let listed = UNDER_WINE.lines().filter(|line| is_wine && !line.starts_with('#'));
    let expected: Vec<_> = listed.filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(broken, expected, "{report}");
}

/// Adds symbolic links and special files to the subject, on hosts on which a test can make them.
pub(crate) fn with_nodes(subject: Subject) -> Subject {
    #[cfg(unix)]
    let subject = subject.odd_nodes(lsm_fs::conformance::HostNodes);
    subject
}

fn conforms<F: Fs + 'static>(make: impl Fn() -> F) {
    let report = run(|check| {
        println!("{}", check.name);
        let dir = tempfile::tempdir().unwrap();
        let subject = Subject::new(make(), dir.path());
        with_nodes(subject).other_process(ChildProcess).keep(dir)
    });
    println!("{report}");
    keeps_the_contract(&report);
}

#[test]
fn std_fs() {
    conforms(|| StdFs);
}

/// A backend without optional abilities conforms.
#[test]
fn a_backend_with_only_the_required_methods_conforms() {
    conforms(|| Required::new(StdFs, 1));
    conforms(|| Required::new(StdFs, 80));
}

/// An interceptor observes every call, including the calls of batches.
#[test]
fn an_intercepted_backend_conforms() {
    let report = run(|_| {
        let dir = tempfile::tempdir().unwrap();
        let fs = InterceptFs::new(StdFs, Counter::default());
        let calls = Arc::clone(&fs.interceptor().0);
        let subject = Subject::new(fs, dir.path()).call_counter(move || calls.load(Ordering::Relaxed));
        with_nodes(subject).other_process(ChildProcess).keep(dir)
    });
    keeps_the_contract(&report);
}

#[derive(Debug, Default)]
struct Counter(Arc<AtomicU64>);

impl Interceptor for Counter {
    type File = ();

    fn around<R: Outcome>(
        &self,
        _: Option<&()>,
        _: &Call<'_>,
        run: impl FnOnce() -> lsm_fs::Result<R>,
    ) -> lsm_fs::Result<R> {
        self.0.fetch_add(1, Ordering::Relaxed);
        run()
    }
}

#[test]
fn std_fs_behind_pointers_conforms() {
    conforms(|| Arc::new(Box::new(&StdFs)));
    conforms(|| -> Arc<dyn Fs> { Arc::new(StdFs) });
}
