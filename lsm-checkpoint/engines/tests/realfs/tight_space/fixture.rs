//! A tree of either version, with the same tests of its state.

/// The number of keys of a tree.
pub(super) const KEYS: u64 = 1_500;

/// The highest sequence number that a reader may use.
pub(super) const LATEST: u64 = u64::MAX >> 1;

pub(super) fn key(n: u64) -> String {
    format!("key{n:08}")
}

/// A tree with one table, on a filesystem that can run out of space.
macro_rules! fixture {
    ($engine:ident, $source:expr) => {
        use std::{
            path::{Path, PathBuf},
            sync::Arc,
        };

        use lsm_checkpoint::{
            Checkpoint, CheckpointDir, CheckpointSource, Policy, VerifyOptions, restore, verify,
        };
        use lsm_fs::{FsExt, StdFs};
        use $engine::{
            AbstractTree, AnyTree, Config, SequenceNumberCounter,
            config::{BlockSizePolicy, FilterPolicy},
        };

        use super::fixture::{KEYS, LATEST, key};

        mod tight_fs {
            super::super::tight_fs::tight_fs!($engine);
        }
        use tight_fs::TightFs;

        struct Fixture {
            dir: tempfile::TempDir,
            fs: Arc<TightFs>,
            tree: AnyTree,
            visible: SequenceNumberCounter,
        }

        fn open(dir: &Path, fs: Arc<dyn $engine::fs::Fs>, visible: &SequenceNumberCounter) -> AnyTree {
            Config::new(dir, SequenceNumberCounter::default(), visible.clone())
                .data_block_size_policy(BlockSizePolicy::all(512))
                .filter_policy(FilterPolicy::disabled())
                .with_shared_fs(fs)
                .open()
                .unwrap()
        }

        impl Fixture {
            fn new() -> Self {
                let (fs, visible) = (Arc::new(TightFs::default()), SequenceNumberCounter::default());
                let dir = tempfile::tempdir().unwrap();
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

            fn checkpoint(&self, name: &str, policy: Policy) -> Result<(), String> {
                let source: fn(&Self) -> Box<dyn CheckpointSource + '_> = $source;
                let made = Checkpoint::new().policy(policy).create(&*source(self), &StdFs, &self.path(name));
                made.map(drop).map_err(|error| error.to_string())
            }

            fn compact(&self) -> $engine::Result<()> {
                self.tree.major_compact(64 << 20, 0).map(drop)
            }

            /// Takes a checkpoint before each new table of a compaction. Returns their names and results.
            fn compact_with_checkpoints(
                self: &Arc<Self>,
                policy: Policy,
            ) -> Vec<(String, Result<(), String>)> {
                let during = Arc::new(std::sync::Mutex::new(Vec::new()));
                self.fs.at_each_new_table({
                    let (fixture, during) = (Arc::downgrade(self), Arc::clone(&during));
                    move |n| {
                        let name = format!("during-{n}");
                        let made = fixture.upgrade().unwrap().checkpoint(&name, policy);
                        during.lock().unwrap().push((name, made));
                        Ok(())
                    }
                });
                self.compact().unwrap();
                self.fs.at_each_new_table(|_| Ok(()));
                let during = std::mem::take(&mut *during.lock().unwrap());
                assert!(during.len() > 3, "{during:?}");
                during
            }

            /// Verifies every byte of a checkpoint, restores it, and reads every key.
            fn assert_right(&self, name: &str) {
                let report = verify(&StdFs, &self.path(name), &VerifyOptions::full()).unwrap();
                assert!(report.is_sound(), "{name}: {report}");
                let restored = self.path(&format!("{name}-restored"));
                let checkpoint = CheckpointDir::open(Arc::new(StdFs), self.path(name)).unwrap();
                restore(&checkpoint, &StdFs, &restored).unwrap();
                let fs = Arc::new($engine::fs::StdFs);
                assert_all(&open(&restored, fs, &SequenceNumberCounter::default()), name);
            }

            /// Checks that a checkpoint is right, or was refused with these words and left nothing.
            fn assert_right_or_refused(&self, name: &str, made: Result<(), String>, words: &str) {
                match made {
                    Ok(()) => self.assert_right(name),
                    Err(said) => {
                        assert!(said.contains(words), "{name}: {said}");
                        assert!(!StdFs.exists(&self.path(name)).unwrap(), "{name}");
                    }
                }
            }
        }

        fn assert_all(tree: &AnyTree, name: &str) {
            let is_right =
                |n: &u64| tree.get(key(*n), LATEST).unwrap().is_some_and(|value| *value == [b'v'; 64]);
            assert_eq!((0..KEYS).filter(is_right).count() as u64, KEYS, "{name}");
            assert_eq!(tree.len(LATEST, None).unwrap() as u64, KEYS, "{name}");
        }
    };
}
pub(super) use fixture;
