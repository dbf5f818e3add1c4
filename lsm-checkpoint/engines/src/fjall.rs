//! fjall's `lsm-tree` 3.1: the manifest is an `sfa` archive, and CURRENT names it.

use std::{
    io::{Cursor, Write},
    sync::Arc,
};

use fjall::{AbstractTree, AnyTree, SequenceNumberCounter, coding::Encode};
use lsm_checkpoint::{
    BoxError, Capture, CheckpointSource, DeletionPause, FileKind, PinnedSnapshot, SourceFile, SourceRoot,
};
use lsm_fs::{Fs, StdFs};
use lsm_manifest::{CURRENT_VERSION_FILE, version_file_name};
use xxhash_rust::xxh3::xxh3_128;

/// An open tree, as a source of checkpoints.
pub struct Source<'a> {
    /// The tree.
    pub tree: &'a AnyTree,
    /// The counter that the tree was opened with. Readers see the writes with lower numbers.
    pub visible: &'a SequenceNumberCounter,
    /// The identity of the tree in catalogs. The engine has no id, so the owner of the tree keeps one.
    pub identity: &'a str,
}

impl CheckpointSource for Source<'_> {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::new(StdFs), &self.tree.tree_config().path)]
    }

    // The captured version keeps its tables, and a table is unlinked with its last handle.
    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn identity(&self) -> String {
        self.identity.to_owned()
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
        let version = self.tree.current_version();
        // Share one `Fs`, because files with the same `Fs` are linked in one batch.
        let fs: Arc<dyn Fs> = Arc::new(StdFs);
        let immutable = |kind, path, sum| SourceFile::immutable(kind, fs.clone(), path, None).checksum(sum);
        let mut files = Vec::new();
        let mut blobs = u32::try_from(version.blob_files.len())?.to_le_bytes().to_vec();
        for blob in version.blob_files.iter() {
            let checksum = blob.checksum().into_u128();
            files.push(immutable(FileKind::Blob, blob.path().to_path_buf(), checksum));
            blobs.extend([&blob.id().to_le_bytes()[..], &[0], &checksum.to_le_bytes()].concat());
        }
        let mut tables = vec![u8::try_from(version.level_count())?];
        for level in version.iter_levels() {
            // The format stores the count in one byte.
            tables.push(u8::try_from(level.run_count()).map_err(|_| "a level has more than 255 runs")?);
            for run in level.iter() {
                tables.extend(u32::try_from(run.len())?.to_le_bytes());
                for table in run.iter() {
                    let checksum = table.checksum().into_u128();
                    files.push(immutable(FileKind::Table, table.path.to_path_buf(), checksum));
                    let (checksum, seqno) = (checksum.to_le_bytes(), table.global_seqno().to_le_bytes());
                    tables.extend([&table.id().to_le_bytes()[..], &[0], &checksum, &seqno].concat());
                }
            }
        }
        let is_blob_tree = matches!(self.tree, AnyTree::Blob(_));
        let mut archive = sfa::Writer::from_writer(Cursor::new(Vec::new()));
        for (name, payload) in [
            ("format_version", vec![3]),
            ("crate_version", b"3.1.10".to_vec()),
            ("tree_type", vec![u8::from(is_blob_tree)]),
            ("level_count", vec![u8::try_from(version.level_count())?]),
            ("filter_hash_type", vec![0]),
            ("tables", tables),
            ("blob_files", blobs),
            ("blob_gc_stats", version.gc_stats().encode_into_vec()),
        ] {
            archive.start(name)?;
            archive.write_all(&payload)?;
        }
        let manifest = archive.into_inner()?.into_inner();
        let (id, digest) = (version.id(), xxh3_128(&manifest).to_le_bytes());
        let current = [&id.to_le_bytes()[..], &digest, &[0]].concat();
        let snapshot = PinnedSnapshot::new(id, version)
            .files(files)
            .folders(is_blob_tree.then_some(FileKind::Blob))
            .metadata(version_file_name(id), manifest)
            .metadata(CURRENT_VERSION_FILE, current);
        Ok(Capture::one(snapshot))
    }
}
