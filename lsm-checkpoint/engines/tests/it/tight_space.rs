//! Tight space: version 5.7.0 cuts tables in place, by punching holes into their inodes.

mod tight_fs;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use coordinode_v5::{
    AbstractTree, AnyTree, Config, SequenceNumberCounter,
    config::{BlockSizePolicy, FilterPolicy},
};
use lsm_checkpoint::{CheckpointDir, VerifyOptions, restore, run_checkpoint, verify};
use lsm_checkpoint_engines::coordinode_v5::Source;
use lsm_fs::{FsExt, StdFs};

use tight_fs::TightFs;

const KEYS: u64 = 1_500;

/// The highest sequence number that a reader may use.
const LATEST: u64 = u64::MAX >> 1;

/// A tree with one table, on a filesystem that can run out of space.
struct Fixture {
    dir: tempfile::TempDir,
    fs: Arc<TightFs>,
    tree: AnyTree,
    visible: SequenceNumberCounter,
}

fn open(dir: &Path, fs: Arc<dyn coordinode_v5::fs::Fs>, visible: &SequenceNumberCounter) -> AnyTree {
    Config::new(dir, SequenceNumberCounter::default(), visible.clone())
        .data_block_size_policy(BlockSizePolicy::all(512))
        .filter_policy(FilterPolicy::disabled())
        .with_shared_fs(fs)
        .open()
        .unwrap()
}

fn key(n: u64) -> String {
    format!("key{n:08}")
}

impl Fixture {
    fn new() -> Self {
        let (dir, fs, visible) =
            (tempfile::tempdir().unwrap(), Arc::new(TightFs::default()), SequenceNumberCounter::default());
        let tree = open(&dir.path().join("live"), fs.clone(), &visible);
        for n in 0..KEYS {
            tree.insert(key(n), [b'v'; 64], n);
            visible.fetch_max(n + 1);
        }
        tree.flush_active_memtable(0).unwrap();
        Self { dir, fs, tree, visible }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn set_tight(&self, is_tight: bool) {
        let AnyTree::Standard(tree) = &self.tree else { panic!("it has no blobs") };
        tree.update_runtime_config(|config| {
            config.storage_admission_check = is_tight;
            config.tight_space_compaction = is_tight;
        })
        .unwrap();
        self.fs.set_full(is_tight);
    }

    fn checkpoint(&self, name: &str) -> Result<(), String> {
        let source =
            Source { tree: &self.tree, visible: &self.visible, identity: "a tight tree", encryption: None };
        run_checkpoint(&source, &StdFs, &self.path(name)).map(drop).map_err(|error| error.to_string())
    }

    fn compact(&self) -> coordinode_v5::Result<()> {
        self.tree.major_compact(64 << 20, 0).map(drop)
    }

    /// Verifies every byte of a checkpoint, restores it, and reads every key.
    fn assert_right(&self, name: &str) {
        let report = verify(&StdFs, &self.path(name), &VerifyOptions::full()).unwrap();
        assert!(report.is_sound(), "{name}: {report}");
        let restored = self.path(&format!("{name}-restored"));
        restore(&CheckpointDir::open(Arc::new(StdFs), self.path(name)).unwrap(), &StdFs, &restored).unwrap();
        assert_all(
            &open(&restored, Arc::new(coordinode_v5::fs::StdFs), &SequenceNumberCounter::default()),
            name,
        );
    }
}

fn assert_all(tree: &AnyTree, name: &str) {
    let right =
        (0..KEYS).filter(|&n| tree.get(key(n), LATEST).unwrap().is_some_and(|value| *value == [b'v'; 64]));
    assert_eq!(right.count() as u64, KEYS, "{name}");
    assert_eq!(tree.len(LATEST, None).unwrap() as u64, KEYS, "{name}");
}

/// A copy of each table is unaffected by a cut of its source.
#[test]
fn checkpoints_before_and_during_a_cut_are_right_or_refused() {
    let fixture = Arc::new(Fixture::new());
    fixture.set_tight(true);
    fixture.checkpoint("before").unwrap();
    let during = Arc::new(std::sync::Mutex::new(Vec::new()));
    fixture.fs.at_each_new_table({
        let (fixture, during) = (Arc::downgrade(&fixture), Arc::clone(&during));
        move |n| {
            let name = format!("during-{n}");
            let made = fixture.upgrade().unwrap().checkpoint(&name);
            during.lock().unwrap().push((name, made));
            Ok(())
        }
    });
    fixture.compact().unwrap();
    assert!(fixture.fs.cuts() > 0, "the compaction cut nothing");
    fixture.assert_right("before");
    let during = std::mem::take(&mut *during.lock().unwrap());
    assert!(during.len() > 3, "{during:?}");
    for (name, made) in during {
        match made {
            Ok(()) => fixture.assert_right(&name),
            Err(said) => {
                assert!(said.contains("tight space has cut table"), "{name}: {said}");
                assert!(!StdFs.exists(&fixture.path(&name)).unwrap(), "{name}");
            }
        }
    }
    fixture.checkpoint("after").unwrap();
    fixture.assert_right("after");
    assert_all(&fixture.tree, "the source");
}

/// A cut table is still refused after the option was switched off, and after the tree was opened again.
#[test]
fn a_cut_table_is_refused_as_long_as_it_is_there() {
    let mut fixture = Fixture::new();
    fixture.set_tight(true);
    let failed = Arc::new(AtomicBool::new(false));
    fixture.fs.at_each_new_table({
        let failed = Arc::clone(&failed);
        move |n| {
            if n < 2 {
                return Ok(());
            }
            failed.store(true, Ordering::SeqCst);
            Err(std::io::Error::other("the second slice fails").into())
        }
    });
    assert!(fixture.compact().is_err() && failed.load(Ordering::SeqCst));
    fixture.fs.at_each_new_table(|_| Ok(()));
    for round in ["while it is on", "when it is off", "after an open"] {
        let said = fixture.checkpoint("refused").unwrap_err();
        assert!(said.contains("tight space has cut table"), "{round}: {said}");
        assert!(!StdFs.exists(&fixture.path("refused")).unwrap(), "{round}");
        fixture.set_tight(false);
        if round == "when it is off" {
            drop(fixture.tree);
            fixture.tree = open(&fixture.dir.path().join("live"), fixture.fs.clone(), &fixture.visible);
        }
    }
    assert_all(&fixture.tree, "the source");
}
