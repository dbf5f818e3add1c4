//! `TightFs`: the host's filesystem, which can pretend to the engine that the volume is full.

macro_rules! tight_fs {
    ($engine:ident) => {
        use std::{
            path::Path,
            sync::{
                Mutex,
                atomic::{AtomicBool, AtomicU64, Ordering},
            },
        };

        use $engine::{
            fs::{Fs, FsCapabilities, FsDirEntry, FsFile, FsMetadata, FsOpenOptions, StdFs},
            io::Result,
        };

        /// The free bytes that a full volume reports. A compaction then works in slices of this size.
        const LEFT: u64 = 16 << 10;

        type AtNewTable = Box<dyn Fn(u64) -> Result<()> + Send>;

        /// The host's filesystem. It counts cuts, and calls a function before a compaction makes a table.
        #[derive(Default)]
        pub(in crate::tight_space) struct TightFs {
            is_full: AtomicBool,
            cuts: AtomicU64,
            new_tables: AtomicU64,
            at_new_table: Mutex<Option<AtNewTable>>,
        }

        impl TightFs {
            pub(in crate::tight_space) fn set_full(&self, is_full: bool) {
                self.is_full.store(is_full, Ordering::SeqCst);
            }

            pub(in crate::tight_space) fn cuts(&self) -> u64 {
                self.cuts.load(Ordering::SeqCst)
            }

            /// Sets a function to call before each new table, with 1, 2 and so on. If it fails, the table is not made.
            pub(in crate::tight_space) fn at_each_new_table(
                &self,
                act: impl Fn(u64) -> Result<()> + Send + 'static,
            ) {
                self.new_tables.store(0, Ordering::SeqCst);
                *self.at_new_table.lock().unwrap() = Some(Box::new(act));
            }
        }

        impl Fs for TightFs {
            fn open(&self, path: &Path, opts: &FsOpenOptions) -> Result<Box<dyn FsFile>> {
                let in_tables = path.parent().is_some_and(|dir| dir.ends_with("tables"));
                if in_tables
                    && opts.create_new
                    && let Some(act) = &*self.at_new_table.lock().unwrap()
                {
                    act(self.new_tables.fetch_add(1, Ordering::SeqCst) + 1)?;
                }
                StdFs.open(path, opts)
            }

            fn create_dir_all(&self, path: &Path) -> Result<()> {
                StdFs.create_dir_all(path)
            }

            fn create_dir(&self, path: &Path) -> Result<()> {
                StdFs.create_dir(path)
            }

            fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>> {
                StdFs.read_dir(path)
            }

            fn remove_file(&self, path: &Path) -> Result<()> {
                StdFs.remove_file(path)
            }

            fn remove_dir_all(&self, path: &Path) -> Result<()> {
                StdFs.remove_dir_all(path)
            }

            fn rename(&self, from: &Path, to: &Path) -> Result<()> {
                StdFs.rename(from, to)
            }

            fn metadata(&self, path: &Path) -> Result<FsMetadata> {
                StdFs.metadata(path)
            }

            fn sync_directory(&self, path: &Path) -> Result<()> {
                StdFs.sync_directory(path)
            }

            fn exists(&self, path: &Path) -> Result<bool> {
                StdFs.exists(path)
            }

            fn backend_id(&self) -> Option<u64> {
                StdFs.backend_id()
            }

            fn capabilities(&self, path: &Path) -> FsCapabilities {
                StdFs.capabilities(path)
            }

            fn punch_hole(&self, path: &Path, offset: u64, len: u64) -> Result<()> {
                self.cuts.fetch_add(1, Ordering::SeqCst);
                StdFs.punch_hole(path, offset, len)
            }

            fn hard_link_count(&self, path: &Path) -> Result<u64> {
                StdFs.hard_link_count(path)
            }

            fn available_space(&self, path: &Path) -> Result<u64> {
                if self.is_full.load(Ordering::SeqCst) { Ok(LEFT) } else { StdFs.available_space(path) }
            }
        }
    };
}
pub(super) use tight_fs;
