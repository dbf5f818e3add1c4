//! The manifest and CURRENT of a real engine's trees are removed and written again by `lsm-manifest`. The engine opens
//! the trees and reads every key.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::StdFs;
use lsm_manifest::{
    BlockIdentity, CryptError, EncryptionProvider, FooterSource, ManifestArchiveReader,
    ManifestArchiveWriter, ReadOptions, WriteOptions, inspect, open_current, publish_current, recover,
    repair,
};
use lsm_tree::{
    AbstractTree, AnyTree, Config, KvSeparationOptions, MAX_SEQNO, SequenceNumberCounter,
    runtime_config::RuntimeConfig,
};

const KEY: [u8; 32] = [9; 32];
const TABLES: usize = 5;
const ROWS: usize = 30;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Standard,
    Blob,
    Parity,
    Encrypted,
    EncryptedParity,
}

const KINDS: [Kind; 5] = [Kind::Standard, Kind::Blob, Kind::Parity, Kind::Encrypted, Kind::EncryptedParity];

impl Kind {
    fn is_encrypted(self) -> bool {
        matches!(self, Self::Encrypted | Self::EncryptedParity)
    }

    fn has_parity(self) -> bool {
        matches!(self, Self::Parity | Self::EncryptedParity)
    }

    fn config(self, dir: &Path) -> Config {
        let config = Config::new(dir, SequenceNumberCounter::default(), SequenceNumberCounter::default());
        // There are two switches, one for tables and one for manifests.
        let mut runtime = RuntimeConfig::default();
        runtime.page_ecc = self.has_parity();
        let config = config.page_ecc(self.has_parity()).with_runtime_config(runtime);
        let config = match self {
            Self::Blob => {
                config.with_kv_separation(Some(KvSeparationOptions::default().separation_threshold(16)))
            }
            _ => config,
        };
        if self.is_encrypted() {
            config.with_encryption(Some(Arc::new(lsm_tree::Aes256GcmProvider::new(&KEY))))
        } else {
            config
        }
    }

    fn provider(self) -> Option<Arc<dyn EncryptionProvider>> {
        self.is_encrypted().then(|| Arc::new(EngineProvider(lsm_tree::Aes256GcmProvider::new(&KEY))) as _)
    }

    fn read_options(self) -> ReadOptions {
        self.provider().map_or(ReadOptions::new(), |provider| ReadOptions::new().encryption(provider))
    }

    fn write_options(self) -> WriteOptions {
        let options = WriteOptions::new().parity(self.has_parity());
        match self.provider() {
            Some(provider) => options.encryption(provider),
            None => options,
        }
    }
}

/// The engine's own cipher. The engine is built without zstd, so it uses the bare envelope.
struct EngineProvider(lsm_tree::Aes256GcmProvider);

impl fmt::Debug for EngineProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EngineProvider")
    }
}

impl EncryptionProvider for EngineProvider {
    fn max_overhead(&self) -> usize {
        lsm_tree::EncryptionProvider::max_overhead(&self.0) as usize
    }

    fn seal(&self, _: &BlockIdentity, plaintext: &[u8]) -> Result<Vec<u8>, CryptError> {
        lsm_tree::EncryptionProvider::encrypt(&self.0, plaintext).map_err(|e| CryptError::Other(e.into()))
    }

    fn open(&self, _: &BlockIdentity, envelope: Vec<u8>) -> Result<Vec<u8>, CryptError> {
        lsm_tree::EncryptionProvider::decrypt(&self.0, &envelope).map_err(|_| CryptError::Rejected)
    }
}

fn row(table: usize, row: usize) -> (String, String) {
    (format!("t{table:05}-k{row:03}"), format!("value {row} of table {table} ").repeat(3))
}

/// A checkpoint of a tree with some tables, created by the engine itself.
fn checkpoint(kind: Kind, root: &Path) -> PathBuf {
    let tree = kind.config(&root.join("tree")).open().unwrap();
    for table in 0..TABLES {
        for nth in 0..ROWS {
            let (key, value) = row(table, nth);
            tree.insert(key, value, (table * ROWS + nth) as u64);
        }
        tree.flush_active_memtable(0).unwrap();
    }
    let target = root.join("checkpoint");
    tree.create_checkpoint(&target).unwrap();
    target
}

fn read_back(tree: &AnyTree) {
    for table in 0..TABLES {
        for nth in 0..ROWS {
            let (key, value) = row(table, nth);
            let found = tree.get(&key, MAX_SEQNO).unwrap();
            assert_eq!(found.as_deref(), Some(value.as_bytes()), "{key}");
        }
    }
    assert_eq!(tree.len(MAX_SEQNO, None).unwrap(), TABLES * ROWS);
}

fn version_path(kind: Kind, dir: &Path) -> (u64, PathBuf) {
    let (current, reader) = open_current(&StdFs, dir, &kind.read_options()).unwrap().unwrap();
    (current.version_id, reader.path().to_path_buf())
}

