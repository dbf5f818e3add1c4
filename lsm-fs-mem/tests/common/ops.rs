//! Random calls, made on any backend, with everything they answer as text.

use std::{
    fmt::Write as _,
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use lsm_fs::{Error, Fs, FsExt, FsFile, FsFileType, FsOpenOptions, SyncMode};

/// One call; paths lie below the root of the run.
#[derive(Clone, Debug)]
pub enum Op {
    CreateDir(String),
    ReadDir(String),
    Metadata(String),
    RemoveFile(String),
    RemoveDir(String),
    RemoveDirAll(String),
    Rename(String, String),
    RenameNoreplace(String, String),
    HardLink(String, String),
    Truncate(String, u16),
    Punch(String, u16, u16),
    SyncDir(String),
    Open(usize, String, FsOpenOptions),
    Close(usize),
    ReadAt(usize, u16, u16),
    WriteAt(usize, u16, u16, u8),
    WriteOn(usize, u16, u8),
    ReadOn(usize, u16),
    Seek(usize, i16),
    SetLen(usize, u16),
    Describe(usize),
    Sync(usize, bool),
    Lock(usize),
}

/// Handles that a run keeps open.
pub const HANDLES: usize = 3;

/// A run of calls on one backend.
pub struct Machine<'f> {
    fs: &'f dyn Fs,
    root: PathBuf,
    handles: [Option<Box<dyn FsFile>>; HANDLES],
}

impl<'f> Machine<'f> {
    pub fn new(fs: &'f dyn Fs, root: &Path) -> Self {
        Self { fs, root: root.to_path_buf(), handles: [const { None }; HANDLES] }
    }

    fn at(&self, path: &str) -> PathBuf {
        // A plain join would drop what the path ends in.
        PathBuf::from(format!("{}/{path}", self.root.display()))
    }

    /// Makes the call; the text is the same on every backend that keeps the contract.
    pub fn call(&mut self, op: &Op) -> String {
        let fs = self.fs;
        match op {
            Op::CreateDir(p) => said(fs.create_dir(&self.at(p))),
            Op::ReadDir(p) => match fs.read_dir(&self.at(p)) {
                Ok(entries) => format!("{entries:?}"),
                Err(e) => failed(&e),
            },
            Op::Metadata(p) => self.metadata(&self.at(p)),
            Op::RemoveFile(p) => said(fs.remove_file(&self.at(p))),
            Op::RemoveDir(p) => said(fs.remove_dir(&self.at(p))),
            Op::RemoveDirAll(p) => said(fs.remove_dir_all(&self.at(p))),
            Op::Rename(a, b) => said(fs.rename(&self.at(a), &self.at(b))),
            Op::RenameNoreplace(a, b) => said(fs.rename_noreplace(&self.at(a), &self.at(b))),
            Op::HardLink(a, b) => said(fs.hard_link(&self.at(a), &self.at(b))),
            Op::Truncate(p, len) => said(fs.truncate_file(&self.at(p), u64::from(*len))),
            Op::Punch(p, at, len) => said(fs.punch_hole(&self.at(p), u64::from(*at), u64::from(*len))),
            Op::SyncDir(p) => match fs.sync_directory(&self.at(p), SyncMode::Normal) {
                Ok(outcome) => format!("{outcome:?}"),
                Err(e) => failed(&e),
            },
            Op::Open(slot, p, options) => {
                // Closed first: otherwise whether a lock is free would hang on the order of the two.
                self.handles[*slot] = None;
                match fs.open(&self.at(p), options) {
                    Ok(file) => {
                        self.handles[*slot] = Some(file);
                        "ok".into()
                    }
                    Err(e) => failed(&e),
                }
            }
            Op::Close(slot) => {
                self.handles[*slot] = None;
                "ok".into()
            }
            _ => self.call_handle(op),
        }
    }

