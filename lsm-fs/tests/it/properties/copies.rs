//! Copies of random sparse files.

use std::{
    ops::{ControlFlow, Range},
    path::{Path, PathBuf},
    sync::Mutex,
};

use lsm_fs::{
    Copied, CopyJob, CopyObserver, CopyOptions, Error, Fs, FsExt, FsOpenOptions, StdFs, copy::copy_batch,
};
use proptest::{collection::vec, prelude::*};

use super::cases;
use crate::required::Required;

/// A file: its length and the ranges that are written. The rest are holes, if the filesystem has them.
#[derive(Clone, Debug)]
struct Sparse {
    len: usize,
    data: Vec<(usize, usize, u8)>,
    /// The part of the file to copy.
    wanted: Wanted,
}

#[derive(Clone, Copy, Debug)]
enum Wanted {
    All,
    Prefix(usize),
    TooMuch,
}

fn sparse() -> impl Strategy<Value = Sparse> {
    let unit = 4 << 10;
    let len = prop_oneof![
        1 => Just(0),
        3 => 1..300_000_usize,
        2 => (1..64_usize).prop_map(move |units| units * unit),
        1 => (1 << 20)..(1 << 20) + 9_000_usize,
    ];
    let piece = (0..1_100_000_usize, prop_oneof![1..9_000_usize, Just(unit)], 1_u8..);
    len.prop_flat_map(move |len| {
        let wanted = prop_oneof![
            4 => Just(Wanted::All),
            2 => (0..=len).prop_map(Wanted::Prefix),
            1 => Just(Wanted::TooMuch),
        ];
        (vec(piece.clone(), 0..6), wanted).prop_map(move |(data, wanted)| Sparse { len, data, wanted })
    })
}

impl Sparse {
    /// Creates the file. Returns its bytes.
    fn make(&self, path: &Path) -> Vec<u8> {
        let file = StdFs.open(path, &FsOpenOptions::new().write(true).create_new(true)).unwrap();
        file.set_len(self.len as u64).unwrap();
        let mut bytes = vec![0; self.len];
        for &(at, len, byte) in self.data.iter().filter(|_| self.len > 0) {
            let at = at % self.len;
            let end = self.len.min(at + len);
            bytes[at..end].fill(byte);
            file.write_at(&bytes[at..end], at as u64).unwrap();
        }
        bytes
    }

    fn len_wanted(&self) -> Option<u64> {
        match self.wanted {
            Wanted::All => None,
            Wanted::Prefix(len) => Some(len as u64),
            Wanted::TooMuch => Some(self.len as u64 + 1),
        }
    }
}

/// Reassembles each file from the observed pieces.
#[derive(Default)]
struct Assembled(Mutex<Vec<Vec<u8>>>);

impl Assembled {
    fn extend(&self, job: usize, offset: u64, piece: impl IntoIterator<Item = u8>) -> ControlFlow<()> {
        let mut files = self.0.lock().unwrap();
        let file = &mut files[job];
        assert_eq!(offset, file.len() as u64, "pieces come in order and without gaps");
        file.extend(piece);
        ControlFlow::Continue(())
    }
}

impl CopyObserver for Assembled {
    fn data(&self, job: usize, offset: u64, bytes: &[u8]) -> ControlFlow<()> {
        self.extend(job, offset, bytes.iter().copied())
    }

    fn hole(&self, job: usize, range: Range<u64>) -> ControlFlow<()> {
        self.extend(job, range.start, range.clone().map(|_| 0))
    }
}

#[derive(Clone, Copy, Debug)]
struct How {
    concurrency: usize,
    buffer_bytes: usize,
    direct_io: bool,
    share_extents: bool,
    observed: bool,
}

fn how() -> impl Strategy<Value = How> {
    let concurrency = prop_oneof![Just(1), 2..20_usize];
    let buffer = prop_oneof![Just(4 << 10), Just(64 << 10), Just(1 << 20)];
    (concurrency, buffer, any::<[bool; 3]>()).prop_map(
        |(concurrency, buffer_bytes, [direct_io, share_extents, observed])| How {
            concurrency,
            buffer_bytes,
            direct_io,
            share_extents,
            observed,
        },
    )
}

/// Copies every file. Returns each report by its index.
fn copy(how: How, jobs: &[CopyJob<'_>], seen: &Assembled) -> Vec<Result<Copied, Error>> {
    let options = CopyOptions::new()
        .buffer_bytes(how.buffer_bytes)
        .direct_io(how.direct_io)
        .share_extents(how.share_extents);
    let options = if how.observed { options.observer(seen) } else { options };
    let mut reports: Vec<_> = jobs.iter().map(|_| None).collect();
    let mut report = |index: usize, copied| {
        assert!(reports[index].replace(copied).is_none(), "file {index} is reported twice");
        ControlFlow::Continue(())
    };
    copy_batch(&Required::new(StdFs, how.concurrency), jobs, &options, &mut report);
    reports.into_iter().map(|report| report.expect("every file is reported")).collect()
}

fn paths(dir: &Path, files: &[Sparse]) -> Vec<(PathBuf, PathBuf)> {
    (0..files.len()).map(|i| (dir.join(format!("from-{i}")), dir.join(format!("to-{i}")))).collect()
}

fn job<'a>(file: &Sparse, (from, to): &'a (PathBuf, PathBuf)) -> CopyJob<'a> {
    CopyJob { source: &StdFs, from, to, len: file.len_wanted() }
}

proptest! {
    // Each copy is synced.
    #![proptest_config(cases(40))]

    #[test]
    fn a_copy_of_a_sparse_file_has_its_bytes_and_length(files in vec(sparse(), 1..4), how in how()) {
        let dir = tempfile::tempdir().unwrap();
        let paths = paths(dir.path(), &files);
        let sources: Vec<_> = files.iter().zip(&paths).map(|(file, (from, _))| file.make(from)).collect();
        let jobs: Vec<_> = files.iter().zip(&paths).map(|(file, paths)| job(file, paths)).collect();
        let seen = Assembled(Mutex::new(vec![Vec::new(); jobs.len()]));
        let reports = copy(how, &jobs, &seen);
        let seen = seen.0.into_inner().unwrap();
        for (index, (report, file)) in reports.into_iter().zip(&files).enumerate() {
            let to = jobs[index].to;
            if matches!(file.wanted, Wanted::TooMuch) {
                prop_assert_eq!(report.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
                prop_assert!(!StdFs.exists(to).unwrap());
                continue;
            }
            let wanted = &sources[index][..file.len_wanted().map_or(file.len, |len| usize::try_from(len).unwrap())];
            let copied = report.unwrap();
            prop_assert_eq!(copied.len, wanted.len() as u64);
            prop_assert!(copied.written_bytes <= copied.len);
            let zeros = wanted.iter().filter(|byte| **byte == 0).count() as u64;
            prop_assert!(copied.written_bytes >= copied.len - zeros);
            prop_assert_eq!(StdFs.metadata(to).unwrap().len, copied.len);
            prop_assert!(StdFs.read_to_vec(to, 1 << 24).unwrap() == wanted);
            prop_assert!(!how.observed || seen[index] == wanted);
            prop_assert!(StdFs.read_to_vec(jobs[index].from, 1 << 24).unwrap() == sources[index]);
        }
    }
}
