//! Random calls for any backend. The results of the calls are returned as text.

use std::{
    fmt::Write as _,
    io::{Read, SeekFrom},
    path::{Path, PathBuf},
};

use lsm_fs::{Error, Fs, FsExt, FsFile, FsFileType, FsOpenOptions, SyncMode};

/// One call. Paths are relative to the root of the run.
#[derive(Clone, Debug)]
pub(crate) enum Op {
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
    On(usize, HandleOp),
}

/// One call on an open file.
#[derive(Clone, Debug)]
pub(crate) enum HandleOp {
    ReadAt(u16, u16),
    WriteAt(u16, u16, u8),
    Write(u16, u8),
    Read(u16),
    Seek(i16),
    SetLen(u16),
    Describe,
    SyncAll,
    SyncData,
    Lock,
}

/// The number of handles that a run keeps open.
pub(crate) const HANDLES: usize = 3;

/// A run of calls on one backend.
pub(crate) struct Machine<'f> {
    fs: &'f dyn Fs,
    root: PathBuf,
    handles: [Option<Box<dyn FsFile>>; HANDLES],
}

impl<'f> Machine<'f> {
    pub(crate) fn new(fs: &'f dyn Fs, root: &Path) -> Self {
        Self { fs, root: root.to_path_buf(), handles: [const { None }; HANDLES] }
    }

    fn at(&self, path: &str) -> PathBuf {
        // Keeps the path exactly as it is spelled.
        PathBuf::from(format!("{}/{path}", self.root.display()))
    }

    /// Makes the call. Every backend that keeps the contract returns the same text.
    pub(crate) fn call(&mut self, op: &Op) -> String {
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
                // Closes the old handle before opening the new one, so that the result of taking its lock does not
                // depend on the order.
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
            Op::On(slot, op) => match self.handles[*slot].as_mut() {
                Some(file) => call_handle(&mut **file, op),
                None => "closed".into(),
            },
        }
    }

    fn metadata(&self, path: &Path) -> String {
        match self.fs.metadata(path) {
            // The length and the link count of a directory differ between filesystems.
            Ok(m) if m.file_type == FsFileType::Directory => "directory".into(),
            Ok(m) => format!("{:?} {} {:?}", m.file_type, m.len, m.link_count),
            Err(e) => failed(&e),
        }
    }
}

fn call_handle(mut file: &mut dyn FsFile, op: &HandleOp) -> String {
    match op {
        HandleOp::ReadAt(at, len) => {
            let mut buf = vec![0; usize::from(*len)];
            match file.read_at(&mut buf, u64::from(*at)) {
                Ok(read) => format!("{:?}", &buf[..read]),
                Err(e) => failed(&e),
            }
        }
        HandleOp::WriteAt(at, len, byte) => {
            said(file.write_at(&vec![*byte; usize::from(*len)], u64::from(*at)))
        }
        // `write_all` and `read_to_end` make no call if there are no bytes.
        HandleOp::Write(0, _) => counted(&file.write(b"")),
        HandleOp::Read(0) => counted(&file.read(&mut [])),
        HandleOp::Write(len, byte) => match file.write_all(&vec![*byte; usize::from(*len)]) {
            Ok(()) => "ok".into(),
            Err(e) => format!("{:?}", e.kind()),
        },
        HandleOp::Read(len) => {
            let mut buf = Vec::new();
            match (&mut file).take(u64::from(*len)).read_to_end(&mut buf) {
                Ok(_) => format!("{buf:?}"),
                Err(e) => format!("{:?}", e.kind()),
            }
        }
        HandleOp::Seek(by) => match file.seek(SeekFrom::Current(i64::from(*by))) {
            Ok(position) => position.to_string(),
            Err(e) => format!("{:?}", e.kind()),
        },
        HandleOp::SetLen(len) => said(file.set_len(u64::from(*len))),
        HandleOp::Describe => match file.metadata() {
            Ok(m) => format!("{:?} {} {:?}", m.file_type, m.len, m.link_count),
            Err(e) => failed(&e),
        },
        HandleOp::SyncAll => said(file.sync_all(SyncMode::Normal)),
        HandleOp::SyncData => said(file.sync_data(SyncMode::Normal)),
        HandleOp::Lock => match file.try_lock_exclusive() {
            Ok(locked) => locked.to_string(),
            Err(e) => failed(&e),
        },
    }
}

/// Lists every path below `root` with its content, and shows which names share an inode.
pub(crate) fn tree(fs: &dyn Fs, root: &Path) -> String {
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

fn counted(result: &std::io::Result<usize>) -> String {
    result.as_ref().map_or_else(|e| format!("{:?}", e.kind()), usize::to_string)
}

fn said(result: Result<(), Error>) -> String {
    match result {
        Ok(()) => "ok".into(),
        Err(e) => failed(&e),
    }
}

fn failed(error: &Error) -> String {
    format!("{} {:?}", error.op(), error.kind())
}
