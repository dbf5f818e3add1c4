//! [`Engine`]: what the three engines have in common, as far as the workload needs it.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{BoxError, CheckpointSource};

/// Which engine, of which kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The engine.
    pub which: Which,
    /// Whether large values lie in blob files.
    pub blobs: bool,
}

/// The engines that there are adapters for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// `coordinode-lsm-tree` 5.7.
    CoordinodeV5,
    /// `coordinode-lsm-tree` 7.4.
    CoordinodeV7,
    /// fjall's `lsm-tree` 3.1.
    Fjall,
}

/// Values of this length and more go to blob files.
const SEPARATION_THRESHOLD: u32 = 64;

/// Small, so that a short run has tables on several levels, and compactions all the time.
const TABLE_TARGET_SIZE: u64 = 256 << 10;

impl Which {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::CoordinodeV5, Self::CoordinodeV7, Self::Fjall];

    /// Its name, as crates.io has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CoordinodeV5 => "coordinode-lsm-tree 5.7.0",
            Self::CoordinodeV7 => "coordinode-lsm-tree 7.4.0",
            Self::Fjall => "lsm-tree 3.1.10 (fjall)",
        }
    }
}

impl Kind {
    /// Every engine with both kinds of tree.
    pub fn all() -> impl Iterator<Item = Self> {
        Which::ALL.into_iter().flat_map(|which| [false, true].map(|blobs| Self { which, blobs }))
    }

    /// Opens a tree, or makes one.
    ///
    /// # Errors
    ///
    /// The engine's.
    pub fn open(self, dir: &Path) -> Result<Arc<dyn Engine>, BoxError> {
        Ok(match self.which {
            Which::CoordinodeV5 => Arc::new(v5::Tree::open(dir, self.blobs)?),
            Which::CoordinodeV7 => Arc::new(v7::Tree::open(dir, self.blobs)?),
            Which::Fjall => Arc::new(fjall::Tree::open(dir, self.blobs)?),
        })
    }
}

/// An open tree of a real engine.
pub trait Engine: Send + Sync {
    /// Writes a value. `seqno` is larger than that of every write before.
    fn insert(&self, key: &[u8], value: &[u8], seqno: u64);

    /// Removes a key.
    fn remove(&self, key: &[u8], seqno: u64);

    /// What a key holds.
    ///
    /// # Errors
    ///
    /// The engine's, as in all that follows.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BoxError>;

    /// How many keys there are, counted one by one.
    ///
    /// # Errors
    ///
    /// See [`get`](Self::get).
    fn count(&self) -> Result<usize, BoxError>;

    /// Writes memtables to tables.
    ///
    /// # Errors
    ///
    /// See [`get`](Self::get).
    fn flush(&self) -> Result<(), BoxError>;

    /// Compacts where it is worth it.
    ///
    /// # Errors
    ///
    /// See [`get`](Self::get).
    fn compact(&self) -> Result<(), BoxError>;

    /// Compacts everything.
    ///
    /// # Errors
    ///
    /// See [`get`](Self::get).
    fn compact_all(&self) -> Result<(), BoxError>;

    /// How many tables there are.
    fn tables(&self) -> usize;

    /// Runs in level 0, of which a tree can have too many.
    fn runs(&self) -> usize;

    /// The tree, for checkpoints.
    fn source(&self) -> Box<dyn CheckpointSource + '_>;

    /// The engine's own checkpoint; `None` if it has none.
    ///
    /// # Errors
    ///
    /// See [`get`](Self::get).
    fn own_checkpoint(&self, target: &Path) -> Option<Result<(), BoxError>>;
}

/// The engines descend from one another: their calls are spelt alike, and are of different types.
macro_rules! engine {
    ($module:ident, $engine:ident, $adapter:ident, $configure:expr, $own:expr) => {
        mod $module {
            use std::{path::Path, sync::Arc};

            use lsm_checkpoint::{BoxError, CheckpointSource};
            use $engine::{
                AbstractTree, AnyTree, Config, KvSeparationOptions, SequenceNumberCounter,
                compaction::Leveled,
            };

            use super::{Engine, SEPARATION_THRESHOLD, TABLE_TARGET_SIZE};

            /// The highest number that a reader may have.
            const LATEST: u64 = u64::MAX >> 1;

            pub(super) struct Tree {
                tree: AnyTree,
                visible: SequenceNumberCounter,
            }

            impl Tree {
                pub(super) fn open(dir: &Path, blobs: bool) -> Result<Self, BoxError> {
                    let visible = SequenceNumberCounter::default();
                    let separation = blobs
                        .then(|| KvSeparationOptions::default().separation_threshold(SEPARATION_THRESHOLD));
                    let config = Config::new(dir, SequenceNumberCounter::default(), visible.clone())
                        .with_kv_separation(separation);
                    let configure: fn(Config) -> Config = $configure;
                    let tree = configure(config).open()?;
                    if let Some(seqno) = tree.get_highest_seqno() {
                        visible.fetch_max(seqno + 1);
                    }
                    Ok(Self { tree, visible })
                }
            }

            impl Engine for Tree {
                fn insert(&self, key: &[u8], value: &[u8], seqno: u64) {
                    self.tree.insert(key, value, seqno);
                    self.visible.fetch_max(seqno + 1);
                }

                fn remove(&self, key: &[u8], seqno: u64) {
                    self.tree.remove(key, seqno);
                    self.visible.fetch_max(seqno + 1);
                }

                fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BoxError> {
                    Ok(self.tree.get(key, LATEST)?.map(|value| value.to_vec()))
                }

                fn count(&self) -> Result<usize, BoxError> {
                    Ok(self.tree.len(LATEST, None)?)
                }

                fn flush(&self) -> Result<(), BoxError> {
                    Ok(self.tree.flush_active_memtable(self.visible.get())?)
                }

                fn compact(&self) -> Result<(), BoxError> {
                    let strategy = Leveled::default().with_table_target_size(TABLE_TARGET_SIZE);
                    let _ = self.tree.compact(Arc::new(strategy), self.visible.get())?;
                    Ok(())
                }

                fn compact_all(&self) -> Result<(), BoxError> {
                    let _ = self.tree.major_compact(TABLE_TARGET_SIZE, self.visible.get())?;
                    Ok(())
                }

                fn tables(&self) -> usize {
                    self.tree.table_count()
                }

                fn runs(&self) -> usize {
                    self.tree.l0_run_count()
                }

                fn source(&self) -> Box<dyn CheckpointSource + '_> {
                    let (tree, visible) = (&self.tree, &self.visible);
                    let identity = concat!("a tree of ", stringify!($adapter));
                    Box::new(crate::$adapter::Source { tree, visible, identity })
                }

                fn own_checkpoint(&self, target: &Path) -> Option<Result<(), BoxError>> {
                    let own: fn(&AnyTree, &Path) -> Option<Result<(), BoxError>> = $own;
                    own(&self.tree, target)
                }
            }
        }
    };
}

// Of some sets of keys its filters cannot be built, and then the flush fails; see UPSTREAM.md.
engine!(
    v5,
    coordinode_v5,
    coordinode_v5,
    |config| config.filter_policy(coordinode_v5::config::FilterPolicy::disabled()),
    |tree, target| Some(tree.create_checkpoint(target).map(drop).map_err(Into::into))
);
engine!(v7, coordinode_v7, coordinode_v7, |config| config, |tree, target| {
    Some(tree.create_checkpoint(target).map(drop).map_err(Into::into))
});
engine!(fjall, fjall, fjall, |config| config, |_, _| None);
