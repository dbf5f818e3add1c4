//! [`Db`]: a source of fixed files.
//!
//! Most tests damage, replace or count single files, so they need to know each file, byte and filesystem call in
//! advance. The reference engine in [`bed`](crate::bed) names its files itself and has no folders of several trees, no
//! options and no log in a checkpoint. It serves the tests of an engine that works on during a checkpoint.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{
    BoxError, CATALOG_FILE, Capture, Catalog, CheckpointSource, DeletionPause, FileKind, ManifestTarget,
    Snapshot, SourceFile, SourceRoot,
};
use lsm_fs::{Fs, FsAbilities, FsExt, FsMetadata, FsOpenOptions, SyncMode};
use lsm_manifest::{
    BLOBS_FOLDER, ManifestArchiveWriter, ReadOptions, TABLES_FOLDER, WriteOptions, publish_current, recover,
    version_file_name,
};
use xxhash_rust::xxh3::xxh3_128;

pub(crate) const VERSION: u64 = 7;
pub(crate) const SEQNO: u64 = 42;
/// The length of the captured part of the log. The file is longer.
const LOG_LEN: usize = 600;

/// A database of one or more trees below one directory.
pub(crate) struct Db {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) dir: PathBuf,
    pub(crate) trees: Vec<&'static str>,
    pub(crate) pause: Arc<DeletionPause>,
    /// `true` if the version knows its checksums.
    pub(crate) checksums: bool,
    /// `true` if a log and options are captured as well.
    pub(crate) extras: bool,
    /// Called at the end of `capture`.
    pub(crate) on_capture: Box<dyn Fn(&Db) + Send + Sync>,
}

/// Returns the data files of a tree, by kind.
pub(crate) fn files() -> Vec<(FileKind, &'static str, Vec<u8>)> {
    let bytes = |seed: u8, len: usize| (0..len).map(|at| u8::try_from(at % 251).unwrap() ^ seed).collect();
    vec![
        (FileKind::Table, "1", bytes(1, 700)),
        (FileKind::Table, "2", bytes(2, 40)),
        (FileKind::Blob, "1", bytes(3, 900)),
    ]
}

fn log_bytes() -> Vec<u8> {
    (0..LOG_LEN + 100).map(|at| u8::try_from(at % 13).unwrap()).collect()
}

impl Db {
    /// Writes the files of a new database and makes them durable.
    pub(crate) fn prepare(fs: &dyn Fs, dir: &Path, trees: &[&str]) {
        for tree in trees {
            for folder in [TABLES_FOLDER, BLOBS_FOLDER] {
                fs.create_dir_all(&dir.join(tree).join(folder)).unwrap();
            }
            for (kind, name, bytes) in files() {
                let folder = dir.join(tree).join(kind.folder());
                fs.write_new(&folder.join(name), &bytes, SyncMode::Normal).unwrap();
                let _ = fs.sync_directory(&folder, SyncMode::Normal).unwrap();
            }
            fs.write_new(&dir.join(tree).join("log"), &log_bytes(), SyncMode::Normal).unwrap();
            let _ = fs.sync_directory(&dir.join(tree), SyncMode::Normal).unwrap();
        }
        set_modes(fs, dir);
    }

