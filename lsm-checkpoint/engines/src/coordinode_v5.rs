//! `coordinode-lsm-tree` 5.7: the manifest is written with the engine's own code, and CURRENT names it.

use std::{io::prelude::*, path::Path, sync::Arc};

use coordinode_v5::{
    AbstractTree, AnyTree, EncryptionProvider, SequenceNumberCounter,
    coding::Encode,
    fs::{self as host, Fs as _, FsOpenOptions, MemFs},
    manifest_blocks::{current_digest, reader::ManifestArchiveReader, writer::ManifestArchiveWriter},
    runtime_config::RuntimeConfig,
};
use lsm_checkpoint::{
    BoxError, Capture, CheckpointSource, DeletionPause, FileKind, PinnedSnapshot, SourceFile, SourceRoot,
};
use lsm_fs::{Fs, FsExt, StdFs};
use lsm_manifest::{CURRENT_VERSION_FILE, ReadOptions, read_current, version_file_name};
use xxhash_rust::xxh3::xxh3_64;

/// An open tree on the host's filesystem, as a source of checkpoints.
pub struct Source<'a> {
    /// The tree.
    pub tree: &'a AnyTree,
    /// The counter that the tree was opened with. Readers see the writes with lower numbers.
    pub visible: &'a SequenceNumberCounter,
    /// The identity of the tree in catalogs. The engine has no id, so the owner of the tree keeps one.
    pub identity: &'a str,
    /// The provider that the tree was opened with. The engine does not expose it. Without it, an encrypted tree is
    /// refused.
    pub encryption: Option<Arc<dyn EncryptionProvider>>,
}

/// Settings and state that the engine does not expose. They are read from its live manifest.
struct Stored {
    snapshot_id: u64,
    comparator: Vec<u8>,
    /// The tables whose beginning a compaction in tight space has cut off.
    cut: Vec<u64>,
}

impl Source<'_> {
    fn runtime(&self) -> Arc<RuntimeConfig> {
        match self.tree {
            AnyTree::Standard(tree) => tree.runtime_config(),
            AnyTree::Blob(tree) => tree.index.runtime_config(),
        }
    }

    /// Reads the live manifest, and reads it again if the engine replaces it meanwhile.
    fn stored(&self) -> Result<Stored, BoxError> {
        let dir = &self.tree.tree_config().path;
        loop {
            let id = read_current(&StdFs, dir)?.version_id;
            let stored = self.stored_in(dir, id);
            if read_current(&StdFs, dir)?.version_id == id {
                return stored;
            }
        }
    }

    fn stored_in(&self, dir: &Path, snapshot_id: u64) -> Result<Stored, BoxError> {
        let path = dir.join(version_file_name(snapshot_id));
        if self.encryption.is_none() {
            // Unlike the engine's reader, this one distinguishes a sealed manifest from a damaged one.
            lsm_manifest::ManifestArchiveReader::open(&StdFs, &path, &ReadOptions::new())?;
        }
        let key = self.encryption.clone();
        let mut live = ManifestArchiveReader::open(&path, &host::StdFs, self.runtime(), key)?;
        let mut section = |name| live.section(name).is_some().then(|| live.read_section(name)).transpose();
        // Earlier releases wrote neither section, because they knew only the default order and cut no tables.
        let comparator = section("comparator_name")?.unwrap_or_else(|| b"default".to_vec());
        let restrictions = section("restrictions")?.unwrap_or_else(|| vec![0; 4]);
        let log = dir.join(format!("edits-{snapshot_id}"));
        let log = if StdFs.exists(&log)? { StdFs.read_to_vec(&log, u64::MAX)? } else { Vec::new() };
        let cut = cut_by(&restrictions, &log).ok_or_else(|| format!("{}: unknown edits", path.display()))?;
        Ok(Stored { snapshot_id, comparator, cut })
    }

    /// Returns the bytes of the archive and of CURRENT.
    fn manifest(&self, id: u64, sections: &[(&str, Vec<u8>)]) -> Result<[Vec<u8>; 2], BoxError> {
        let (fs, path, mode) = (MemFs::new(), Path::new("/manifest"), host::SyncMode::Normal);
        let key = self.encryption.clone();
        let mut writer = ManifestArchiveWriter::create(path, &fs, self.runtime(), key, mode)?;
        for (name, payload) in sections {
            writer.start(name)?;
            writer.write_all(payload)?;
        }
        let digest = current_digest::compute(id, &writer.finish()?)?;
        let mut archive = Vec::new();
        fs.open(path, &FsOpenOptions::new().read(true))?.read_to_end(&mut archive)?;
        Ok([archive, [&id.to_le_bytes()[..], &digest.to_le_bytes(), &[0]].concat()])
    }
}

