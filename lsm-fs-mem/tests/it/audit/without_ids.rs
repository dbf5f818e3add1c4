//! The account on backends that lack something.

use std::{
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::Path,
};

use lsm_fs::{
    DirectorySync, Error, FileHint, Fs, FsCapabilities, FsDirEntry, FsDirLock, FsFile, FsMetadata,
    FsOpenOptions, Op, Result, SyncMode, SyncReport, errno,
};
use lsm_fs_mem::DurabilityAudit;

use super::{create, put, sync_dir, undurable};
use crate::backends::{Backend, each};

/// A backend that does not tell inodes apart, or cannot sync directories.
#[derive(Debug)]
struct Lacking {
    inner: Backend,
    has_ids: bool,
    syncs_directories: bool,
    /// Fails after the first file that it has removed.
    removes_trees: bool,
}

/// A file of such a backend.
#[derive(Debug)]
struct Nameless(Box<dyn FsFile>);

fn without_id(mut metadata: FsMetadata) -> FsMetadata {
    metadata.file_id = None;
    metadata
}

impl Lacking {
    fn nothing(inner: Backend) -> Self {
        Self { inner, has_ids: true, syncs_directories: true, removes_trees: true }
    }

    fn told(&self, metadata: FsMetadata) -> FsMetadata {
        if self.has_ids { metadata } else { without_id(metadata) }
    }
}

impl Fs for Lacking {
    fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>> {
        Err(Error::new(Op::Beneath, root, io::ErrorKind::Unsupported))
    }
    fn open(&self, path: &Path, options: &FsOpenOptions) -> Result<Box<dyn FsFile>> {
        let file = self.inner.open(path, options)?;
        Ok(if self.has_ids { file } else { Box::new(Nameless(file)) })
    }
    fn create_dir(&self, path: &Path) -> Result<()> {
        self.inner.create_dir(path)
    }
    fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>> {
        self.inner.read_dir(path)
    }
    fn metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.inner.metadata(path).map(|m| self.told(m))
    }
    fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.inner.symlink_metadata(path).map(|m| self.told(m))
    }
    fn remove_file(&self, path: &Path) -> Result<()> {
        self.inner.remove_file(path)
    }
    fn remove_dir(&self, path: &Path) -> Result<()> {
        self.inner.remove_dir(path)
    }
    fn remove_dir_all(&self, path: &Path) -> Result<()> {
        if self.removes_trees {
            return self.inner.remove_dir_all(path);
        }
        let first = self.inner.read_dir(path)?.into_iter().next().unwrap();
        self.inner.remove_file(&path.join(first.name))?;
        Err(Error::new(Op::RemoveDirAll, path, io::Error::from_raw_os_error(errno::EIO)))
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.inner.rename(from, to)
    }
    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()> {
        self.inner.rename_noreplace(from, to)
    }
    fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
        self.inner.hard_link(from, to)
    }
    fn reflink_file(&self, from: &Path, to: &Path) -> Result<()> {
        self.inner.reflink_file(from, to)
    }
    fn sync_directory(&self, path: &Path, mode: SyncMode) -> Result<DirectorySync> {
        let synced = self.inner.sync_directory(path, mode)?;
        Ok(if self.syncs_directories { synced } else { DirectorySync::NotSupported })
    }
    fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
        self.inner.try_lock_directory(path)
    }
    fn backend_id(&self) -> Option<u64> {
        self.inner.backend_id()
    }
    fn volume_id(&self, path: &Path) -> Result<u64> {
        self.inner.volume_id(path)
    }
    fn capabilities(&self, path: &Path) -> Result<FsCapabilities> {
        self.inner.capabilities(path)
    }
    fn available_space(&self, path: &Path) -> Result<u64> {
        self.inner.available_space(path)
    }
    fn punch_hole(&self, path: &Path, offset: u64, len: u64) -> Result<()> {
        self.inner.punch_hole(path, offset, len)
    }
    fn truncate_file(&self, path: &Path, len: u64) -> Result<()> {
        self.inner.truncate_file(path, len)
    }
    fn try_disable_cow(&self, path: &Path) -> Result<bool> {
        self.inner.try_disable_cow(path)
    }
    fn sync_batch(&self, _: &[&dyn FsFile], _: SyncMode, _: SyncReport<'_>) {
        panic!("a wrapper makes the single calls itself");
    }
}

