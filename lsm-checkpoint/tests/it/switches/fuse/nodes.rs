//! [`Nodes`]: the inodes of a file system in memory. None is ever freed, because a test is short.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    time::UNIX_EPOCH,
};

use fuser::{Errno, FileAttr, FileType, INodeNo};
use lsm_fs::errno;

use super::{Result, error};

pub(super) const ROOT: u64 = 1;

struct Node {
    mode: u32,
    names: u32,
    body: Body,
}

enum Body {
    Dir(BTreeMap<OsString, u64>),
    File(Vec<u8>),
}

pub(super) struct Nodes(Vec<Node>);

impl Nodes {
    pub(super) fn new() -> Self {
        let mut nodes = Self(Vec::new());
        let _ = nodes.add_dir(0o755);
        nodes
    }

    fn add(&mut self, mode: u32, body: Body) -> u64 {
        self.0.push(Node { mode: mode & 0o7777, names: 0, body });
        self.0.len() as u64
    }

    pub(super) fn add_dir(&mut self, mode: u32) -> u64 {
        self.add(mode, Body::Dir(BTreeMap::new()))
    }

    pub(super) fn add_file(&mut self, mode: u32) -> u64 {
        self.add(mode, Body::File(Vec::new()))
    }

    fn at(&self, node: u64) -> Result<&Node> {
        self.0.get(usize::try_from(node).unwrap() - 1).ok_or(error(errno::ENOENT))
    }

    fn at_mut(&mut self, node: u64) -> Result<&mut Node> {
        self.0.get_mut(usize::try_from(node).unwrap() - 1).ok_or(error(errno::ENOENT))
    }

    fn dir(&self, node: u64) -> Result<&BTreeMap<OsString, u64>> {
        match &self.at(node)?.body {
            Body::Dir(names) => Ok(names),
            Body::File(_) => Err(error(errno::ENOTDIR)),
        }
    }

    fn dir_mut(&mut self, node: u64) -> Result<&mut BTreeMap<OsString, u64>> {
        match &mut self.at_mut(node)?.body {
            Body::Dir(names) => Ok(names),
            Body::File(_) => Err(error(errno::ENOTDIR)),
        }
    }

    fn file_mut(&mut self, node: u64) -> Result<&mut Vec<u8>> {
        match &mut self.at_mut(node)?.body {
            Body::File(bytes) => Ok(bytes),
            Body::Dir(_) => Err(error(errno::EISDIR)),
        }
    }

    pub(super) fn is_dir(&self, node: u64) -> bool {
        self.dir(node).is_ok()
    }

    pub(super) fn kind(&self, node: u64) -> FileType {
        if self.is_dir(node) { FileType::Directory } else { FileType::RegularFile }
    }

    pub(super) fn find(&self, dir: u64, name: &OsStr, folds: bool) -> Result<Option<u64>> {
        let names = self.dir(dir)?;
        let folded = || names.iter().find(|(other, _)| folds && other.eq_ignore_ascii_case(name));
        Ok(names.get(name).or_else(|| folded().map(|(_, node)| node)).copied())
    }

    pub(super) fn names(&self, dir: u64) -> Result<Vec<(OsString, u64)>> {
        Ok(self.dir(dir)?.iter().map(|(name, node)| (name.clone(), *node)).collect())
    }

    pub(super) fn bind(&mut self, dir: u64, name: &OsStr, node: u64) -> Result<()> {
        self.dir_mut(dir)?.insert(name.to_owned(), node);
        self.at_mut(node)?.names += 1;
        Ok(())
    }

    /// Takes a name away, whatever it is bound to.
    pub(super) fn forget(&mut self, dir: u64, name: &OsStr) -> Result<()> {
        let node = self.dir_mut(dir)?.remove(name).ok_or(error(errno::ENOENT))?;
        self.at_mut(node)?.names -= 1;
        Ok(())
    }

    /// Removes a file or an empty directory.
    pub(super) fn unbind(&mut self, dir: u64, name: &OsStr, is_dir: bool) -> Result<()> {
        let node = self.find(dir, name, false)?.ok_or(error(errno::ENOENT))?;
        match (&self.at(node)?.body, is_dir) {
            (Body::Dir(names), true) if names.is_empty() => {}
            (Body::Dir(_), true) => return Err(error(errno::ENOTEMPTY)),
            (Body::Dir(_), false) => return Err(error(errno::EISDIR)),
            (Body::File(_), true) => return Err(error(errno::ENOTDIR)),
            (Body::File(_), false) => {}
        }
        self.forget(dir, name)
    }

    pub(super) fn set(&mut self, node: u64, mode: Option<u32>, size: Option<u64>) -> Result<()> {
        if let Some(mode) = mode {
            self.at_mut(node)?.mode = mode & 0o7777;
        }
        if let Some(size) = size {
            self.file_mut(node)?.resize(usize::try_from(size).unwrap(), 0);
        }
        Ok(())
    }

    pub(super) fn read(&mut self, node: u64, offset: u64, len: u32) -> Result<Vec<u8>> {
        let bytes = self.file_mut(node)?;
        let from = usize::try_from(offset).unwrap().min(bytes.len());
        let to = (from + len as usize).min(bytes.len());
        Ok(bytes[from..to].to_vec())
    }

    pub(super) fn write(&mut self, node: u64, offset: u64, data: &[u8]) -> Result<u32> {
        let bytes = self.file_mut(node)?;
        let from = usize::try_from(offset).unwrap();
        bytes.resize(bytes.len().max(from + data.len()), 0);
        bytes[from..from + data.len()].copy_from_slice(data);
        u32::try_from(data.len()).map_err(|_| Errno::EINVAL)
    }

    pub(super) fn attr(&self, node: u64) -> Result<FileAttr> {
        let there = self.at(node)?;
        let size = match &there.body {
            Body::Dir(_) => 0,
            Body::File(bytes) => bytes.len() as u64,
        };
        Ok(FileAttr {
            ino: INodeNo(node),
            size,
            blocks: size.div_ceil(512),
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: self.kind(node),
            perm: u16::try_from(there.mode).unwrap(),
            nlink: there.names.max(1),
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }
}
