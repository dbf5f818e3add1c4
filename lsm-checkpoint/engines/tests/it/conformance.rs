//! The conformance suite, run on the three engines in a directory of the host.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use lsm_checkpoint::{
    BoxError, CheckpointSource,
    conformance::{Contents, Outcome, Reader, Subject, Tree, run},
};
use lsm_checkpoint_engines::{
    engine::Engine,
    kind::{Kind, Special, Which},
};

/// A tree with the number of its last write. The engines require their user to count writes.
struct Numbered {
    engine: Arc<dyn Engine>,
    last: AtomicU64,
}

impl Numbered {
    fn open(kind: Kind, dir: &Path) -> Result<Box<dyn Tree>, BoxError> {
        let engine = kind.open(dir)?;
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
const OUT_OF_REACH: [&str; 2] = [
    "crashes::a_crash_at_any_moment_leaves_all_or_nothing",
    "crashes::a_kill_at_any_call_is_survived_and_so_is_a_crash_after_it",
];

/// A check that cannot run, because no reader of an older moment can be opened here.
const NO_READERS: &str = "between::a_flush_spares_older_readers";

/// A check that fails. A compaction sets the numbers of old writes to 0, so the engine does not know its last number
/// after an open.
const NO_COUNTER: &str = "identity::a_copy_claims_no_write_that_it_lacks";

/// Returns the trees to try: both kinds, and the options that an adapter must carry.
fn kinds(which: Which) -> Vec<Kind> {
    let mut kinds = vec![Kind::new(which, false), Kind::new(which, true)];
    if which != Which::Fjall {
        kinds.extend([Special::Encrypted, Special::Descending].map(|special| Kind::special(which, special)));
    }
    kinds
}

/// Runs all checks. `lacking` lists the checks that fail because of the engine, and `idle` those that cannot run.
fn passes(which: Which, lacking: &[&str], idle: &[&str]) {
    // Run in memory if the host has such a mount, because a run makes several thousand syncs.
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    for kind in kinds(which) {
        let report = run(&Subject::on_host(dir.path(), move |dir| Numbered::open(kind, dir)));
        println!("{kind:?}\n{report}");
        let names =
            |outcomes: Vec<&Outcome>| outcomes.iter().map(|outcome| outcome.check.name).collect::<Vec<_>>();
        assert_eq!(names(report.failures().collect()), lacking, "{kind:?}\n{report}");
        assert_eq!(names(report.not_applicable().collect()), idle, "{kind:?}\n{report}");
    }
}

#[test]
fn coordinode_v5() {
    passes(Which::CoordinodeV5, &[NO_COUNTER], &[&[NO_READERS], &OUT_OF_REACH[..]].concat());
}

#[test]
fn coordinode_v7() {
    passes(Which::CoordinodeV7, &[NO_COUNTER], &OUT_OF_REACH);
}

#[test]
fn fjall() {
    passes(Which::Fjall, &[], &[&[NO_READERS], &OUT_OF_REACH[..]].concat());
}