impl CheckpointSource for Source<'_> {
    fn roots(&self) -> Vec<SourceRoot> {
        let config = self.tree.tree_config();
        let folders = config.all_tables_folders().into_iter().map(|(folder, _)| folder);
        folders.chain([config.path.clone()]).map(|dir| SourceRoot::new(Arc::new(StdFs), dir)).collect()
    }

    // The captured version keeps its tables, and a table is unlinked with its last handle.
    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn identity(&self) -> String {
        self.identity.to_owned()
    }

    fn check(&self) -> Result<(), BoxError> {
        let config = self.tree.tree_config();
        let mut used = config.all_tables_folders().into_iter().map(|(_, fs)| fs).chain([config.fs.clone()]);
        if used.any(|fs| fs.backend_id() != host::StdFs.backend_id()) {
            return Err("the tree lies on a filesystem of its own, which this adapter cannot read".into());
        }
        self.stored()?.refuse_cut(self.tree.current_version().iter_tables().map(|table| table.id()))
    }

    // The counter holds the next number, and 0 before the first write.
    fn visible_seqno(&self) -> Option<u64> {
        self.visible.get().checked_sub(1)
    }

    // With a watermark of 0, the flush keeps every value that an older reader needs.
    fn flush(&self) -> Result<(), BoxError> {
        Ok(self.tree.flush_active_memtable(0)?)
    }

    // The type of a version has no public name, so no function can take one. Everything is therefore read here.
    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        let (version, stored) = loop {
            let (version, stored) = (self.tree.current_version(), self.stored()?);
            // A manifest that is later than the version may lack the cuts of the version.
            if stored.snapshot_id <= version.id() {
                break (version, stored);
            }
        };
        stored.refuse_cut(version.iter_tables().map(|table| table.id()))?;
        // Share one `Fs`, because files with the same `Fs` are linked in one batch.
        let fs: Arc<dyn Fs> = Arc::new(StdFs);
        let is_tight = self.runtime().tight_space_compaction;
        let file = |kind, path: &Path, sum| match is_tight {
            // A later compaction cuts the file in place, so a link would be cut too. The captured version prevents the
            // cut until the copy exists.
            true => SourceFile::mutable(kind, fs.clone(), path, None, sum),
            false => SourceFile::immutable(kind, fs.clone(), path, None).checksum(sum),
        };
        let mut files = Vec::new();
        let mut blobs = u32::try_from(version.blob_files.len())?.to_le_bytes().to_vec();
        for blob in version.blob_files.iter() {
            let checksum = blob.checksum().into_u128();
            files.push(file(FileKind::Blob, blob.path(), checksum));
            blobs.extend(frame(&[&blob.id().to_le_bytes(), &[0], &checksum.to_le_bytes()]));
        }
        let mut tables = vec![u8::try_from(version.level_count())?];
        for level in version.iter_levels() {
            // The format stores the count in one byte.
            tables.push(u8::try_from(level.run_count()).map_err(|_| "a level has more than 255 runs")?);
            for run in level.iter() {
                tables.extend(u32::try_from(run.len())?.to_le_bytes());
                for table in run.iter() {
                    let checksum = table.checksum().into_u128();
                    files.push(file(FileKind::Table, &table.path, checksum));
                    let (checksum, seqno) = (checksum.to_le_bytes(), table.global_seqno().to_le_bytes());
                    tables.extend(frame(&[&table.id().to_le_bytes(), &[0], &checksum, &seqno]));
                }
            }
        }
        let is_blob_tree = matches!(self.tree, AnyTree::Blob(_));
        let sections = [
            ("format_version", vec![5]),
            ("crate_version", b"5.7.0".to_vec()),
            ("tree_type", vec![u8::from(is_blob_tree)]),
            ("level_count", vec![u8::try_from(version.level_count())?]),
            ("filter_hash_type", vec![0]),
            ("comparator_name", stored.comparator),
            ("tables", tables),
            ("blob_files", blobs),
            ("blob_gc_stats", version.gc_stats().encode_into_vec()),
            ("restrictions", vec![0; 4]),
        ];
        let id = version.id();
        let [archive, current] = self.manifest(id, &sections)?;
        let snapshot = PinnedSnapshot::new(id, version)
            .files(files)
            .folders(is_blob_tree.then_some(FileKind::Blob))
            .metadata(version_file_name(id), archive)
            .metadata(CURRENT_VERSION_FILE, current);
        Ok(Capture::one(snapshot))
    }
}

