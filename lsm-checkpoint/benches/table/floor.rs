//! Floors: the minimal work of a checkpoint, in raw system calls.

use std::{
    fs::{self, File},
    io::Read,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::{FileExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use lsm_checkpoint::CATALOG_FILE;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, fsync, ioctl_ficlone, linkat, open, openat};

pub(crate) const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
pub(crate) const NEW: OFlags =
    OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::CLOEXEC);

/// The files of a checkpoint besides its tables, by content.
pub(crate) struct Metadata {
    manifest: Vec<u8>,
    current: Vec<u8>,
    catalog: Vec<u8>,
}

impl Metadata {
    /// Reads the files of an existing checkpoint.
    pub(crate) fn of(checkpoint: &Path) -> Self {
        let read = |name: &str| fs::read(checkpoint.join(name)).unwrap();
        Self { manifest: read("v1"), current: read("current"), catalog: read(CATALOG_FILE) }
    }

    /// Creates a checkpoint in `dir`, with tables from `tables`. Three files, three directories and a rename are
    /// synced, because each sync closes a crash state.
    pub(crate) fn checkpoint(&self, dir: &Path, tables: impl FnOnce(&OwnedFd)) {
        let parent = open(dir, DIRECTORY, Mode::empty()).unwrap();
        let all = Mode::from_raw_mode(0o777);
        rustix::fs::mkdirat(&parent, ".staged", all).unwrap();
        let staged = openat(&parent, ".staged", DIRECTORY, Mode::empty()).unwrap();
        rustix::fs::mkdirat(&staged, "tables", all).unwrap();
        let folder = openat(&staged, "tables", DIRECTORY, Mode::empty()).unwrap();
        tables(&folder);
        let manifest = write_new(&staged, "v1", &self.manifest);
        let current = write_new(&staged, ".current.tmp", &self.current);
        rustix::fs::renameat(&staged, ".current.tmp", &staged, "current").unwrap();
        let catalog = write_new(&staged, CATALOG_FILE, &self.catalog);
        for fd in [&manifest, &current, &catalog]
            .map(AsFd::as_fd)
            .into_iter()
            .chain([folder.as_fd(), staged.as_fd()])
        {
            fsync(fd).unwrap();
        }
        rustix::fs::renameat_with(&parent, ".staged", &parent, "checkpoint", RenameFlags::NOREPLACE).unwrap();
        fsync(&parent).unwrap();
    }
}

fn write_new(dir: &OwnedFd, name: &str, bytes: &[u8]) -> File {
    let file = File::from(openat(dir, name, NEW, Mode::from_raw_mode(0o666)).unwrap());
    file.write_all_at(bytes, 0).unwrap();
    file
}

/// Links each file with one call, through two directory handles.
pub(crate) fn link_all(from: &Path, names: &[String], to: &OwnedFd) {
    let from = open(from, DIRECTORY, Mode::empty()).unwrap();
    for name in names {
        linkat(&from, name.as_str(), to, name.as_str(), AtFlags::empty()).unwrap();
    }
}

/// Clones and syncs one file after the other.
pub(crate) fn clone_each(from: &Path, names: &[String], to: &OwnedFd) {
    let from = open(from, DIRECTORY, Mode::empty()).unwrap();
    for name in names {
        let source = openat(&from, name.as_str(), OFlags::RDONLY, Mode::empty()).unwrap();
        let clone = openat(to, name.as_str(), NEW, Mode::from_raw_mode(0o666)).unwrap();
        ioctl_ficlone(&clone, &source).unwrap();
        fsync(&clone).unwrap();
    }
}

/// Copies one file after the other through a buffer, and syncs each copy.
pub(crate) fn copy_each(from: &Path, names: &[String], to: &OwnedFd) {
    let mut buf = vec![0; 64 << 10];
    for name in names {
        let mut source = File::open(from.join(name)).unwrap();
        let target = File::from(openat(to, name.as_str(), NEW, Mode::from_raw_mode(0o666)).unwrap());
        let mut offset = 0;
        loop {
            let read = source.read(&mut buf).unwrap();
            if read == 0 {
                break;
            }
            target.write_all_at(&buf[..read], offset).unwrap();
            offset += read as u64;
        }
        target.sync_all().unwrap();
    }
}

/// Measures writes to the device: the same number of bytes into one file, past the page cache, with many requests in
/// flight and one flush.
pub(crate) fn write_device(dir: &Path, bytes: u64) {
    let file = direct(File::options().write(true).create_new(true), &dir.join("device"));
    // Writes within the length of the file do not wait for each other.
    file.set_len(bytes).unwrap();
    in_pieces(bytes, &|piece, offset| file.write_all_at(piece, offset).unwrap());
    file.sync_all().unwrap();
}

/// Measures reads from the device: files of one length, one after the other, past the page cache, with many requests in
/// flight.
pub(crate) fn read_device(dir: &Path, names: &[String], len: u64) {
    let open = |name: &String| direct(File::options().read(true), &dir.join(name));
    let files: Vec<File> = names.iter().map(open).collect();
    in_pieces(files.len() as u64 * len, &|piece, offset| {
        let file = usize::try_from(offset / len).unwrap();
        files[file].read_exact_at(piece, offset % len).unwrap();
    });
}

/// Distributes pieces in order to enough threads to keep the device busy.
fn in_pieces(bytes: u64, act: &(dyn Fn(&mut [u8], u64) + Sync)) {
    const IN_FLIGHT: u64 = 16;
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..IN_FLIGHT {
            scope.spawn(|| {
                let mut store = vec![7; PIECE + PAGE];
                let piece = aligned(&mut store);
                loop {
                    let offset = next.fetch_add(PIECE as u64, Ordering::Relaxed);
                    if offset >= bytes {
                        break;
                    }
                    let len = usize::try_from(bytes - offset).unwrap().min(PIECE);
                    act(&mut piece[..len], offset);
                }
            });
        }
    });
}

const PIECE: usize = 1 << 20;
const PAGE: usize = 4096;

fn direct(options: &mut fs::OpenOptions, path: &PathBuf) -> File {
    options.custom_flags(i32::try_from(OFlags::DIRECT.bits()).unwrap()).open(path).unwrap()
}

/// Allocates memory with the alignment that direct writes need.
fn aligned(store: &mut [u8]) -> &mut [u8] {
    let offset = store.as_ptr().align_offset(PAGE);
    &mut store[offset..offset + PIECE]
}
