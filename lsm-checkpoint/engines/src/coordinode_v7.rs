//! `coordinode-lsm-tree` 7.4: a pin lists the files and keeps them from deletion. Its layout contains the manifest.

use std::{collections::HashMap, ffi::OsString, path::Path, sync::Arc};

use coordinode_v7::{
    AbstractTree, AnyTree, PinnedFile, SequenceNumberCounter,
    fs::{Fs as _, StdFs as EngineFs},
};
use lsm_checkpoint::{
    BoxError, Capture, CheckpointSource, DeletionPause, FileKind, PinnedSnapshot, SourceFile, SourceRoot,
};
use lsm_fs::{Fs, StdFs};
use lsm_manifest::version_file_name;

/// The start of the bytes that a pin returns as its `layout`: a magic number and the version of the format. The id of
/// the tree's version, a sequence number and the manifest follow.
const LAYOUT_HEAD: &[u8] = b"LSMP\x01";
const LAYOUT_HEAD_LEN: usize = 21;

/// An open tree on the host's filesystem, as a source of checkpoints.
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
        let config = self.tree.tree_config();
        let folders = config.all_tables_folders().into_iter().map(|(folder, _)| folder);
        folders.chain([config.path.clone()]).map(|dir| SourceRoot::new(Arc::new(StdFs), dir)).collect()
    }

    // The pin keeps every file that it lists.
    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn identity(&self) -> String {
        self.identity.to_owned()
    }

    fn check(&self) -> Result<(), BoxError> {
        let config = self.tree.tree_config();
        let mut used = config.all_tables_folders().into_iter().map(|(_, fs)| fs).chain([config.fs.clone()]);
        if used.any(|fs| fs.backend_id() != EngineFs.backend_id()) {
            return Err("the tree lies on a filesystem of its own, which this adapter cannot read".into());
        }
        self.refuse_rewritten()
    }

    // The counter holds the next number, and 0 before the first write.
    fn visible_seqno(&self) -> Option<u64> {
        self.visible.get().checked_sub(1)
    }

    // With a watermark of 0, the flush keeps every value that an older reader needs.
    fn flush(&self) -> Result<(), BoxError> {
        Ok(self.tree.flush_active_memtable(0)?)
    }

    // A pin has no checksums, but a version has. The version with the pin's id describes the same files.
    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        let (version, pin, layout) = loop {
            let (version, pin) = (self.tree.current_version(), self.tree.pin());
            let layout = pin.layout()?;
            let rest = layout.strip_prefix(LAYOUT_HEAD).ok_or("a pinned layout of another shape")?;
            if rest.starts_with(&version.id().to_le_bytes()) {
                break (version, pin, layout);
            }
        };
        // A tree may defer the syncs of its flushes. Sync every pinned file before it is linked.
        self.tree.persist_flushes()?;
        self.refuse_rewritten()?;
        // Share one `Fs`, because files with the same `Fs` are linked in one batch.
        let fs: Arc<dyn Fs> = Arc::new(StdFs);
        let file = |kind: FileKind, file: &PinnedFile, checksums: &HashMap<u64, u128>| {
            let checksum = checksums.get(&file.id()).copied();
            SourceFile::immutable(kind, fs.clone(), file.path(), None).checksum(checksum)
        };
        let of_tables =
            version.iter_tables().map(|table| (table.id(), table.checksum().into_u128())).collect();
        let of_blobs =
            version.blob_files.iter().map(|blob| (blob.id(), blob.checksum().into_u128())).collect();
        let tables = pin.tables().iter().map(|table| file(FileKind::Table, table, &of_tables));
        let blobs = pin.blob_files().iter().map(|blob| file(FileKind::Blob, blob, &of_blobs));
        let none = HashMap::new();
        let dicts = pin.dictionaries().iter().map(|dict| file(FileKind::other("dicts"), dict, &none));
        let files: Vec<_> = tables.chain(blobs).chain(dicts).collect();
        let manifest = layout.get(LAYOUT_HEAD_LEN..).ok_or("a pinned layout without a manifest")?;
        let snapshot = PinnedSnapshot::new(version.id(), pin)
            .files(files)
            .folders(matches!(self.tree, AnyTree::Blob(_)).then_some(FileKind::Blob))
            // The highest `v{N}` makes the tree readable, so it comes last.
            .metadata(format!("edits-{}", version.id()), [])
            .metadata(version_file_name(version.id()), manifest);
        Ok(Capture::one(snapshot))
    }
}

impl Source<'_> {
    /// Refuses a tree with a table that was healed in place, or cut by a compaction in tight space. The bytes of such a
    /// table do not match its checksum until a scrub or a compaction has processed it.
    fn refuse_rewritten(&self) -> Result<(), BoxError> {
        for (folder, _) in self.tree.tree_config().all_tables_folders() {
            let tells = |name: &OsString| {
                Path::new(name).extension().is_some_and(|end| end == "heal-attest" || end == "restrict-bound")
            };
            if let Some(entry) = StdFs.read_dir(&folder)?.iter().find(|entry| tells(&entry.name)) {
                let path = folder.join(&entry.name);
                return Err(format!("{}: scrub or compact the tree first", path.display()).into());
            }
        }
        Ok(())
    }
}
