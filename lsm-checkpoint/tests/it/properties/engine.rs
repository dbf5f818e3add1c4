//! Sources of arbitrary shape.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{
    BoxError, Capture, CheckpointSource, DeletionPause, FileKind, PinnedSnapshot, SourceFile, SourceRoot,
};
use lsm_fs::{Fs, FsExt, SyncMode};
use lsm_fs_mem::MemFs;
use proptest::{collection::vec, prelude::*, sample::select};
use xxhash_rust::xxh3::xxh3_128;

/// The origin of a file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A finished file.
    Immutable,
    /// A file that is longer than its captured part.
    Log,
    /// Bytes in memory.
    Bytes,
}

/// A file of a snapshot.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) kind: FileKind,
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    pub(super) origin: Origin,
    pub(super) knows_len: bool,
    pub(super) knows_checksum: bool,
}

/// A database of several trees, or of one tree in the folder `""`. All names are distinct.
#[derive(Clone, Debug)]
pub(super) struct Shape(pub(super) BTreeMap<String, Vec<Wanted>>);

fn kind() -> impl Strategy<Value = FileKind> {
    prop_oneof![
        4 => Just(FileKind::Table),
        2 => Just(FileKind::Blob),
        1 => Just(FileKind::Metadata),
        1 => select(vec!["logs", "filters"]).prop_map(FileKind::other),
    ]
}

fn origin() -> impl Strategy<Value = Origin> {
    prop_oneof![4 => Just(Origin::Immutable), 1 => Just(Origin::Log), 1 => Just(Origin::Bytes)]
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let bytes = prop_oneof![Just(Vec::new()), vec(any::<u8>(), 1..80), vec(any::<u8>(), 4000..4200)];
    (kind(), "[a-z0-9é]{1,6}", bytes, origin(), any::<(bool, bool)>()).prop_map(
        |(kind, name, bytes, origin, (knows_len, knows_checksum))| Wanted {
            kind,
            name,
            bytes,
            origin,
            knows_len,
            knows_checksum,
        },
    )
}

/// Returns files with distinct names. The names of metadata end in `~`, so that they collide with no folder and no
/// manifest.
fn files() -> impl Strategy<Value = Vec<Wanted>> {
    vec(wanted(), 0..8).prop_map(|mut files| {
        let mut taken = BTreeSet::new();
        files.retain(|file| taken.insert((file.kind.folder().to_owned(), file.name.clone())));
        for file in files.iter_mut().filter(|file| file.kind == FileKind::Metadata) {
            file.name.push('~');
        }
        files
    })
}

pub(super) fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        files().prop_map(|files| Shape([(String::new(), files)].into())),
        prop::collection::btree_map("[a-z]{1,5}", files(), 1..4).prop_map(Shape),
    ]
}

/// A database of some shape on a filesystem.
pub(super) struct Engine {
    pub(super) fs: MemFs,
    pub(super) dir: PathBuf,
    pub(super) shape: Shape,
}

impl Engine {
    /// Writes the files and makes them durable.
    pub(super) fn prepare(fs: &MemFs, dir: &str, shape: &Shape) -> Self {
        let engine = Self { fs: fs.clone(), dir: PathBuf::from(dir), shape: shape.clone() };
        for (tree, files) in &shape.0 {
            fs.create_dir_all(&engine.dir.join(tree)).unwrap();
            for (at, file) in files.iter().enumerate() {
                let rest: &[u8] = if file.origin == Origin::Log { b"appended since" } else { b"" };
                let path = engine.source_of(tree, at);
                fs.write_new(&path, &[&file.bytes[..], rest].concat(), SyncMode::Normal).unwrap();
            }
        }
        fs.settle();
        engine
    }

    /// Returns the path of a tree's n-th file in the source.
    pub(super) fn source_of(&self, tree: &str, at: usize) -> PathBuf {
        self.dir.join(tree).join(format!("{at}.file"))
    }

    /// Returns the path of a file relative to a checkpoint or a restored directory.
    pub(super) fn target_of(tree: &str, file: &Wanted) -> PathBuf {
        Path::new(tree).join(file.kind.folder()).join(&file.name)
    }

    /// Returns the expected files of a target, including the manifests.
    pub(super) fn expected(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut all = BTreeMap::new();
        for (tree, files) in &self.shape.0 {
            all.extend(files.iter().map(|file| (Self::target_of(tree, file), file.bytes.clone())));
            all.insert(Path::new(tree).join("MANIFEST"), tree.clone().into_bytes());
            all.insert(Path::new(tree).join("CURRENT"), b"MANIFEST".to_vec());
        }
        all
    }

    fn file(&self, tree: &str, (at, file): (usize, &Wanted)) -> SourceFile {
        let (fs, path): (Arc<dyn Fs>, _) = (Arc::new(self.fs.clone()), self.source_of(tree, at));
        let len = file.bytes.len() as u64;
        let source = match file.origin {
            Origin::Immutable => {
                SourceFile::immutable(file.kind.clone(), fs, path, file.knows_len.then_some(len))
            }
            Origin::Log => SourceFile::prefix(file.kind.clone(), fs, path, len),
            Origin::Bytes => SourceFile::bytes(file.kind.clone(), "", file.bytes.clone()),
        };
        source.named(&file.name).checksum(file.knows_checksum.then(|| xxh3_128(&file.bytes)))
    }
}

impl CheckpointSource for Engine {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::new(self.fs.clone()), &self.dir)]
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn identity(&self) -> String {
        "engine".to_owned()
    }

    fn visible_seqno(&self) -> Option<u64> {
        Some(42)
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        Ok(self.shape.0.iter().fold(Capture::new(), |capture, (tree, files)| {
            let files: Vec<_> = files.iter().enumerate().map(|file| self.file(tree, file)).collect();
            let snapshot = PinnedSnapshot::new(7, ())
                .files(files)
                .metadata("MANIFEST", tree.clone().into_bytes())
                .metadata("CURRENT", *b"MANIFEST");
            capture.tree(tree.clone(), snapshot)
        }))
    }
}

/// Returns every file below a directory, with its bytes.
pub(super) fn bytes_below(fs: &dyn Fs, dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = crate::db::all_files(fs, dir, Path::new("")).unwrap();
    files.into_iter().map(|file| (file.clone(), fs.read_to_vec(&dir.join(&file), 1 << 20).unwrap())).collect()
}
