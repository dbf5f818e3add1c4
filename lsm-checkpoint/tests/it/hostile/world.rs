//! A database, a directory of backups with the target `t`, and files outside that no call may touch.

use std::{
    collections::BTreeSet,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{Checkpoint, Policy};
use lsm_fs::{FileId, Fs, FsExt, FsOpenOptions, StdFs};
use lsm_fs_mem::MemFs;
use tempfile::TempDir;

use super::{place::Place, seen::Seen};
use crate::{
    create::prepared,
    db::{Db, all_files},
};

pub(crate) const TREES: [&str; 2] = ["", "users"];
pub(crate) const STAGED: &str = ".t.checkpoint-staged";
pub(crate) const MARKER: &str = ".checkpoint-unpublished";

/// The files of a checkpoint.
pub(crate) type Template = Vec<(PathBuf, Vec<u8>)>;

pub(crate) struct World<P> {
    pub(crate) fs: P,
    root: PathBuf,
    /// A checkpoint whose catalog has checksums of the tables.
    summed: Template,
    /// A checkpoint whose catalog has none.
    plain: Template,
}

/// Unmounts everything before the directory is removed.
#[derive(Debug)]
pub(crate) struct HostDir(TempDir);

impl Drop for HostDir {
    fn drop(&mut self) {
        StdFs.unmount_below(self.0.path());
    }
}

impl World<StdFs> {
    /// Creates a world on the host, on a tmpfs if there is one, because thousands of calls make syncs.
    pub(crate) fn on_the_host() -> (HostDir, Self) {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let world = Self::new(StdFs, dir.path().canonicalize().unwrap());
        (HostDir(dir), world)
    }
}

impl World<MemFs> {
    pub(crate) fn in_memory() -> Self {
        let fs = MemFs::new();
        fs.create_dir(Path::new("/w")).unwrap();
        Self::new(fs, PathBuf::from("/w"))
    }
}

impl<P: Place> World<P> {
    /// Fills a folder that is empty or has only folders.
    pub(crate) fn new(fs: P, root: PathBuf) -> Self {
        let world = Self { fs, root, summed: template(true), plain: template(false) };
        world.fill(true);
        world
    }

    pub(crate) fn backups(&self) -> PathBuf {
        self.root.join("backups")
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.root.join("backups/t")
    }

    pub(crate) fn staged(&self) -> PathBuf {
        self.backups().join(STAGED)
    }

    pub(crate) fn outside(&self) -> PathBuf {
        self.root.join("outside")
    }

    /// Returns the path for restored directories and for checkpoints with a base.
    pub(crate) fn made(&self) -> PathBuf {
        self.root.join("made/new")
    }

    /// Returns the path to which an attacker moves a folder.
    pub(crate) fn aside(&self) -> PathBuf {
        self.root.join("aside")
    }

    pub(crate) fn db(&self) -> Db {
        let mut db = Db::open(Arc::new(self.fs.clone()), &self.root.join("db"), &TREES);
        db.extras = false;
        db
    }

    /// Creates everything anew.
    pub(crate) fn build(&self, checksums: bool) {
        self.fs.unmount_below(&self.root);
        for entry in self.fs.read_dir(&self.root).unwrap() {
            self.clear(&self.root.join(entry.name));
        }
        self.fill(checksums);
    }

    fn fill(&self, checksums: bool) {
        Db::prepare(&self.fs, &self.root.join("db"), &TREES);
        self.put_all(&self.outside(), &distorted(&self.plain));
        for (name, bytes) in [("secret", &b"not yours"[..]), ("CURRENT", b"7"), ("users/CURRENT", b"8")] {
            self.put(&self.outside().join(name), bytes);
        }
        self.put_all(&self.backups().join("monday"), &self.plain);
        self.put_all(&self.target(), if checksums { &self.summed } else { &self.plain });
        self.fs.create_dir(&self.root.join("made")).unwrap();
    }

    /// Creates only the checkpoint anew, and removes copies of it. The rest is unchanged.
    pub(crate) fn rebuild(&self, checksums: bool) {
        self.fs.unmount_below(&self.root);
        self.clear(&self.aside());
        self.clear(&self.made());
        for entry in self.fs.read_dir(&self.backups()).unwrap() {
            if entry.name != "monday" {
                self.clear(&self.backups().join(entry.name));
            }
        }
        self.put_all(&self.target(), if checksums { &self.summed } else { &self.plain });
    }

    /// Removes the entry at a path, if there is one.
    pub(crate) fn clear(&self, path: &Path) {
        match self.fs.symlink_metadata(path) {
            Ok(there) if there.is_dir() => self.fs.remove_dir_all(path).unwrap(),
            Ok(_) => self.fs.remove_file(path).unwrap(),
            Err(_) => {}
        }
    }

    pub(crate) fn put_all(&self, dir: &Path, files: &Template) {
        self.fs.create_dir_all(dir).unwrap();
        for (path, bytes) in files {
            self.put(&dir.join(path), bytes);
        }
    }

    /// Writes a file without a sync.
    pub(crate) fn put(&self, path: &Path, bytes: &[u8]) {
        self.fs.create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = self.fs.open(path, &FsOpenOptions::new().write(true).create_new(true)).unwrap();
        file.write_all(bytes).unwrap();
    }

    /// Records everything that a call must not touch: the database, the files outside, another checkpoint.
    pub(crate) fn see_outside(&self) -> Seen {
        let mut seen = Seen::default();
        for dir in ["db", "outside", "backups/monday"] {
            seen.add(&self.fs, &self.root, Path::new(dir));
        }
        seen
    }

    /// Returns the inodes of the files outside.
    pub(crate) fn outside_ids(&self) -> BTreeSet<FileId> {
        let mut seen = Seen::default();
        seen.add(&self.fs, &self.root, Path::new("outside"));
        seen.ids()
    }

    /// Returns the contents of files outside that no sound checkpoint has.
    pub(crate) fn outside_bytes(&self) -> BTreeSet<Vec<u8>> {
        distorted(&self.plain).into_iter().filter(|(path, _)| is_data(path)).map(|(_, bytes)| bytes).collect()
    }

    /// Returns the files of the checkpoint without checksums.
    pub(crate) fn files(&self) -> &Template {
        &self.plain
    }
}

fn template(checksums: bool) -> Template {
    let fs = MemFs::new();
    let mut db = prepared(&fs, &TREES);
    (db.checksums, db.extras) = (checksums, false);
    let dir = Path::new("/t");
    Checkpoint::new().policy(Policy::LinkOnly).create(&db, &fs, dir).unwrap();
    let files = all_files(&fs, dir, Path::new("")).unwrap().into_iter();
    files.map(|path| (path.clone(), fs.read_to_vec(&dir.join(&path), 1 << 20).unwrap())).collect()
}

fn is_data(path: &Path) -> bool {
    path.parent().is_some_and(|folder| folder.ends_with("tables") || folder.ends_with("blobs"))
}

/// Returns the same names and lengths with other bytes in the data files, which can be mistaken for a checkpoint.
fn distorted(files: &Template) -> Template {
    let mut files = files.clone();
    for (_, bytes) in files.iter_mut().filter(|(path, _)| is_data(path)) {
        bytes.iter_mut().for_each(|byte| *byte = !*byte);
    }
    files
}