/// Removes the manifest and CURRENT and writes them again.
fn rewrite(kind: Kind, dir: &Path, options: WriteOptions) -> PathBuf {
    let (_, path) = version_path(kind, dir);
    let reader = ManifestArchiveReader::open(&StdFs, &path, &kind.read_options()).unwrap();
    let names: Vec<_> = reader.footer().sections().iter().map(|s| s.name.as_str()).collect();
    let sections = reader.read_sections(&names).unwrap();
    fs::remove_file(&path).unwrap();
    fs::remove_file(dir.join("current")).unwrap();
    let mut writer = ManifestArchiveWriter::create(&StdFs, &path, options).unwrap();
    for (name, section) in names.iter().zip(&sections) {
        writer.add_section(name, &section.payload).unwrap();
    }
    let _ = publish_current(&writer.finish().unwrap()).unwrap();
    path
}

#[test]
fn archives_of_the_engine_are_read_and_verified() {
    for kind in KINDS {
        let root = tempfile::tempdir().unwrap();
        let dir = checkpoint(kind, root.path());
        let found = recover(&StdFs, &dir, &kind.read_options()).unwrap().unwrap();
        assert_eq!(found.archive.source(), FooterSource::Tail, "{kind:?}");
        assert_eq!(found.archive.read_section("format_version").unwrap().payload, [5], "{kind:?}");
        let report = inspect(&StdFs, found.archive.path(), &kind.read_options()).unwrap();
        assert!(report.is_healthy(), "{kind:?}: {report}");
        let headers: Vec<_> = report.sections.iter().filter_map(|s| s.header).collect();
        assert!(headers.iter().all(|header| header.encrypted == kind.is_encrypted()), "{kind:?}");
        assert!(headers.iter().all(|header| header.parity == kind.has_parity()), "{kind:?}");
    }
}

#[test]
fn the_engine_opens_our_archives_and_reads_every_key() {
    for kind in KINDS {
        for mirror in [true, false] {
            let root = tempfile::tempdir().unwrap();
            let dir = checkpoint(kind, root.path());
            let (path, current) = (version_path(kind, &dir).1, dir.join("current"));
            let before = (fs::read(&path).unwrap(), fs::read(&current).unwrap());
            rewrite(kind, &dir, kind.write_options().mirror(mirror));
            if mirror && !kind.is_encrypted() {
                assert!((fs::read(&path).unwrap(), fs::read(&current).unwrap()) == before, "{kind:?}");
            }
            read_back(&kind.config(&dir).open().unwrap());
            assert!(path.exists(), "{kind:?}: the engine kept the manifest that it opened");
        }
    }
}

#[test]
fn the_engine_goes_on_from_there() {
    for kind in KINDS {
        let root = tempfile::tempdir().unwrap();
        let dir = checkpoint(kind, root.path());
        rewrite(kind, &dir, kind.write_options());
        {
            let tree = kind.config(&dir).open().unwrap();
            tree.insert("zzz", "more", (TABLES * ROWS) as u64);
            tree.flush_active_memtable(0).unwrap();
        }
        let tree = kind.config(&dir).open().unwrap();
        assert_eq!(tree.get("zzz", MAX_SEQNO).unwrap().as_deref(), Some(&b"more"[..]), "{kind:?}");
        let (first, value) = row(0, 0);
        assert_eq!(tree.get(first, MAX_SEQNO).unwrap().as_deref(), Some(value.as_bytes()));
    }
}

#[test]
fn the_engine_opens_our_mirror_and_we_repair_its_tail() {
    for kind in KINDS {
        let root = tempfile::tempdir().unwrap();
        let dir = checkpoint(kind, root.path());
        let path = rewrite(kind, &dir, kind.write_options());
        let good = fs::read(&path).unwrap();
        fs::write(&path, &good[..good.len() - 17]).unwrap();
        read_back(&kind.config(&dir).open().unwrap());
        assert_eq!(repair(&StdFs, &path, &kind.read_options()).unwrap().parts.len(), 1);
        assert!(fs::read(&path).unwrap() == good, "{kind:?}");
        read_back(&kind.config(&dir).open().unwrap());
    }
}

/// The engine does verify the written files: it refuses a digest with one changed bit.
#[test]
fn the_engine_checks_the_digest() {
    let root = tempfile::tempdir().unwrap();
    let dir = checkpoint(Kind::Standard, root.path());
    rewrite(Kind::Standard, &dir, WriteOptions::new());
    let mut current = fs::read(dir.join("current")).unwrap();
    current[12] ^= 1;
    fs::write(dir.join("current"), &current).unwrap();
    assert!(Kind::Standard.config(&dir).open().is_err());
    assert!(open_current(&StdFs, &dir, &ReadOptions::new()).is_err());
}
