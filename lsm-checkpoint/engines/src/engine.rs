//! [`Engine`]: the operations of the three engines that the workload needs.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use lsm_checkpoint::{BoxError, CheckpointSource};

use crate::{
    key_value::KeyValue,
    kind::{Kind, Special, Which},
    options::{Descending, key_v7},
    options_v5::key_v5,
    owner,
    readers::Readers,
};

/// Values of at least this length go to blob files.
const SEPARATION_THRESHOLD: u32 = 64;

/// The target size of a table. It is small, so that even a short run has tables on several levels and keeps compacting.
const TABLE_TARGET_SIZE: u64 = 256 << 10;

impl Kind {
    /// Opens a tree, or creates one. Refuses a checkpoint: use [`restore`](lsm_checkpoint::restore()) to make a tree
    /// from it.
    ///
    /// # Errors
    ///
    /// The refusal, or an error of the engine or of the tree's identity.
    pub fn open(self, dir: &Path) -> Result<Arc<dyn Engine>, BoxError> {
        owner::refuse_checkpoint(dir)?;
        self.open_anything(dir)
    }

    /// Opens any directory that the engine accepts as a tree, even a checkpoint. This may invalidate the checkpoint.
    ///
    /// # Errors
    ///
    /// An error of the engine or of the tree's identity.
    pub fn open_anything(self, dir: &Path) -> Result<Arc<dyn Engine>, BoxError> {
        Ok(match self.which {
            Which::CoordinodeV5 => Arc::new(v5::Tree::open(dir, self)?),
            Which::CoordinodeV7 => Arc::new(v7::Tree::open(dir, self)?),
            Which::Fjall => Arc::new(fjall::Tree::open(dir, self)?),
        })
    }
}

/// The records of a tree, by key.
pub type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// A reader that sees the tree as it was when the reader was created.
pub type Reader<'a> = Box<dyn Fn() -> Result<Records, BoxError> + 'a>;

/// An open tree of a real engine.
pub trait Engine: KeyValue {
    /// Returns every record.
    ///
    /// # Errors
    ///
    /// The error of the engine.
    fn records(&self) -> Result<Records, BoxError>;

    /// Creates a reader. While it exists, flushes and compactions keep the values that it sees.
    ///
    /// Returns `None` for 5.7 and fjall's engine. They find the version of a reader by a counter that also numbers
    /// versions, and the operations here have other numbers.
    fn reader(&self) -> Option<Reader<'_>>;

    /// Returns `true` if a thread of the engine unlinks files. The thread ends when the tree is dropped.
    fn unlinks_in_background(&self) -> bool;

    /// Returns the number of tables.
    fn tables(&self) -> usize;

    /// Returns the number of runs in level 0. The manifest of some engines cannot hold more than 255.
    fn runs(&self) -> usize;

    /// Returns the adapter of the tree.
    fn source(&self) -> Box<dyn CheckpointSource + '_>;

    /// Takes a checkpoint with the engine's own code. Returns `None` if the engine has no checkpoints.
    ///
    /// # Errors
    ///
    /// The error of the engine.
    fn own_checkpoint(&self, target: &Path) -> Option<Result<(), BoxError>>;
}

/// Differences between the engines that concern a user.
struct Traits {
    has_readers: bool,
    unlinks_in_background: bool,
}

/// Waits until the engine writes nothing more into the directory of the tree.
type WaitForClose = Box<dyn Fn() + Send + Sync>;

/// The last field of an open tree, dropped after the tree. A thread of the engine may outlive the last handle of a
/// tree, and would write into a directory that was renamed, or opened again.
struct Closed(Option<WaitForClose>);

impl Drop for Closed {
    fn drop(&mut self) {
        if let Some(wait) = &self.0 {
            wait();
        }
    }
}

