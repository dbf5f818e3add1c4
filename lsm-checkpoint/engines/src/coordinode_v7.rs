//! `coordinode-lsm-tree` 7.4: a pin lists the files and holds them; what it says of the layout is the manifest.

use std::{collections::HashMap, ffi::OsString, path::Path, sync::Arc};

use coordinode_v7::{AbstractTree, AnyTree, PinnedFile, PinnedVersion, SequenceNumberCounter};
use lsm_checkpoint::{
    BoxError, Capture, CheckpointSource, DeletionPause, FileKind, ManifestTarget, Snapshot, SourceFile,
    SourceRoot,
};
use lsm_fs::{Fs, StdFs};
use lsm_manifest::version_file_name;

/// In front of the manifest: a magic number, its version, the id of the tree's version, a sequence number.
const LAYOUT_HEAD: &[u8] = b"LSMP\x01";
const LAYOUT_HEAD_LEN: usize = 21;

/// An open tree on the host's filesystem, as a source of checkpoints.
pub struct Source<'a> {
    /// The tree.
    pub tree: &'a AnyTree,
    /// What it was opened with: one more than the last write that readers see.
    pub visible: &'a SequenceNumberCounter,
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

    fn visible_seqno(&self) -> u64 {
        self.visible.get().saturating_sub(1)
    }

    // With 0 for its watermark the flush drops nothing that an older reader needs.
    fn flush(&self) -> Result<(), BoxError> {
        Ok(self.tree.flush_active_memtable(0)?)
    }

    // A pin has no checksums, a version has: one of the same id is what the pin holds.
    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        loop {
            let version = self.tree.current_version();
            let pin = self.tree.pin();
            let layout = pin.layout()?;
            let rest = layout.strip_prefix(LAYOUT_HEAD).ok_or("a pinned layout of another shape")?;
            if !rest.starts_with(&version.id().to_le_bytes()) {
                continue;
            }
            let tables = version.iter_tables().map(|table| (table.id(), table.checksum().into_u128()));
            let blobs = version.blob_files.iter().map(|blob| (blob.id(), blob.checksum().into_u128()));
            let (tables, blobs) = (tables.collect(), blobs.collect());
            // A tree may put the syncs of its flushes off: those of all that is pinned are made up for.
            self.tree.persist_flushes()?;
            self.refuse_healed()?;
            let is_blob_tree = matches!(self.tree, AnyTree::Blob(_));
            return Ok(Capture::one(Held { id: version.id(), pin, layout, tables, blobs, is_blob_tree }));
        }
    }
}

impl Source<'_> {
    /// A table that was healed in place has other bytes than its checksum says, until a scrub has seen to it.
    fn refuse_healed(&self) -> Result<(), BoxError> {
        for (folder, _) in self.tree.tree_config().all_tables_folders() {
            let healed =
                |name: &OsString| Path::new(name).extension().is_some_and(|end| end == "heal-attest");
            if let Some(entry) = StdFs.read_dir(&folder)?.iter().find(|entry| healed(&entry.name)) {
                return Err(format!("{}: scrub the tree first", folder.join(&entry.name).display()).into());
            }
        }
        Ok(())
    }
}

struct Held {
    id: u64,
    pin: PinnedVersion,
    layout: Vec<u8>,
    tables: HashMap<u64, u128>,
    blobs: HashMap<u64, u128>,
    is_blob_tree: bool,
}

impl Snapshot for Held {
    fn version_id(&self) -> u64 {
        self.id
    }

    fn files(&self) -> Result<Vec<SourceFile>, BoxError> {
        // One `Fs` for all of them: files are linked together where they share it.
        let fs: Arc<dyn Fs> = Arc::new(StdFs);
        let file = |kind: FileKind, file: &PinnedFile, sums: &HashMap<u64, u128>| {
            SourceFile::immutable(kind, fs.clone(), file.path(), None).checksum(sums.get(&file.id()).copied())
        };
        let tables = self.pin.tables().iter().map(|table| file(FileKind::Table, table, &self.tables));
        let blobs = self.pin.blob_files().iter().map(|blob| file(FileKind::Blob, blob, &self.blobs));
        let (dicts, none) = (self.pin.dictionaries().iter(), HashMap::new());
        let dicts = dicts.map(|dict| file(FileKind::other("dicts"), dict, &none));
        Ok(tables.chain(blobs).chain(dicts).collect())
    }

    fn folders(&self) -> Vec<FileKind> {
        if self.is_blob_tree { vec![FileKind::Table, FileKind::Blob] } else { vec![FileKind::Table] }
    }

    // The highest `v{N}` is the tree: its name comes last.
    fn write_manifest(&self, target: &ManifestTarget<'_>) -> Result<(), BoxError> {
        target.write(&format!("edits-{}", self.id), &[])?;
        let manifest = self.layout.get(LAYOUT_HEAD_LEN..).ok_or("a pinned layout without a manifest")?;
        Ok(target.write(&version_file_name(self.id), manifest)?)
    }
}
