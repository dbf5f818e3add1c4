//! The conformance suite on a tree of any engine.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use lsm_checkpoint::{
    BoxError, CheckpointSource,
    conformance::{Contents, Outcome, Reader, Subject, Tree, run},
};
use lsm_checkpoint_engines::{
    engine::Engine,
    kind::{Kind, Special, Which},
    owner,
};

/// A tree with the number of its last write. The engines require their user to count writes.
struct Numbered {
    engine: Box<dyn Engine>,
    last: AtomicU64,
}

impl Numbered {
    fn open(open: Open, kind: Kind, dir: &Path) -> Result<Box<dyn Tree>, BoxError> {
        owner::refuse_checkpoint(dir)?;
        let engine = open(dir, kind)?;
        let last = AtomicU64::new(engine.source().visible_seqno().unwrap_or(0));
        Ok(Box::new(Self { engine, last }))
    }

    fn next(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Tree for Numbered {
    fn put(&self, key: &[u8], value: &[u8]) -> Result<Option<u64>, BoxError> {
        let seqno = self.next();
        self.engine.insert(key, value, seqno);
        Ok(Some(seqno))
    }

    fn delete(&self, key: &[u8]) -> Result<Option<u64>, BoxError> {
        let seqno = self.next();
        self.engine.remove(key, seqno);
        Ok(Some(seqno))
    }

    fn flush(&self) -> Result<(), BoxError> {
        self.engine.flush()
    }

    fn compact(&self) -> Result<(), BoxError> {
        self.engine.compact_all()
    }

    fn contents(&self) -> Result<Contents, BoxError> {
        self.engine.records()
    }

    fn source(&self) -> Box<dyn CheckpointSource + '_> {
        self.engine.source()
    }

    fn reader(&self) -> Option<Reader<'_>> {
        self.engine.reader()
    }

    fn unlinks_in_background(&self) -> bool {
        self.engine.unlinks_in_background()
    }
}

/// Checks that cannot run, because the engines do their own I/O and cannot run on `MemFs`.
pub(super) const OUT_OF_REACH: [&str; 2] = [
    "crashes::a_crash_at_any_moment_leaves_all_or_nothing",
    "crashes::a_kill_at_any_call_is_survived_and_so_is_a_crash_after_it",
];

/// A check that cannot run, because no reader of an older moment can be opened here.
#[allow(dead_code, reason = "version 7 has such readers")]
pub(super) const NO_READERS: &str = "between::a_flush_spares_older_readers";

/// A check that fails. A compaction sets the numbers of old writes to 0, so the engine does not know its last number
/// after an open.
pub(super) const NO_COUNTER: &str = "identity::a_copy_claims_no_write_that_it_lacks";

/// Opens a tree of an engine.
pub(super) type Open = fn(&Path, Kind) -> Result<Box<dyn Engine>, BoxError>;

/// Returns the trees of coordinode's engines: with default options, with blob files, and with the options of
/// [`Special`].
pub(super) fn coordinode(which: Which) -> [Kind; 4] {
    let [encrypted, descending] =
        [Special::Encrypted, Special::Descending].map(|special| Kind::special(which, special));
    [Kind::new(which, false), Kind::new(which, true), encrypted, descending]
}

/// Runs all checks on each kind of tree. `lacking` lists the checks that fail because of the engine, and `idle` the
/// checks that cannot run.
pub(super) fn passes(open: Open, kinds: &[Kind], lacking: &[&str], idle: &[&str]) {
    // Run in memory if the host has such a mount, because a run makes several thousand syncs.
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    for &kind in kinds {
        let report = run(&Subject::on_host(dir.path(), move |dir| Numbered::open(open, kind, dir)));
        println!("{kind:?}\n{report}");
        let names =
            |outcomes: Vec<&Outcome>| outcomes.iter().map(|outcome| outcome.check.name).collect::<Vec<_>>();
        assert_eq!(names(report.failures().collect()), lacking, "{kind:?}\n{report}");
        assert_eq!(names(report.not_applicable().collect()), idle, "{kind:?}\n{report}");
    }
}