/// The engines share an ancestor. Their methods have the same names and different types, hence a macro.
macro_rules! engine {
    ($module:ident, $engine:ident, $traits:expr, $configure:expr, $source:expr, $own:expr, $closed:expr) => {
        mod $module {
            use std::{path::Path, sync::Arc};

            use lsm_checkpoint::{BoxError, CheckpointSource};
            use $engine::{
                AbstractTree, AnyTree, Config, Guard, KvSeparationOptions, SequenceNumberCounter,
                compaction::Leveled,
            };

            use super::{
                Closed, Engine, KeyValue, Kind, Reader, Readers, Records, SEPARATION_THRESHOLD,
                TABLE_TARGET_SIZE, Traits, WaitForClose, owner,
            };
            #[allow(unused_imports, reason = "fjall's engine has no such options")]
            use super::{Descending, Special, key_v5, key_v7};

            /// The highest sequence number that a reader may use.
            const LATEST: u64 = u64::MAX >> 1;

            pub(super) struct Tree {
                #[allow(dead_code, reason = "only the adapter of version 5 needs the key")]
                kind: Kind,
                tree: AnyTree,
                visible: SequenceNumberCounter,
                readers: Readers,
                identity: String,
                _closed: Closed,
            }

            impl Tree {
                pub(super) fn open(dir: &Path, kind: Kind) -> Result<Self, BoxError> {
                    let visible = SequenceNumberCounter::default();
                    let separation = kind
                        .blobs
                        .then(|| KvSeparationOptions::default().separation_threshold(SEPARATION_THRESHOLD));
                    let config = Config::new(dir, SequenceNumberCounter::default(), visible.clone())
                        .with_kv_separation(separation);
                    let configure: fn(Config, Kind) -> Config = $configure;
                    let tree = configure(config, kind).open()?;
                    if let Some(seqno) = tree.get_highest_seqno() {
                        visible.fetch_max(seqno + 1);
                    }
                    let identity = owner::identity(dir)?;
                    let wait_for_close: fn(&AnyTree) -> Option<WaitForClose> = $closed;
                    let _closed = Closed(wait_for_close(&tree));
                    Ok(Self { kind, tree, visible, readers: Readers::default(), identity, _closed })
                }

                /// Returns the number below which a compaction may drop replaced values.
                fn watermark(&self) -> u64 {
                    self.readers.oldest().unwrap_or_else(|| self.visible.get())
                }

                fn records_at(&self, seqno: u64) -> Result<Records, BoxError> {
                    let pair = |guard: $engine::IterGuardImpl| {
                        let (key, value) = guard.into_inner()?;
                        Ok((key.to_vec(), value.to_vec()))
                    };
                    self.tree.iter(seqno, None).map(pair).collect()
                }
            }

            impl KeyValue for Tree {
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
                    Ok(self.tree.flush_active_memtable(self.watermark())?)
                }

                fn compact(&self) -> Result<(), BoxError> {
                    let strategy = Leveled::default().with_table_target_size(TABLE_TARGET_SIZE);
                    let _ = self.tree.compact(Arc::new(strategy), self.watermark())?;
                    Ok(())
                }

                fn compact_all(&self) -> Result<(), BoxError> {
                    let _ = self.tree.major_compact(TABLE_TARGET_SIZE, self.watermark())?;
                    Ok(())
                }
            }

            impl Engine for Tree {
                fn records(&self) -> Result<Records, BoxError> {
                    self.records_at(LATEST)
                }

                fn reader(&self) -> Option<Reader<'_>> {
                    if !$traits.has_readers {
                        return None;
                    }
                    let moment = self.readers.open(self.visible.get());
                    Some(Box::new(move || self.records_at(moment.seqno())))
                }

                fn unlinks_in_background(&self) -> bool {
                    $traits.unlinks_in_background
                }

                fn tables(&self) -> usize {
                    self.tree.table_count()
                }

                fn runs(&self) -> usize {
                    self.tree.l0_run_count()
                }

                fn source(&self) -> Box<dyn CheckpointSource + '_> {
                    let source: fn(&Tree) -> Box<dyn CheckpointSource + '_> = $source;
                    source(self)
                }

                fn own_checkpoint(&self, target: &Path) -> Option<Result<(), BoxError>> {
                    let own: fn(&AnyTree, &Path) -> Option<Result<(), BoxError>> = $own;
                    own(&self.tree, target)
                }
            }
        }
    };
}

// Version 5.7.0 cannot build its filters for some sets of keys, and the flush then fails (see UPSTREAM.md).
engine!(
    v5,
    coordinode_v5,
    Traits { has_readers: false, unlinks_in_background: true },
    |config, kind| {
        let config = config.filter_policy(coordinode_v5::config::FilterPolicy::disabled());
        let config =
            if kind.is(Special::Descending) { config.comparator(Arc::new(Descending)) } else { config };
        config.with_encryption(kind.is(Special::Encrypted).then(key_v5))
    },
    |Tree { kind, tree, visible, identity, .. }| {
        let encryption = kind.is(Special::Encrypted).then(key_v5);
        Box::new(crate::coordinode_v5::Source { tree, visible, identity, encryption })
    },
    |tree, target| Some(tree.create_checkpoint(target).map(drop).map_err(Into::into)),
    |_| None
);
engine!(
    v7,
    coordinode_v7,
    Traits { has_readers: true, unlinks_in_background: true },
    |config, kind| {
        let config =
            if kind.is(Special::Descending) { config.comparator(Arc::new(Descending)) } else { config };
        config.with_encryption(kind.is(Special::Encrypted).then(key_v7))
    },
    |Tree { tree, visible, identity, .. }| {
        Box::new(crate::coordinode_v7::Source { tree, visible, identity })
    },
    |tree, target| Some(tree.create_checkpoint(target).map(drop).map_err(Into::into)),
    |tree| {
        let closed = tree.clone().close();
        Some(Box::new(move || closed.wait()))
    }
);
engine!(
    fjall,
    fjall,
    Traits { has_readers: false, unlinks_in_background: false },
    |config, _| config,
    |Tree { tree, visible, identity, .. }| Box::new(crate::fjall::Source { tree, visible, identity }),
    |_, _| None,
    |_| None
);
