//! Trees of many small tables.

use std::{path::Path, process::Command};

use lsm_checkpoint::Policy;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    V5,
    V7,
}

impl Engine {
    pub(crate) const ALL: [Self; 2] = [Self::V5, Self::V7];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::V5 => "5.7.0",
            Self::V7 => "7.4.0",
        }
    }

    pub(crate) const fn sizes(self) -> &'static [usize] {
        match self {
            Self::V5 => &[20, 200, 2_000],
            Self::V7 => &[20, 200, 2_000, 10_000],
        }
    }
}

/// An open tree.
pub(crate) trait Tree {
    fn write(&self, rows: usize);
    fn tables(&self) -> usize;
    fn ours(&self, policy: Policy, target: &Path);
    fn theirs(&self, target: &Path);
}

/// The number of rows in a block. A compaction to the smallest tables cuts after every block.
const ROWS: usize = 8;
const ROW_LEN: usize = 512;

/// A tree with about this number of tables. It is made once, on a filesystem where a sync costs nothing, and then
/// copied to each volume.
pub(crate) struct Made {
    pub(crate) engine: Engine,
    pub(crate) tables: usize,
    /// The actual number of tables.
    pub(crate) count: usize,
    dir: tempfile::TempDir,
}

impl Made {
    pub(crate) fn new(root: &Path, engine: Engine, tables: usize) -> Self {
        let dir = tempfile::tempdir_in(root).unwrap();
        let tree = open(engine, &dir.path().join("db"), false);
        tree.write(tables * ROWS);
        let count = tree.tables();
        assert!((tables * 8 / 10..=tables * 13 / 10).contains(&count), "{count} tables, {tables} wanted");
        Self { engine, tables, count, dir }
    }

    pub(crate) fn copy_to(&self, db: &Path) {
        let copied = Command::new("cp").arg("-r").arg(self.dir.path().join("db")).arg(db).status();
        assert!(copied.unwrap().success());
        assert!(Command::new("sync").arg("-f").arg(db).status().unwrap().success());
    }
}

pub(crate) fn open(engine: Engine, db: &Path, reflink: bool) -> Box<dyn Tree> {
    match engine {
        Engine::V5 => v5::open(db, reflink),
        Engine::V7 => v7::open(db, reflink),
    }
}

macro_rules! tree {
    ($module:ident, $engine:ident $(, $key:ident)?) => {
        mod $module {
            use std::path::Path;

            use lsm_checkpoint::{Checkpoint, Policy};
            use lsm_checkpoint_engines::$engine::Source;
            use lsm_fs::StdFs;
            use $engine::{AbstractTree, AnyTree, Config, SequenceNumberCounter};

            use super::{ROW_LEN, Tree};

            struct Opened {
                tree: AnyTree,
                visible: SequenceNumberCounter,
            }

            pub(super) fn open(db: &Path, reflink: bool) -> Box<dyn Tree> {
                let visible = SequenceNumberCounter::default();
                let config = Config::new(db, SequenceNumberCounter::default(), visible.clone())
                    .use_reflink_for_checkpoint(reflink)
                    // Without this, an edit with so many tables does not fit into a record of 5.x.
                    .manifest_log_rotate_bytes(0);
                Box::new(Opened { tree: config.open().unwrap(), visible })
            }

            impl Tree for Opened {
                fn write(&self, rows: usize) {
                    for row in 0..rows as u64 {
                        let mut value = [0; ROW_LEN];
                        value[..8].copy_from_slice(&row.to_le_bytes());
                        self.tree.insert(row.to_be_bytes(), value, row);
                        self.visible.fetch_max(row + 1);
                    }
                    self.tree.flush_active_memtable(0).unwrap();
                    let _ = self.tree.major_compact(1, 0).unwrap();
                }

                fn tables(&self) -> usize {
                    self.tree.table_count()
                }

                fn ours(&self, policy: Policy, target: &Path) {
                    let (tree, visible) = (&self.tree, &self.visible);
                    let source = Source { tree, visible, identity: "a bench", $($key: None)? };
                    Checkpoint::new().policy(policy).create(&source, &StdFs, target).unwrap();
                }

                fn theirs(&self, target: &Path) {
                    self.tree.create_checkpoint(target).unwrap();
                }
            }
        }
    };
}

tree!(v5, coordinode_v5, encryption);
tree!(v7, coordinode_v7);
