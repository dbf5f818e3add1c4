//! The matrix of coordinode's engine. Its versions have the same method names and different types.

macro_rules! matrix {
    ($engine:ident, $key:path, $source:expr) => {
        use std::{fs, path::Path, sync::Arc};

        use lsm_checkpoint::{Checkpoint, CheckpointSource, run_checkpoint};
        use lsm_checkpoint_engines::options::Descending;
        use $engine::{
            AbstractTree, AnyTree, Config, Guard, KvSeparationOptions, SequenceNumberCounter,
            config::{
                FilterPolicy, HashRatioPolicy, LevelRoute, LocatorPolicy, LocatorPolicyEntry,
                LocatorPrecision, PinningPolicy,
            },
            fs::StdFs,
            manifest_blocks::reader::ManifestArchiveReader,
            runtime_config::{EccScheme, KvChecksumPolicy, RuntimeConfig},
        };

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
            #[allow(dead_code, reason = "only the adapter of version 5 needs the key")]
            row: Row,
        }

        impl Open {
            fn at(dir: &Path, row: &Row) -> $engine::Result<Self> {
                let (next, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
                let tree = config(dir, row, &next, &visible).open()?;
                Ok(Self { tree, next, visible, row: row.clone() })
            }

            fn source(&self) -> Box<dyn CheckpointSource + '_> {
                let source: fn(&Open) -> Box<dyn CheckpointSource + '_> = $source;
                source(self)
            }

            fn saw(&self, seqno: u64) {
                self.visible.fetch_max(seqno + 1);
            }
        }

        fn config(
            dir: &Path,
            row: &Row,
            next: &SequenceNumberCounter,
            visible: &SequenceNumberCounter,
        ) -> Config {
            let mut runtime = RuntimeConfig::default();
            let has_parity = row.has(Opt::Parity) || row.has(Opt::Stripes);
            runtime.page_ecc = has_parity;
            if row.has(Opt::Stripes) {
                runtime.ecc_scheme = EccScheme::Xor { data_shards: 4 };
            }
            runtime.manifest_footer_mirror = !row.has(Opt::NoMirror);
            runtime.tight_space_compaction = row.has(Opt::TightSpace);
            runtime.seqno_in_index = row.has(Opt::BlockFormats);
            runtime.zone_map = row.has(Opt::BlockFormats);
            runtime.manifest_kv_checksums = !row.has(Opt::BlockFormats);
            if row.has(Opt::BlockFormats) {
                runtime.kv_checksums = KvChecksumPolicy::AllLevels;
            }
            let blobs = KvSeparationOptions::default().separation_threshold(64);
            let mut config = Config::new(dir, next.clone(), visible.clone())
                .with_runtime_config(runtime)
                .page_ecc(has_parity)
                .with_kv_separation(row.has(Opt::Blobs).then_some(blobs))
                .with_encryption(row.has(Opt::Encryption).then($key));
            if row.has(Opt::Comparator) {
                config = config.comparator(Arc::new(Descending));
            }
            if row.has(Opt::BlockFormats) {
                let locator = LocatorPolicyEntry::Enabled {
                    precision: LocatorPrecision::Entry,
                    block_id_bits: None,
                    slot_bits: None,
                };
                config = config
                    .data_block_hash_ratio_policy(HashRatioPolicy::all(0.75))
                    .filter_block_partitioning_policy(PinningPolicy::all(true))
                    .index_block_partitioning_policy(PinningPolicy::all(false))
                    .locator_policy(LocatorPolicy::all(locator));
            }
            if row.has(Opt::NoLog) {
                config = config.manifest_log_rotate_bytes(0);
            }
            if row.has(Opt::LevelRoutes) {
                let path = dir.with_extension("hot");
                config = config.level_routes(vec![LevelRoute { levels: 0..1, path, fs: Arc::new(StdFs) }]);
            }
            config = match row.has(Opt::Filters) {
                true => config.prefix_extractor(Arc::new(FirstFive)),
                false => config.filter_policy(FilterPolicy::disabled()),
            };
            #[cfg(feature = "zstd")]
            if row.has(Opt::Dictionary) {
                use $engine::{CompressionType, ZstdDictionary, config::CompressionPolicy};
                let dictionary = ZstdDictionary::new(&b"key0000 00000001 00000002".repeat(40));
                let compression = CompressionType::zstd_dict(3, dictionary.id()).unwrap();
                config = config
                    .zstd_dictionary(Some(Arc::new(dictionary)))
                    .data_block_compression_policy(CompressionPolicy::all(compression));
            }
            config
        }

        impl Store for Open {
            fn insert(&self, key: &[u8], value: &[u8], seqno: u64) {
                self.tree.insert(key, value, seqno);
                self.saw(seqno);
            }

            fn remove(&self, key: &[u8], seqno: u64) {
                self.tree.remove(key, seqno);
                self.saw(seqno);
            }

            fn remove_range(&self, from: &[u8], to: &[u8], seqno: u64) {
                assert!(self.tree.remove_range(from, to, seqno) > 0);
                self.saw(seqno);
            }

            fn remove_prefix(&self, prefix: &[u8], seqno: u64) {
                assert!(self.tree.remove_prefix(prefix, seqno) > 0);
                self.saw(seqno);
            }

            fn ingest(&self, records: &[(Vec<u8>, Vec<u8>)], seqno: u64) {
                self.next.fetch_max(seqno);
                let mut ingestion = self.tree.ingestion().unwrap();
                for (key, value) in records {
                    ingestion.write(key.as_slice(), value.as_slice()).unwrap();
                }
                ingestion.finish().unwrap();
                assert_eq!(self.next.get(), seqno + 1);
                self.saw(seqno);
            }

            fn flush(&self) {
                self.tree.flush_active_memtable(0).unwrap();
            }

            fn compact(&self) {
                let _ = self.tree.major_compact(4 << 10, self.visible.get()).unwrap();
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

        fn pair(guard: $engine::IterGuardImpl) -> (Vec<u8>, Vec<u8>) {
            let (key, value) = guard.into_inner().unwrap();
            (key.to_vec(), value.to_vec())
        }

        /// Reads every section of a manifest, with the mirror flag of its footer.
        fn sections(row: &Row, path: &Path) -> (u8, Vec<(String, Vec<u8>)>) {
            let (runtime, key) = (Arc::new(RuntimeConfig::default()), row.has(Opt::Encryption).then($key));
            let mut archive = ManifestArchiveReader::open(path, &StdFs, runtime, key).unwrap();
            let names: Vec<_> = archive.footer().sections.iter().map(|entry| entry.name.clone()).collect();
            let payload = |name: String| {
                let payload = archive.read_section(&name).unwrap();
                (name, payload)
            };
            let read: Vec<_> = names.into_iter().map(payload).collect();
            (archive.footer().flags, read)
        }

        /// Compares the files and the manifests of two checkpoints of one version.
        fn compare(row: &Row, ours: &Path, theirs: &Path, id: u64) {
            assert_eq!(names(ours), names(theirs), "{row:?}");
            let of = |dir: &Path| dir.join(format!("v{id}"));
            let ([our, their], [a, b]) = (
                [ours, theirs].map(|dir| sections(row, &of(dir))),
                [ours, theirs].map(|dir| fs::read(of(dir)).unwrap()),
            );
            assert_eq!(our, their, "{row:?}");
            // Encryption draws new nonces, so only lengths can be compared. They reveal a different envelope or
            // parity.
            if row.has(Opt::Encryption) {
                assert_eq!(a.len(), b.len(), "{row:?}");
            } else {
                assert_eq!(a, b, "{row:?}");
                let current = |dir: &Path| fs::read(dir.join("current")).ok();
                assert_eq!(current(ours), current(theirs), "{row:?}");
            }
        }

        fn try_row(row: &Row, dir: &Path) {
            let path = |name: &str| dir.join(name);
            let live = Open::at(&path("live"), row).unwrap();
            let mut model = Model::filled(row, &live);
            let info = run_checkpoint(&*live.source(), &lsm_fs::StdFs, &path("ours")).unwrap();
            live.tree.create_checkpoint(&path("theirs")).unwrap();
            compare(row, &path("ours"), &path("theirs"), info.version_id);

            verified_and_restored(&path("ours"), &path("restored"));
            for opened in ["restored", "theirs"] {
                model.check(row, &Open::at(&path(opened), row).unwrap());
            }
            model.round(row, &live);
            let base = path("ours");
            let increment = Checkpoint::new().base(&base);
            increment.create(&*live.source(), &lsm_fs::StdFs, &path("increment")).unwrap();
            verified_and_restored(&path("increment"), &path("grown"));
            model.check(row, &Open::at(&path("grown"), row).unwrap());
            model.check(row, &live);
        }

        /// Nothing was ever written to the tree. The engine makes the folders at once.
        #[test]
        fn an_empty_tree_has_the_same_folders() {
            for row in [Row::of_none(), Row::of_one(Opt::Blobs)] {
                let dir = directory();
                let path = |name: &str| dir.path().join(name);
                let live = Open::at(&path("live"), &row).unwrap();
                let info = run_checkpoint(&*live.source(), &lsm_fs::StdFs, &path("ours")).unwrap();
                live.tree.create_checkpoint(&path("theirs")).unwrap();
                compare(&row, &path("ours"), &path("theirs"), info.version_id);
                assert_eq!(path("ours/blobs").is_dir(), row.has(Opt::Blobs), "{row:?}");

                verified_and_restored(&path("ours"), &path("restored"));
                let restored = Open::at(&path("restored"), &row).unwrap();
                Model::default().check(&row, &restored);
                let mut model = Model::default();
                model.round(&row, &restored);
                model.check(&row, &restored);
            }
        }

        #[test]
        fn each_row() {
            let rows = Row::of(&Opt::all());
            for row in &rows {
                let dir = directory();
                let run = std::panic::catch_unwind(|| try_row(row, dir.path()));
                assert!(run.is_ok(), "{row:?}: see above");
            }
            println!("{} rows", rows.len());
        }
    };
}
pub(super) use matrix;