    /// Opens a prepared database.
    pub(crate) fn open(fs: Arc<dyn Fs>, dir: &Path, trees: &[&'static str]) -> Self {
        Self {
            fs,
            dir: dir.to_path_buf(),
            trees: trees.to_vec(),
            pause: Arc::new(DeletionPause::new()),
            checksums: true,
            extras: true,
            on_capture: Box::new(|_| ()),
        }
    }

    /// Returns the expected contents of a checkpoint without metadata, by path in the target.
    pub(crate) fn expected(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut all = BTreeMap::new();
        for tree in &self.trees {
            for (kind, name, bytes) in files() {
                all.insert(Path::new(tree).join(kind.folder()).join(name), bytes);
            }
            if self.extras {
                all.insert(Path::new(tree).join("logs/log"), log_bytes()[..LOG_LEN].to_vec());
                all.insert(Path::new(tree).join("OPTIONS"), b"fast = true".to_vec());
                all.insert(Path::new(tree).join("EDITS"), Vec::new());
            }
        }
        all
    }

    /// Checks that the files of the source are unchanged.
    pub(crate) fn check_source(&self, fs: &dyn Fs) -> Result<(), String> {
        for tree in &self.trees {
            for (kind, name, bytes) in files() {
                let path = self.dir.join(tree).join(kind.folder()).join(name);
                let found = fs.read_to_vec(&path, 1 << 20).map_err(|e| e.to_string())?;
                if found != bytes {
                    return Err(format!("{} is damaged", path.display()));
                }
            }
            let log = fs.read_to_vec(&self.dir.join(tree).join("log"), 1 << 20).map_err(|e| e.to_string())?;
            if log != log_bytes() {
                return Err("the log is damaged".to_owned());
            }
        }
        Ok(())
    }

    /// Returns `Ok(false)` if there is no target, and `Ok(true)` if it is complete to the last bit. Any other state is
    /// an error.
    pub(crate) fn check_target(&self, fs: &dyn Fs, target: &Path) -> Result<bool, String> {
        if !fs.exists(target).map_err(|e| e.to_string())? {
            return Ok(false);
        }
        let catalog = Catalog::read(fs, target).map_err(|e| e.to_string())?;
        if (catalog.seqno, catalog.trees.len()) != (Some(SEQNO), self.trees.len()) {
            return Err(format!("the catalog says {catalog:?}"));
        }
        let mut expected = self.expected();
        let mut names = BTreeSet::from([PathBuf::from(CATALOG_FILE)]);
        for file in &catalog.files {
            let path = catalog.path_of(file);
            let bytes = fs.read_to_vec(&target.join(&path), 1 << 20).map_err(|e| e.to_string())?;
            let sum = xxh3_128(&bytes);
            if bytes.len() as u64 != file.len || file.checksum.is_some_and(|known| known != sum) {
                return Err(format!("{} is not what the catalog says", path.display()));
            }
            if expected.remove(&path).is_some_and(|wanted| wanted != bytes) {
                return Err(format!("{} is not what the source has", path.display()));
            }
            names.insert(path);
        }
        if !expected.is_empty() {
            return Err(format!("{:?} are missing", expected.keys()));
        }
        let found = all_files(fs, target, Path::new("")).map_err(|e| e.to_string())?;
        if found != names {
            return Err(format!("{found:?} are there, {names:?} are listed"));
        }
        for tree in &self.trees {
            check_manifest(fs, &target.join(tree))?;
        }
        self.check_modes(fs, target)?;
        Ok(true)
    }

    /// Checks that every file and directory has its mode from the source, and that new files have the mode of the
    /// database.
    fn check_modes(&self, fs: &dyn Fs, target: &Path) -> Result<(), String> {
        let mode_of = |there: lsm_fs::Result<FsMetadata>| match there {
            Ok(there) => Ok(there.permissions.map(|permissions| permissions.mode)),
            // The source has gone on since.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e.to_string()),
        };
        let check = |made: &Path, wanted: Option<u32>| match mode_of(fs.symlink_metadata(&target.join(made)))?
        {
            found if found == wanted || wanted.is_none() => Ok(()),
            found => Err(format!("{} has mode {found:?}, not {wanted:?}", made.display())),
        };
        // The source may have links.
        let in_source = |path: &Path| mode_of(self.fs.metadata(path));
        let kept = |made: &Path, source: &Path| check(made, in_source(source)?);
        kept(Path::new(""), &self.dir)?;
        let written = in_source(&self.dir)?.map(|mode| mode & 0o666 | 0o600);
        check(Path::new(CATALOG_FILE), written)?;
        for tree in self.trees.iter().map(Path::new) {
            let source = self.dir.join(tree);
            kept(tree, &source)?;
            check(&tree.join("current"), written)?;
            for (kind, name, _) in files() {
                let path = Path::new(kind.folder()).join(name);
                kept(&tree.join(&path), &source.join(&path))?;
                kept(&tree.join(kind.folder()), &source.join(kind.folder()))?;
            }
            if self.extras {
                kept(&tree.join("logs/log"), &source.join("log"))?;
                kept(&tree.join("logs"), &source)?;
                check(&tree.join("OPTIONS"), written)?;
                check(&tree.join("EDITS"), written)?;
            }
        }
        Ok(())
    }
}

/// Gives a database modes that no umask makes, where the filesystem has modes. The owners stay.
pub(crate) fn set_modes(fs: &dyn Fs, dir: &Path) {
    let Some(ability) = fs.abilities().and_then(FsAbilities::permissions) else { return };
    let of = |path: &Path| fs.metadata(path).unwrap().permissions.unwrap();
    for file in all_files(fs, dir, Path::new("")).unwrap() {
        let file = fs.open(&dir.join(file), &FsOpenOptions::new().write(true)).unwrap();
        let to = file.metadata().unwrap().permissions.unwrap().with_mode(0o640);
        let _ = file.set_permissions(&to).unwrap();
        file.sync_all(SyncMode::Normal).unwrap();
    }
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        let entries = fs.read_dir(&dir).unwrap();
        dirs.extend(
            entries.iter().filter(|entry| entry.file_type.is_dir()).map(|entry| dir.join(&entry.name)),
        );
        let _ = ability.set_directory_permissions(&dir, &of(&dir).with_mode(0o750)).unwrap();
        let _ = fs.sync_directory(&dir, SyncMode::Normal).unwrap();
    }
}

