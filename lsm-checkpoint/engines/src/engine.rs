//! [`Engine`]: the operations of the engines that the workload needs, and the macro that implements it.

use std::{collections::BTreeMap, path::Path};

use lsm_checkpoint::{BoxError, CheckpointSource};

use crate::key_value::KeyValue;

/// Values of at least this length go to blob files.
pub(crate) const SEPARATION_THRESHOLD: u32 = 64;

/// The target size of a table. It is small, so that even a short run has tables on several levels and keeps compacting.
pub(crate) const TABLE_TARGET_SIZE: u64 = 256 << 10;

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
    /// versions. Here the operations bring their own numbers, so that counter does not fit them.
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
pub(crate) struct Traits {
    pub(crate) has_readers: bool,
    pub(crate) unlinks_in_background: bool,
}

/// Waits until the engine writes nothing more into the directory of the tree.
pub(crate) type WaitForClose = Box<dyn Fn() + Send + Sync>;

/// The last field of an open tree, dropped after the tree. A thread of the engine may outlive the last handle of a
/// tree, and would write into a directory that was renamed, or opened again.
pub(crate) struct Closed(pub(crate) Option<WaitForClose>);

impl Drop for Closed {
    fn drop(&mut self) {
        if let Some(wait) = &self.0 {
            wait();
        }
    }
}

/// The engines share an ancestor. Their methods have the same names and different types, hence a macro.
macro_rules! engine {
    ($engine:ident, $traits:expr, $configure:expr, $source:expr, $own:expr, $closed:expr) => {
        use std::{path::Path, sync::Arc};

        use lsm_checkpoint::{BoxError, CheckpointSource};
        use $engine::{
            AbstractTree, AnyTree, Config, Guard, KvSeparationOptions, SequenceNumberCounter,
            compaction::Leveled,
        };

        use $crate::{
            engine::{
                Closed, Engine, Reader, Records, SEPARATION_THRESHOLD, TABLE_TARGET_SIZE, Traits,
                WaitForClose,
            },
            key_value::KeyValue,
            kind::Kind,
            owner,
            readers::Readers,
        };

        /// The highest sequence number that a reader may use.
        const LATEST: u64 = u64::MAX >> 1;

        /// An open tree of this engine.
        pub struct Tree {
            #[allow(dead_code, reason = "only the adapter of version 5 needs the key")]
            kind: Kind,
            tree: AnyTree,
            visible: SequenceNumberCounter,
            readers: Readers,
            identity: String,
            closed: Closed,
        }

        impl Drop for Tree {
            fn drop(&mut self) {
                // After its close, the engine takes no new background work. So the tree is closed only here.
                let wait_for_close: fn(&AnyTree) -> Option<WaitForClose> = $closed;
                self.closed = Closed(wait_for_close(&self.tree));
            }
        }

        impl Tree {
            /// Opens a tree, or creates one. Accepts any directory that the engine accepts.
            ///
            /// # Errors
            ///
            /// An error of the engine or of the tree's identity.
            pub fn open(dir: &Path, kind: Kind) -> Result<Self, BoxError> {
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
                Ok(Self { kind, tree, visible, readers: Readers::default(), identity, closed: Closed(None) })
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
    };
}
#[allow(unused_imports, reason = "each package uses it for its own engines")]
pub(crate) use engine;