impl Stored {
    /// Refuses a version with a cut table. The engine hides the table's lower bound, which the manifest needs, and the
    /// table's bytes do not match its checksum.
    fn refuse_cut(&self, mut tables: impl Iterator<Item = u64>) -> Result<(), BoxError> {
        let cut = tables.find(|table| self.cut.contains(table));
        cut.map_or(Ok(()), |id| {
            Err(format!("tight space has cut table {id}, and its bound is private").into())
        })
    }
}

/// Returns a record, preceded by its length and checksum.
fn frame(fields: &[&[u8]]) -> Vec<u8> {
    let record = fields.concat();
    let (len, checksum) = ((record.len() as u32).to_le_bytes(), xxh3_64(&record).to_le_bytes());
    [&len[..], &checksum, &record].concat()
}

/// Returns the ids of the tables that a manifest and its log of edits list as cut. An edit consists of an id, levels,
/// new and old blob files, statistics and cuts.
fn cut_by(mut restrictions: &[u8], mut log: &[u8]) -> Option<Vec<u64>> {
    let mut cut = cut_tables(&mut restrictions)?;
    // The engine may be writing the last edit, which belongs to a later version.
    while let Some(len) = number(&mut log)
        && let Some(mut edit) = log.split_off(..len + size_of::<u64>())
    {
        let _checksum_and_id = edit.split_off(..16)?;
        for _ in 0..number(&mut edit)? {
            let _level = edit.split_off(..1)?;
            for _run in 0..number(&mut edit)? {
                skip(&mut edit, 33)?;
            }
        }
        [25, 8, 1].into_iter().try_for_each(|width| skip(&mut edit, width))?;
        cut.append(&mut cut_tables(&mut edit)?);
    }
    Some(cut)
}

/// Reads a list of cut tables with their lower bounds, and returns the ids of the tables.
fn cut_tables(from: &mut &[u8]) -> Option<Vec<u64>> {
    let mut tables = Vec::new();
    for _ in 0..number(from)? {
        tables.push(u64::from_le_bytes(from.split_off(..8)?.try_into().ok()?));
        skip(from, 1)?;
    }
    Some(tables)
}

fn number(from: &mut &[u8]) -> Option<usize> {
    Some(u32::from_le_bytes(from.split_off(..4)?.try_into().ok()?) as usize)
}

/// Skips a list of records of this width.
fn skip(from: &mut &[u8], width: usize) -> Option<()> {
    let len = number(from)? * width;
    from.split_off(..len).map(drop)
}
