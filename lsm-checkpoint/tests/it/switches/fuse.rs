//! [`OddMount`]: a small FUSE file system in memory behind a board, mounted for real.
//!
//! The kernel keeps the locks of the mount's directories, and does not forward them to the file system.

mod nodes;

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileHandle, Filesystem, FopenFlags, Generation, INodeNo,
    LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request as Caller, TimeOrNow, WriteFlags,
};
use lsm_fs::errno;

use super::board::{Answer, Board, Made, Request, Switch};
use nodes::{Nodes, ROOT};

/// The kernel asks again each time.
const NO_TIME: Duration = Duration::ZERO;

/// A mount, which ends when it is dropped.
pub(crate) struct OddMount {
    /// Ends before the directory goes.
    _session: BackgroundSession,
    dir: tempfile::TempDir,
}

impl OddMount {
    /// Mounts a file system that obeys the board.
    pub(crate) fn new(board: Arc<Board>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("lsm-checkpoint-test".to_owned())];
        let fs = OddFs { board, nodes: Mutex::new(Nodes::new()) };
        let session = fuser::spawn_mount(fs, dir.path(), &config).unwrap();
        Self { _session: session, dir }
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }
}

struct OddFs {
    board: Arc<Board>,
    nodes: Mutex<Nodes>,
}

type Result<T> = std::result::Result<T, Errno>;

fn error(code: i32) -> Errno {
    Errno::from_i32(code)
}

impl OddFs {
    fn nodes(&self) -> MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folds(&self) -> bool {
        self.board.switch() == Switch::FoldsCase
    }

    /// Refuses a call, or returns the error to report after its effect.
    fn ask(&self, request: &Request<'_>) -> Result<Option<Errno>> {
        match self.board.answer(request) {
            Answer::Refused(code) => Err(error(code)),
            Answer::Hidden(code) => Ok(Some(error(code))),
            Answer::Plain | Answer::Zeros => Ok(None),
        }
    }

    /// Makes a name, which `make` binds.
    fn create(
        &self,
        (dir, name): (INodeNo, &OsStr),
        made: Made,
        make: impl FnOnce(&mut Nodes) -> u64,
    ) -> Result<fuser::FileAttr> {
        let mut nodes = self.nodes();
        if nodes.find(dir.0, name, self.folds())?.is_some() {
            return Err(error(errno::EEXIST));
        }
        let siblings: Vec<OsString> = nodes.names(dir.0)?.into_iter().map(|(name, _)| name).collect();
        let hidden = self.ask(&Request::Create { name, siblings: &|| siblings.clone(), made })?;
        let node = make(&mut nodes);
        nodes.bind(dir.0, name, node)?;
        hidden.map_or_else(|| nodes.attr(node), Err)
    }

    fn remove(&self, (dir, name): (INodeNo, &OsStr), is_dir: bool) -> Result<()> {
        let mut nodes = self.nodes();
        nodes.unbind(dir.0, name, is_dir)?;
        self.ask(&Request::Remove).map(drop)
    }

    fn rename_as(&self, from: (u64, &OsStr), to: (u64, &OsStr), noreplace: bool) -> Result<()> {
        let mut nodes = self.nodes();
        let node = nodes.find(from.0, from.1, false)?.ok_or(error(errno::ENOENT))?;
        let replaced = nodes.find(to.0, to.1, self.folds())?;
        let (is_dir, replaces) = (nodes.is_dir(node), replaced.is_some());
        let hidden = self.ask(&Request::Rename { is_dir, noreplace, replaces })?;
        if let Some(replaced) = replaced {
            if noreplace {
                return Err(error(errno::EEXIST));
            }
            let is_dir = nodes.is_dir(replaced);
            nodes.unbind(to.0, to.1, is_dir)?;
        }
        nodes.forget(from.0, from.1)?;
        nodes.bind(to.0, to.1, node)?;
        hidden.map_or(Ok(()), Err)
    }
}

fn entry(reply: ReplyEntry, made: Result<fuser::FileAttr>) {
    match made {
        Ok(attr) => reply.entry(&NO_TIME, &attr, Generation(0)),
        Err(code) => reply.error(code),
    }
}

