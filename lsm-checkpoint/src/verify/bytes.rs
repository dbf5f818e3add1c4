//! Reads files to their end, several at a time.

use std::{
    io,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use lsm_fs::{FileHint, Fs, FsOpenOptions};
use xxhash_rust::xxh3::Xxh3Default;

use super::{Defect, Problem, VerifyOptions};
use crate::{Catalog, CatalogFile, Error, Progress, Result};

/// The size of a read, and of the buffer of each thread.
const CHUNK: usize = 1 << 20;

/// The alignment of reads that bypass the page cache, of offset, length and buffer. It is a multiple of the logical
/// block size of common devices, which `O_DIRECT` requires (`open(2)`, NOTES).
const ALIGNMENT: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) problems: Vec<Problem>,
    pub(super) checked_files: u64,
    pub(super) unchecked_files: u64,
}

/// The state that the threads share.
struct Work<'a> {
    fs: &'a dyn Fs,
    dir: &'a Path,
    catalog: &'a Catalog,
    files: &'a [&'a CatalogFile],
    options: &'a VerifyOptions<'a>,
    next: AtomicUsize,
    stop: AtomicBool,
    progress: Mutex<Progress>,
    found: Mutex<Vec<Found<'a>>>,
}

/// A file with a defect.
struct Found<'a> {
    /// The position of the file in the catalog, by which problems are sorted.
    at: usize,
    file: &'a CatalogFile,
    defect: Defect,
}

/// Compares files with their checksums. The problems are in the order of the files.
pub(super) fn check(
    fs: &dyn Fs,
    dir: &Path,
    catalog: &Catalog,
    files: &[&CatalogFile],
    options: &VerifyOptions<'_>,
) -> Result<Checked> {
    let work = Work {
        fs,
        dir,
        catalog,
        files,
        options,
        next: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
        progress: Mutex::new(Progress {
            files_total: files.len() as u64,
            bytes_total: files.iter().fold(0, |sum, file| sum.saturating_add(file.len)),
            ..Progress::default()
        }),
        found: Mutex::default(),
    };
    thread::scope(|scope| {
        for _ in 1..options.threads.min(files.len()) {
            if thread::Builder::new().spawn_scoped(scope, || work.run()).is_err() {
                break; // This thread reads the remaining files.
            }
        }
        work.run();
    });
    work.outcome()
}

impl Work<'_> {
    fn run(&self) {
        let mut buffer = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = self.files.get(at) else { return };
            if let Err(defect) = self.check_file(file, &mut buffer) {
                self.found.lock().unwrap_or_else(PoisonError::into_inner).push(Found { at, file, defect });
            }
            self.report(|progress| progress.files_done += 1);
        }
    }

    fn check_file(&self, file: &CatalogFile, buffer: &mut Vec<u8>) -> Result<(), Defect> {
        let path = self.dir.join(self.catalog.path_of(file));
        let unreadable = Defect::Unreadable;
        let open = FsOpenOptions::new().read(true).direct_io(self.options.direct_io);
        let handle = self.fs.open(&path, &open).map_err(unreadable)?;
        // A refused hint does not affect the bytes.
        let _ = handle.hint(FileHint::Sequential);
        let piece = usize::try_from(file.len).unwrap_or(CHUNK).clamp(1, CHUNK).next_multiple_of(ALIGNMENT);
        if buffer.len() < piece + ALIGNMENT {
            buffer.resize(piece + ALIGNMENT, 0);
        }
        let unaligned = buffer.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        let (_, buffer) = buffer.split_at_mut(unaligned);
        let mut hasher = Xxh3Default::new();
        let mut offset = 0;
        while offset < file.len && !self.stop.load(Ordering::Relaxed) {
            let wanted = usize::try_from(file.len - offset).unwrap_or(CHUNK).min(CHUNK);
            // Direct reads have an aligned length. If the file has grown meanwhile, the read returns more than wanted.
            let asked = if self.options.direct_io { wanted.next_multiple_of(ALIGNMENT) } else { wanted };
            let (bytes, _) = buffer.split_at_mut(asked);
            let read = handle.read_at(bytes, offset).map_err(unreadable)?.min(wanted);
            let (bytes, _) = bytes.split_at(read);
            hasher.update(bytes);
            offset += read as u64;
            self.report(|progress| progress.bytes_done += read as u64);
            if read < wanted {
                return Err(Defect::Length { expected: file.len, found: offset });
            }
        }
        let found = hasher.digest128();
        match file.checksum {
            Some(expected) if expected != found && offset == file.len => {
                Err(Defect::Checksum { expected, found })
            }
            _ => Ok(()),
        }
    }

    fn report(&self, change: impl FnOnce(&mut Progress)) {
        // Hold the lock during the callback, so that the reported numbers never go back.
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut progress);
        if self.options.progress.is_some_and(|callback| callback(&progress).is_break()) {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    fn outcome(self) -> Result<Checked> {
        if self.stop.into_inner() {
            return Err(Error::Cancelled);
        }
        let mut found = self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_by_key(|found| found.at);
        let mut checked = Checked::default();
        let was_read = |at: usize| {
            let defect = found.binary_search_by_key(&at, |found| found.at).ok().and_then(|at| found.get(at));
            defect.is_none_or(|found| matches!(found.defect, Defect::Checksum { .. }))
        };
        for (at, file) in self.files.iter().enumerate() {
            match file.checksum {
                _ if !was_read(at) => {}
                Some(_) => checked.checked_files += 1,
                None => checked.unchecked_files += 1,
            }
        }
        for Found { file, defect, .. } in found {
            // The file vanished between the lookup of its length and this read.
            let what = match defect {
                Defect::Unreadable(e) if e.kind() == io::ErrorKind::NotFound => Defect::Missing,
                what => what,
            };
            checked.problems.push(Problem { path: self.catalog.path_of(file), what });
        }
        Ok(checked)
    }
}
