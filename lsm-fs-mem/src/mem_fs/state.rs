//! Everything a [`MemFs`](super::MemFs) holds, behind one lock.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::errno;

use super::{SyncFailure, resolve::ViewRoot, special::Special};
use crate::{
    crash::{
        Disk,
        recording::{Event, Recorder},
    },
    micro::{Ino, Kind, Micro, Seq, What},
    node::{FileNode, Tree},
    profile::{CrashModel, SyncCall},
    volume::{MemFsOptions, Volume, VolumeOptions, VolumeState},
};

/// The directory that every path starts at.
pub(crate) const ROOT: Ino = 1;

#[derive(Clone, Debug)]
pub(crate) struct State {
    /// What callers see.
    pub(crate) tree: Tree,
    /// What a crash would find.
    pub(crate) disk: Disk,
    pub(crate) volumes: Vec<Volume>,
    /// From the directory that is covered to the root of what covers it.
    pub(crate) mounts: BTreeMap<Ino, Ino>,
    /// Inodes that are neither files nor directories.
    pub(crate) special: Arc<BTreeMap<Ino, Special>>,
    /// The roots of the view that the present call came through.
    pub(crate) roots: Option<Arc<[ViewRoot]>>,
    /// Who holds the owner lock of an inode, by handle.
    pub(crate) locks: BTreeMap<Ino, u64>,
    /// Paths whose syncs fail.
    pub(crate) failing: BTreeMap<PathBuf, SyncFailure>,
    pub(crate) model: CrashModel,
    pub(crate) strict: bool,
    pub(crate) violations: Vec<String>,
    pub(crate) recorder: Option<Recorder>,
    crashed: bool,
    next_ino: Ino,
    next_seq: Seq,
    next_handle: u64,
}

pub(crate) fn os(code: i32) -> io::Error {
    io::Error::from_raw_os_error(code)
}

impl State {
    pub(crate) fn new(options: &MemFsOptions) -> Self {
        let mut tree = Tree::default();
        tree.add_root(ROOT, 0);
        Self {
            disk: Disk::new(tree.clone(), options.model),
            tree,
            volumes: vec![Volume::new(Path::new("/"), options.root.clone())],
            mounts: BTreeMap::new(),
            special: Arc::default(),
            roots: None,
            locks: BTreeMap::new(),
            failing: BTreeMap::new(),
            model: options.model,
            strict: options.strict,
            violations: Vec::new(),
            recorder: None,
            crashed: false,
            next_ino: ROOT + 1,
            next_seq: 1,
            next_handle: 1,
        }
    }

    /// Covers a directory with a new volume.
    pub(crate) fn mount(&mut self, covered: Ino, path: &Path, options: VolumeOptions) -> io::Result<()> {
        let volume = u32::try_from(self.volumes.len()).map_err(io::Error::other)?;
        let parent = self.tree.get(covered).map_or(ROOT, |slot| slot.parent);
        let root = self.take_ino();
        self.volumes.push(Volume::new(path, options));
        for tree in [&mut self.tree, &mut self.disk.image] {
            tree.add_root(root, volume);
            if let Some(slot) = tree.get_mut(root) {
                slot.parent = parent;
            }
        }
        self.mounts.insert(covered, root);
        Ok(())
    }

    /// The same volumes with a tree of their own, which all is on disk of: a machine that has just started.
    pub(crate) fn restarted(&self, tree: Tree) -> Self {
        let mut volumes = self.volumes.clone();
        for (index, volume) in volumes.iter_mut().enumerate() {
            let own = tree.iter().filter(|(_, slot)| slot.volume as usize == index);
            volume.used_bytes = own.map(|(_, slot)| slot.allocated_bytes()).sum();
            // It is mounted anew.
            if volume.options.state == VolumeState::ShutDown {
                volume.options.state = VolumeState::Working;
            }
        }
        Self {
            disk: Disk::new(tree.clone(), self.model),
            next_ino: self.next_ino.max(tree.last_ino() + 1),
            tree,
            volumes,
            mounts: self.mounts.clone(),
            special: Arc::clone(&self.special),
            roots: None,
            locks: BTreeMap::new(),
            failing: BTreeMap::new(),
            model: self.model,
            strict: self.strict,
            violations: Vec::new(),
            recorder: None,
            crashed: false,
            next_seq: self.next_seq,
            next_handle: 1,
        }
    }

    /// The same state with nobody in it: no handles, no locks, no inode that only a handle kept alive.
    pub(crate) fn forked(&self) -> Self {
        let mut fork = Self { recorder: None, locks: BTreeMap::new(), ..self.clone() };
        let held: Vec<Ino> =
            fork.tree.iter().filter(|(_, slot)| slot.opens > 0).map(|(ino, _)| ino).collect();
        for ino in held {
            if let Some(slot) = fork.tree.get_mut(ino) {
                slot.opens = 0;
            }
            fork.reap(ino);
        }
        fork
    }