fn check_manifest(fs: &dyn Fs, dir: &Path) -> Result<(), String> {
    let recovered = recover(fs, dir, &ReadOptions::new()).map_err(|e| e.to_string())?;
    let recovered = recovered.ok_or_else(|| format!("{} is new", dir.display()))?;
    if recovered.current.version_id != VERSION || !recovered.stale.is_empty() {
        return Err(format!("{:?}, beside {:?}", recovered.current, recovered.stale));
    }
    Ok(())
}

/// Returns every file below a directory.
pub(crate) fn all_files(fs: &dyn Fs, root: &Path, below: &Path) -> lsm_fs::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for entry in fs.read_dir(&root.join(below))? {
        let path = below.join(&entry.name);
        if entry.file_type.is_dir() {
            found.append(&mut all_files(fs, root, &path)?);
        } else {
            found.insert(path);
        }
    }
    Ok(found)
}

impl CheckpointSource for Db {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::clone(&self.fs), &self.dir)]
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        Some(&self.pause)
    }

    fn visible_seqno(&self) -> Option<u64> {
        Some(SEQNO)
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        let capture = self
            .trees
            .iter()
            .fold(Capture::new(), |capture, tree| capture.tree(*tree, Tree { db: self, tree }));
        (self.on_capture)(self);
        Ok(capture)
    }

    fn identity(&self) -> String {
        "a test".to_owned()
    }
}

struct Tree<'a> {
    db: &'a Db,
    tree: &'static str,
}

impl Snapshot for Tree<'_> {
    fn version_id(&self) -> u64 {
        VERSION
    }

    fn files(&self) -> Result<Vec<SourceFile>, BoxError> {
        let dir = self.db.dir.join(self.tree);
        let mut all = Vec::new();
        for (kind, name, bytes) in files() {
            let path = dir.join(kind.folder()).join(name);
            let sum = self.db.checksums.then(|| xxh3_128(&bytes));
            all.push(
                SourceFile::immutable(kind, Arc::clone(&self.db.fs), path, bytes.len() as u64).checksum(sum),
            );
        }
        if self.db.extras {
            let log = FileKind::other("logs");
            all.push(SourceFile::prefix(log, Arc::clone(&self.db.fs), dir.join("log"), LOG_LEN as u64));
            all.push(SourceFile::bytes(FileKind::Metadata, "OPTIONS", *b"fast = true"));
            all.push(SourceFile::bytes(FileKind::Metadata, "EDITS", *b""));
        }
        Ok(all)
    }

    fn write_manifest(&self, target: &ManifestTarget<'_>) -> Result<(), BoxError> {
        let path = target.dir().join(version_file_name(VERSION));
        let mut writer = ManifestArchiveWriter::create(target.fs(), &path, WriteOptions::new())?;
        writer.add_section("tables", b"1 2")?;
        let _ = publish_current(&writer.finish()?)?;
        Ok(())
    }
}