impl FsFile for Nameless {
    fn sync_all(&self, mode: SyncMode) -> Result<()> {
        self.0.sync_all(mode)
    }
    fn sync_data(&self, mode: SyncMode) -> Result<()> {
        self.0.sync_data(mode)
    }
    fn start_writeback(&self, offset: u64, len: u64) -> Result<()> {
        self.0.start_writeback(offset, len)
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        self.0.read_at(buf, offset)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> Result<()> {
        self.0.write_at(buf, offset)
    }
    fn set_len(&self, len: u64) -> Result<()> {
        self.0.set_len(len)
    }
    fn metadata(&self) -> Result<FsMetadata> {
        self.0.metadata().map(without_id)
    }
    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>> {
        self.0.next_data(offset)
    }
    fn hint(&self, hint: FileHint) -> Result<()> {
        self.0.hint(hint)
    }
    fn try_lock_exclusive(&self) -> Result<bool> {
        self.0.try_lock_exclusive()
    }
}

impl Read for Nameless {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Nameless {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Seek for Nameless {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

fn without_ids(test: impl Fn(&DurabilityAudit<Lacking>, &Path)) {
    each(|fresh, root| {
        let lacking = Lacking { has_ids: false, ..Lacking::nothing(fresh()) };
        test(&DurabilityAudit::new(lacking, root), root);
    });
}

#[test]
fn a_directory_sync_that_does_nothing_makes_nothing_durable() {
    each(|fresh, root| {
        let lacking = Lacking { syncs_directories: false, ..Lacking::nothing(fresh()) };
        let fs = DurabilityAudit::new(lacking, root);
        put(&fs, &root.join("f"));
        sync_dir(&fs, root);
        assert_eq!(undurable(&fs, root, root), ["f: Name"]);
    });
}

#[test]
fn a_tree_that_was_removed_in_part() {
    each(|fresh, root| {
        let lacking = Lacking { removes_trees: false, ..Lacking::nothing(fresh()) };
        let fs = DurabilityAudit::new(lacking, root);
        fs.create_dir(&root.join("tree")).unwrap();
        put(&fs, &root.join("tree/a"));
        put(&fs, &root.join("tree/b"));
        sync_dir(&fs, &root.join("tree"));
        sync_dir(&fs, root);
        fs.remove_dir_all(&root.join("tree")).unwrap_err();
        assert_eq!(undurable(&fs, root, root), ["tree/a: Removal"]);
    });
}

#[test]
fn a_batch_of_syncs_is_not_left_to_the_backend() {
    each(|fresh, root| {
        let fs = DurabilityAudit::new(Lacking::nothing(fresh()), root);
        let file = create(&fs, &root.join("f"));
        file.write_at(b"x", 0).unwrap();
        fs.sync_batch(&[&*file], SyncMode::Normal, &mut |_, synced| synced.unwrap());
        assert_eq!(undurable(&fs, root, root), ["f: Name"]);
    });
}

#[test]
fn links_are_followed_by_path() {
    without_ids(|fs, root| {
        let (f, sub) = (root.join("f"), root.join("sub"));
        fs.create_dir(&sub).unwrap();
        let file = create(fs, &f);
        file.write_at(b"x", 0).unwrap();
        sync_dir(fs, root);
        fs.hard_link(&f, &sub.join("g")).unwrap();
        assert_eq!(undurable(fs, root, root), ["f: Content", "sub/g: Content", "sub/g: Name"]);
        sync_dir(fs, &sub);
        let g = fs.open(&sub.join("g"), &FsOpenOptions::new().write(true)).unwrap();
        g.sync_all(SyncMode::Normal).unwrap();
        assert_eq!(undurable(fs, root, root), [""; 0]);
    });
}

#[test]
fn renames_are_followed_by_path() {
    without_ids(|fs, root| {
        let (s, t) = (root.join("s"), root.join("t"));
        fs.create_dir(&s).unwrap();
        sync_dir(fs, root);
        put(fs, &s.join("f"));
        let open = create(fs, &s.join("open"));
        fs.rename(&s, &t).unwrap();
        open.write_at(b"x", 0).unwrap();
        let expected = ["s: Removal", "t: Name", "t/f: Name", "t/open: Content", "t/open: Name"];
        assert_eq!(undurable(fs, root, root), expected);
        open.sync_all(SyncMode::Normal).unwrap();
        sync_dir(fs, &t);
        sync_dir(fs, root);
        fs.assert_durable(root);
        // The old name is free for another one.
        fs.create_dir(&s).unwrap();
        sync_dir(fs, root);
        fs.assert_durable(root);
    });
}

#[test]
fn a_replaced_file_is_not_the_one_that_replaces_it() {
    without_ids(|fs, root| {
        let (a, b) = (root.join("a"), root.join("b"));
        create(fs, &a).write_at(b"x", 0).unwrap();
        put(fs, &b);
        fs.rename(&b, &a).unwrap();
        assert_eq!(undurable(fs, root, root), ["a: Name", "b: Removal"]);
        fs.remove_file(&a).unwrap();
        let open = create(fs, &a);
        fs.remove_file(&a).unwrap();
        drop(create(fs, &a));
        open.write_at(b"x", 0).unwrap();
        sync_dir(fs, root);
        fs.assert_durable(root);
    });
}
