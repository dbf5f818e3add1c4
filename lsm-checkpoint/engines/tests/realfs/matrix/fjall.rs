//! The matrix of fjall's engine, whose manifests are archives of the crate `sfa`.

use std::{io::Read, path::Path};

use fjall::{
    AbstractTree, AnyTree, Config, Guard, KvSeparationOptions, SequenceNumberCounter, config::FilterPolicy,
};
use lsm_checkpoint::{Checkpoint, run_checkpoint};
use lsm_checkpoint_engines::fjall::Source;
use lsm_fs::StdFs;

use super::{
    rows::{Model, Opt, Row, Store},
    tools::{directory, names, verified_and_restored},
};

/// The highest sequence number that a reader may use.
const LATEST: u64 = u64::MAX >> 1;

struct Open {
    tree: AnyTree,
    /// The next number that the engine itself gives.
    next: SequenceNumberCounter,
    visible: SequenceNumberCounter,
}

impl Open {
    fn at(dir: &Path, row: &Row) -> Self {
        let (next, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
        let blobs = KvSeparationOptions::default().separation_threshold(64);
        let mut config = Config::new(dir, next.clone(), visible.clone())
            .with_kv_separation(row.has(Opt::Blobs).then_some(blobs));
        if !row.has(Opt::Filters) {
            config = config.filter_policy(FilterPolicy::disabled());
        }
        Self { tree: config.open().unwrap(), next, visible }
    }

    fn source(&self) -> Source<'_> {
        Source { tree: &self.tree, visible: &self.visible, identity: "a row" }
    }
}

impl Store for Open {
    fn insert(&self, key: &[u8], value: &[u8], seqno: u64) {
        self.tree.insert(key, value, seqno);
        self.visible.fetch_max(seqno + 1);
    }

    fn remove(&self, key: &[u8], seqno: u64) {
        self.tree.remove(key, seqno);
        self.visible.fetch_max(seqno + 1);
    }

    fn remove_range(&self, _: &[u8], _: &[u8], _: u64) {
        unreachable!("the engine has no range tombstones");
    }

    fn remove_prefix(&self, _: &[u8], _: u64) {
        unreachable!("the engine has no range tombstones");
    }

    fn ingest(&self, records: &[(Vec<u8>, Vec<u8>)], seqno: u64) {
        self.next.fetch_max(seqno);
        let mut ingestion = self.tree.ingestion().unwrap();
        for (key, value) in records {
            ingestion.write(key.as_slice(), value.as_slice()).unwrap();
        }
        ingestion.finish().unwrap();
        assert_eq!(self.next.get(), seqno + 1);
        self.visible.fetch_max(seqno + 1);
    }

    fn flush(&self) {
        self.tree.flush_active_memtable(0).unwrap();
    }

    fn compact(&self) {
        self.tree.major_compact(4 << 10, self.visible.get()).unwrap();
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.tree.get(key, LATEST).unwrap().map(|value| value.to_vec())
    }

    fn scan(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.tree.iter(LATEST, None).map(pair).collect()
    }

    fn scan_prefix(&self, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.tree.prefix(prefix, LATEST, None).map(pair).collect()
    }
}

fn pair(guard: fjall::IterGuardImpl) -> (Vec<u8>, Vec<u8>) {
    let (key, value) = guard.into_inner().unwrap();
    (key.to_vec(), value.to_vec())
}

fn sections(path: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let archive = sfa::Reader::new(path).unwrap();
    let section = |entry: &sfa::TocEntry| {
        let mut payload = Vec::new();
        entry.buf_reader(path).unwrap().read_to_end(&mut payload).unwrap();
        (entry.name().to_vec(), payload)
    };
    archive.toc().iter().map(section).collect()
}

fn try_row(row: &Row, dir: &Path) {
    let path = |name: &str| dir.join(name);
    let live = Open::at(&path("live"), row);
    let mut model = Model::filled(row, &live);
    let info = run_checkpoint(&live.source(), &StdFs, &path("ours")).unwrap();
    let name = format!("v{}", info.version_id);
    assert_eq!(sections(&path("ours").join(&name)), sections(&path("live").join(&name)), "{row:?}");

    verified_and_restored(&path("ours"), &path("restored"));
    model.check(row, &Open::at(&path("restored"), row));
    model.round(row, &live);
    let base = path("ours");
    let increment = Checkpoint::new().base(&base);
    increment.create(&live.source(), &StdFs, &path("increment")).unwrap();
    verified_and_restored(&path("increment"), &path("grown"));
    model.check(row, &Open::at(&path("grown"), row));
    model.check(row, &live);
}

/// Nothing was ever written to the tree. The engine makes the folders at once.
#[test]
fn an_empty_tree_has_the_same_folders() {
    for row in [Row::of_none(), Row::of_one(Opt::Blobs)] {
        let dir = directory();
        let path = |name: &str| dir.path().join(name);
        let live = Open::at(&path("live"), &row);
        run_checkpoint(&live.source(), &StdFs, &path("ours")).unwrap();
        assert_eq!(names(&path("ours")), names(&path("live")), "{row:?}");

        verified_and_restored(&path("ours"), &path("restored"));
        let restored = Open::at(&path("restored"), &row);
        let mut model = Model::default();
        model.check(&row, &restored);
        model.round(&row, &restored);
        model.check(&row, &restored);
    }
}

#[test]
fn each_row() {
    for row in Row::of(&[Opt::Blobs, Opt::Filters, Opt::Ingested]) {
        try_row(&row, directory().path());
    }
}
