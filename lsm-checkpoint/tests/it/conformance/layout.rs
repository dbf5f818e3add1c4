//! The layout of the engine's files, and the file that makes a version live.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{BoxError, FileKind, ManifestTarget};
use lsm_fs::{Fs, FsExt};

use super::{
    files::{Entry, Table, Version},
    mini::NORMAL,
    mistake::Mistake,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// `tables`, `blobs`, `logs`, and CURRENT, which names a `MANIFEST-{N}`.
    Current,
    /// `sst`, `data/vlog`, `wal`, and the highest `v{N}`, which alone determines the live version.
    Highest,
    /// All files side by side, as in `LevelDB`.
    Flat,
}

const FILE_MAX: u64 = 1 << 20;

impl Layout {
    fn folders(self) -> [&'static str; 3] {
        match self {
            Self::Current => ["tables", "blobs", "logs"],
            Self::Highest => ["sst", "data/vlog", "wal"],
            Self::Flat => ["", "", ""],
        }
    }

    fn file(self, dir: &Path, folder: usize, id: u64) -> PathBuf {
        match self {
            Self::Flat => dir.join(format!("{id:06}.{}", ["sst", "vlog", "log"][folder])),
            _ => dir.join(self.folders()[folder]).join(id.to_string()),
        }
    }

    pub(super) fn table(self, dir: &Path, id: u64) -> PathBuf {
        self.file(dir, 0, id)
    }

    pub(super) fn blob(self, dir: &Path, id: u64) -> PathBuf {
        self.file(dir, 1, id)
    }

    pub(super) fn log(self, dir: &Path, id: u64) -> PathBuf {
        self.file(dir, 2, id)
    }

    /// Returns the kinds of tables, blobs and logs.
    pub(super) fn kinds(self) -> [FileKind; 3] {
        match self {
            Self::Flat => [FileKind::Metadata, FileKind::Metadata, FileKind::Metadata],
            _ => self.folders().map(FileKind::other),
        }
    }

    fn manifest_name(self, id: u64) -> String {
        if self == Self::Highest { format!("v{id}") } else { format!("MANIFEST-{id:06}") }
    }

    pub(super) fn make_dirs(self, fs: &dyn Fs, dir: &Path) -> Result<(), BoxError> {
        let name = Path::new(dir.file_name().unwrap());
        for folder in self.folders() {
            let _ = fs.create_dir_all_durable(lsm_fs::parent_of(dir), &name.join(folder), NORMAL)?;
        }
        Ok(())
    }

    /// Loads the live version with its tables. Returns `None` if nothing was ever published.
    pub(super) fn read(self, fs: &Arc<dyn Fs>, dir: &Path) -> Result<Option<Version>, BoxError> {
        let name = match self {
            Self::Highest => {
                let names = fs.read_dir(dir)?.into_iter().filter_map(|entry| entry.name.into_string().ok());
                names
                    .filter_map(|name| name.strip_prefix('v')?.parse::<u64>().ok())
                    .max()
                    .map(|id| format!("v{id}"))
            }
            _ if fs.exists(&dir.join("CURRENT"))? => {
                Some(String::from_utf8(fs.read_to_vec(&dir.join("CURRENT"), FILE_MAX)?)?)
            }
            _ => None,
        };
        let Some(name) = name else { return Ok(None) };
        let mut version = Version::decode(&fs.read_to_vec(&dir.join(name), FILE_MAX)?)?;
        let dir = version.dir.clone().map_or_else(|| dir.to_path_buf(), PathBuf::from);
        for table in &mut version.tables {
            let rows = fs.read_to_vec(&self.table(&dir, table.id), FILE_MAX)?;
            let blob = match table.blob {
                Some(_) => Some(fs.read_to_vec(&self.blob(&dir, table.id), FILE_MAX)?),
                None => None,
            };
            let entries = Entry::decode(&rows, blob.as_deref())?;
            *table = Arc::new(Table { id: table.id, entries, data: table.data, blob: table.blob });
        }
        Ok(Some(version))
    }

    /// Returns the writes in a log after a number, and the length of its intact part.
    pub(super) fn read_log(
        self,
        fs: &dyn Fs,
        dir: &Path,
        id: u64,
        behind: u64,
    ) -> Result<(Vec<Entry>, u64), BoxError> {
        let path = self.log(dir, id);
        if !fs.exists(&path)? {
            return Ok((Vec::new(), 0));
        }
        let (entries, len) = Entry::replay(&fs.read_to_vec(&path, FILE_MAX)?);
        Ok((entries.into_iter().filter(|entry| entry.seqno > behind).collect(), len))
    }

    /// Makes a version durable and live.
    pub(super) fn publish(
        self,
        fs: &dyn Fs,
        dir: &Path,
        version: &Version,
        mistake: Mistake,
    ) -> Result<(), BoxError> {
        let mut version = version.clone();
        if mistake == Mistake::KeepsItsPath {
            version.dir.get_or_insert_with(|| dir.to_str().unwrap().to_owned());
        }
        let name = self.manifest_name(version.id);
        let _ = fs.rewrite_atomic(&dir.join(&name), &version.encode(), NORMAL)?;
        if self != Self::Highest {
            let _ = fs.rewrite_atomic(&dir.join("CURRENT"), name.as_bytes(), NORMAL)?;
        }
        Ok(())
    }

    /// Writes a version into a checkpoint.
    pub(super) fn write(self, target: &ManifestTarget<'_>, version: &Version) -> Result<(), BoxError> {
        let name = self.manifest_name(version.id);
        target.write(&name, &version.encode())?;
        if self != Self::Highest {
            target.write("CURRENT", name.as_bytes())?;
        }
        Ok(())
    }

    pub(super) fn remove_manifest(self, fs: &dyn Fs, dir: &Path, id: u64) -> Result<(), BoxError> {
        let old = dir.join(self.manifest_name(id));
        if fs.exists(&old)? {
            fs.remove_file(&old)?;
        }
        Ok(())
    }

    /// Removes the files that a version does not name.
    pub(super) fn remove_orphans(self, fs: &dyn Fs, dir: &Path, version: &Version) -> Result<(), BoxError> {
        let mut named: Vec<_> =
            version.tables.iter().flat_map(|t| [self.table(dir, t.id), self.blob(dir, t.id)]).collect();
        named.extend([
            self.log(dir, version.log),
            dir.join(self.manifest_name(version.id)),
            dir.join("CURRENT"),
        ]);
        let mut folders = vec![dir.to_path_buf()];
        folders
            .extend(self.folders().iter().filter(|folder| !folder.is_empty()).map(|folder| dir.join(folder)));
        for folder in folders {
            for entry in fs.read_dir(&folder)?.into_iter().filter(|entry| entry.file_type.is_file()) {
                let path = folder.join(entry.name);
                if !named.contains(&path) {
                    fs.remove_file(&path)?;
                }
            }
        }
        Ok(())
    }
}