fn empty(reply: ReplyEmpty, done: Result<()>) {
    match done {
        Ok(()) => reply.ok(),
        Err(code) => reply.error(code),
    }
}

impl Filesystem for OddFs {
    fn lookup(&self, _: &Caller, dir: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let nodes = self.nodes();
        let found = nodes.find(dir.0, name, self.folds()).and_then(|found| found.ok_or(error(errno::ENOENT)));
        entry(reply, found.and_then(|node| nodes.attr(node)));
    }

    fn getattr(&self, _: &Caller, node: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.nodes().attr(node.0) {
            Ok(attr) => reply.attr(&NO_TIME, &attr),
            Err(code) => reply.error(code),
        }
    }

    fn setattr(
        &self,
        _: &Caller,
        node: INodeNo,
        mode: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<std::time::SystemTime>,
        _: Option<FileHandle>,
        _: Option<std::time::SystemTime>,
        _: Option<std::time::SystemTime>,
        _: Option<std::time::SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut nodes = self.nodes();
        let set = nodes.set(node.0, mode, size).and_then(|()| nodes.attr(node.0));
        match set {
            Ok(attr) => reply.attr(&NO_TIME, &attr),
            Err(code) => reply.error(code),
        }
    }

    fn mkdir(&self, _: &Caller, dir: INodeNo, name: &OsStr, mode: u32, umask: u32, reply: ReplyEntry) {
        entry(reply, self.create((dir, name), Made::Directory, |nodes| nodes.add_dir(mode & !umask)));
    }

    fn create(
        &self,
        _: &Caller,
        dir: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        match self.create((dir, name), Made::File, |nodes| nodes.add_file(mode & !umask)) {
            Ok(attr) => reply.created(&NO_TIME, &attr, Generation(0), FileHandle(0), FopenFlags::empty()),
            Err(code) => reply.error(code),
        }
    }

    fn link(&self, _: &Caller, node: INodeNo, dir: INodeNo, name: &OsStr, reply: ReplyEntry) {
        entry(reply, self.create((dir, name), Made::Link, |_| node.0));
    }

    fn unlink(&self, _: &Caller, dir: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(reply, self.remove((dir, name), false));
    }

    fn rmdir(&self, _: &Caller, dir: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(reply, self.remove((dir, name), true));
    }

    fn rename(
        &self,
        _: &Caller,
        dir: INodeNo,
        name: &OsStr,
        to_dir: INodeNo,
        to: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let noreplace = flags.contains(RenameFlags::RENAME_NOREPLACE);
        empty(reply, self.rename_as((dir.0, name), (to_dir.0, to), noreplace));
    }

    fn read(
        &self,
        _: &Caller,
        node: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.nodes().read(node.0, offset, size) {
            Ok(bytes) => reply.data(&bytes),
            Err(code) => reply.error(code),
        }
    }

    fn write(
        &self,
        _: &Caller,
        node: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.nodes().write(node.0, offset, data) {
            Ok(written) => reply.written(written),
            Err(code) => reply.error(code),
        }
    }

    fn flush(&self, _: &Caller, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Caller, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsyncdir(&self, _: &Caller, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        empty(reply, self.ask(&Request::SyncDirectory).map(drop));
    }

    fn opendir(&self, _: &Caller, node: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match if node.0 == ROOT { self.ask(&Request::OpenParent) } else { Ok(None) } {
            Ok(_) => reply.opened(FileHandle(0), FopenFlags::empty()),
            Err(code) => reply.error(code),
        }
    }

    fn readdir(&self, _: &Caller, node: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let nodes = self.nodes();
        let names = match nodes.names(node.0) {
            Ok(names) => names,
            Err(code) => return reply.error(code),
        };
        for (at, (name, node)) in names.into_iter().enumerate().skip(usize::try_from(offset).unwrap()) {
            if reply.add(INodeNo(node), at as u64 + 1, nodes.kind(node), name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Caller, _: INodeNo, reply: ReplyStatfs) {
        match self.board.answer(&Request::Statfs) {
            Answer::Zeros => reply.statfs(0, 0, 0, 0, 0, 512, 255, 512),
            _ => reply.statfs(1 << 20, 1 << 19, 1 << 19, 0, 0, 4096, 255, 4096),
        }
    }
}