    /// The roots of all volumes.
    pub(crate) fn roots(&self) -> Vec<Ino> {
        std::iter::once(ROOT).chain(self.mounts.values().copied()).collect()
    }

    /// Covered directories, each with the root that covers it.
    pub(crate) fn mounts(&self) -> impl Iterator<Item = (Ino, Ino)> {
        self.mounts.iter().map(|(covered, root)| (*covered, *root))
    }

    pub(crate) fn violations(&self) -> &[String] {
        &self.violations
    }
    pub(crate) fn alive(&self) -> io::Result<()> {
        if self.crashed { Err(os(errno::EIO)) } else { Ok(()) }
    }

    pub(crate) fn kill(&mut self) {
        self.crashed = true;
        self.locks.clear();
    }

    pub(crate) fn take_ino(&mut self) -> Ino {
        self.next_ino += 1;
        self.next_ino - 1
    }

    pub(crate) fn take_handle(&mut self) -> u64 {
        self.next_handle += 1;
        self.next_handle - 1
    }
    pub(crate) fn volume_of(&self, ino: Ino) -> u32 {
        self.tree.get(ino).map_or(0, |slot| slot.volume)
    }
    pub(crate) fn volume(&self, ino: Ino) -> io::Result<&Volume> {
        let volume = self.volumes.get(self.volume_of(ino) as usize).ok_or_else(|| os(errno::EIO))?;
        match volume.options.state {
            VolumeState::ShutDown => Err(os(errno::EIO)),
            VolumeState::Working | VolumeState::ReadOnly => Ok(volume),
        }
    }
    pub(crate) fn writable(&self, ino: Ino) -> io::Result<&Volume> {
        let volume = self.volume(ino)?;
        match volume.options.state {
            VolumeState::ReadOnly => Err(os(errno::EROFS)),
            _ => Ok(volume),
        }
    }

    /// Whether a directory can take one more name: it may have to grow.
    pub(crate) fn room_for_name(&self, dir: Ino) -> io::Result<()> {
        if self.writable(dir)?.free_bytes() == 0 { Err(os(errno::ENOSPC)) } else { Ok(()) }
    }

    /// Makes a change: callers see it, and a crash may.
    pub(crate) fn log(&mut self, volume: u32, what: What) {
        let group = self.next_seq;
        self.log_in_group(volume, group, what);
    }

    pub(crate) fn log_in_group(&mut self, volume: u32, group: Seq, what: What) {
        let micro = Micro { seq: self.next_seq, group, volume, what };
        self.next_seq += 1;
        let before = micro.may_allocate().map(|ino| (ino, self.allocated(ino)));
        let unnamed = self.tree.apply(&micro);
        if let Some((ino, before)) = before {
            let after = self.allocated(ino);
            if let Some(volume) = self.volumes.get_mut(volume as usize) {
                volume.used_bytes = (volume.used_bytes + after).saturating_sub(before);
            }
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.push(Event::Micro(micro.clone()));
        }
        self.disk.push(micro);
        if let Some(ino) = unnamed {
            self.reap(ino);
        }
    }

    pub(crate) fn next_seq(&self) -> Seq {
        self.next_seq
    }

    pub(crate) fn force(&mut self, call: SyncCall) {
        if let Some(recorder) = &mut self.recorder {
            recorder.push(Event::Sync(call));
        }
        self.disk.sync(call);
    }

    /// Frees an inode that neither a name nor a handle leads to.
    pub(crate) fn reap(&mut self, ino: Ino) {
        let Some(slot) = self.tree.get(ino).filter(|slot| slot.links == 0 && slot.opens == 0) else { return };
        let (volume, allocated) = (slot.volume as usize, slot.allocated_bytes());
        self.tree.remove(ino);
        if let Some(volume) = self.volumes.get_mut(volume) {
            volume.used_bytes = volume.used_bytes.saturating_sub(allocated);
        }
    }

    /// Puts what a read of the device gives in place of what is cached.
    pub(crate) fn evict(&mut self, ino: Ino) {
        let reread = Arc::new(self.disk.reread(ino));
        let volume = self.volume_of(ino);
        let before = self.allocated(ino);
        self.tree.set_file(ino, volume, &reread);
        let after = self.allocated(ino);
        if let Some(volume) = self.volumes.get_mut(volume as usize) {
            volume.used_bytes = (volume.used_bytes + after).saturating_sub(before);
        }
    }
    pub(crate) fn file(&self, ino: Ino) -> io::Result<&Arc<FileNode>> {
        self.tree.file(ino).ok_or_else(|| os(errno::EISDIR))
    }
    pub(crate) fn kind(&self, ino: Ino) -> Kind {
        self.tree.get(ino).map_or(Kind::File, crate::node::Slot::kind)
    }
    fn allocated(&self, ino: Ino) -> u64 {
        self.tree.get(ino).map_or(0, crate::node::Slot::allocated_bytes)
    }
}