    fn call_handle(&mut self, op: &Op) -> String {
        let (Op::ReadAt(slot, ..)
        | Op::WriteAt(slot, ..)
        | Op::WriteOn(slot, ..)
        | Op::ReadOn(slot, ..)
        | Op::Seek(slot, _)
        | Op::SetLen(slot, _)
        | Op::Describe(slot)
        | Op::Sync(slot, _)
        | Op::Lock(slot)) = op
        else {
            unreachable!("calls on names are made elsewhere")
        };
        let Some(file) = self.handles[*slot].as_mut() else { return "closed".into() };
        match op {
            Op::ReadAt(_, at, len) => {
                let mut buf = vec![0; usize::from(*len)];
                match file.read_at(&mut buf, u64::from(*at)) {
                    Ok(read) => format!("{:?}", &buf[..read]),
                    Err(e) => failed(&e),
                }
            }
            Op::WriteAt(_, at, len, byte) => {
                said(file.write_at(&vec![*byte; usize::from(*len)], u64::from(*at)))
            }
            Op::WriteOn(_, len, byte) => io_said(file.write_all(&vec![*byte; usize::from(*len)])),
            Op::ReadOn(_, len) => {
                let mut buf = Vec::new();
                match file.take(u64::from(*len)).read_to_end(&mut buf) {
                    Ok(_) => format!("{buf:?}"),
                    Err(e) => format!("{:?}", e.kind()),
                }
            }
            Op::Seek(_, by) => match file.seek(SeekFrom::Current(i64::from(*by))) {
                Ok(position) => position.to_string(),
                Err(e) => format!("{:?}", e.kind()),
            },
            Op::SetLen(_, len) => said(file.set_len(u64::from(*len))),
            Op::Describe(_) => match file.metadata() {
                Ok(m) => format!("{:?} {} {:?}", m.file_type, m.len, m.link_count),
                Err(e) => failed(&e),
            },
            Op::Sync(_, data_only) if *data_only => said(file.sync_data(SyncMode::Normal)),
            Op::Sync(..) => said(file.sync_all(SyncMode::Normal)),
            Op::Lock(_) => match file.try_lock_exclusive() {
                Ok(locked) => locked.to_string(),
                Err(e) => failed(&e),
            },
            _ => unreachable!("the calls on handles are listed above"),
        }
    }

    fn metadata(&self, path: &Path) -> String {
        match self.fs.metadata(path) {
            // The length and the links of a directory are the filesystem's own business.
            Ok(m) if m.file_type == FsFileType::Directory => "directory".into(),
            Ok(m) => format!("{:?} {} {:?}", m.file_type, m.len, m.link_count),
            Err(e) => failed(&e),
        }
    }
}

/// Every path below `root` with what it holds, and which names are one inode.
pub fn tree(fs: &dyn Fs, root: &Path) -> String {
    let mut text = String::new();
    let mut inodes = Vec::new();
    walk(fs, root, &PathBuf::new(), &mut inodes, &mut text);
    text
}

fn walk(fs: &dyn Fs, root: &Path, below: &Path, inodes: &mut Vec<lsm_fs::FileId>, text: &mut String) {
    for entry in fs.read_dir(&root.join(below)).unwrap() {
        let path = below.join(&entry.name);
        if entry.file_type.is_dir() {
            let _ = writeln!(text, "{}/", path.display());
            walk(fs, root, &path, inodes, text);
            continue;
        }
        let m = fs.metadata(&root.join(&path)).unwrap();
        let id = m.file_id.unwrap();
        let index = inodes.iter().position(|known| *known == id).unwrap_or_else(|| {
            inodes.push(id);
            inodes.len() - 1
        });
        let bytes = fs.read_to_vec(&root.join(&path), 1 << 24).unwrap();
        let sum = bytes.iter().fold(0_u64, |sum, b| sum.wrapping_mul(31).wrapping_add(u64::from(*b)));
        let links = m.link_count.unwrap();
        let _ = writeln!(text, "{} #{index} x{links} {} bytes {sum:x}", path.display(), bytes.len());
    }
}

fn said(result: Result<(), Error>) -> String {
    match result {
        Ok(()) => "ok".into(),
        Err(e) => failed(&e),
    }
}

fn io_said(result: std::io::Result<()>) -> String {
    match result {
        Ok(()) => "ok".into(),
        Err(e) => format!("{:?}", e.kind()),
    }
}

fn failed(error: &Error) -> String {
    format!("{} {:?}", error.op(), error.kind())
}
