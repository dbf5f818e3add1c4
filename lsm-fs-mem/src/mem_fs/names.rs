//! Names: what directories hold, and how that changes. The order of checks is Linux's, so that a call with two faults
//! reports the same one.

use std::{ffi::OsStr, io, path::Path, sync::Arc};

use lsm_fs::{DirectorySync, FileId, FsDirEntry, FsMetadata, errno};

use super::{
    resolve::{Last, Place},
    state::{State, os},
};
use crate::{
    micro::{Ino, Kind, Name, Payload, What},
    profile::SyncCall,
};

impl State {
    /// Binds a name to a new inode.
    pub(crate) fn create(&mut self, dir: Ino, name: &OsStr, kind: Kind) -> io::Result<Ino> {
        self.room_for_name(dir)?;
        let ino = self.take_ino();
        let what = What::Link { dir, name: Name::from(name), ino, kind, creates: true };
        self.log(self.volume_of(dir), what);
        Ok(ino)
    }

    pub(crate) fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        let place = self.place(path)?;
        match place.last {
            Last::Name(name) if self.bound(&place)?.is_none() => {
                self.create(place.dir, name, Kind::Dir).map(drop)
            }
            _ => Err(os(errno::EEXIST)),
        }
    }

    pub(crate) fn read_dir(&self, path: &Path) -> io::Result<Vec<FsDirEntry>> {
        let dir = self.resolve_dir(path)?;
        let entries = self.tree.dir(dir).into_iter().flat_map(|dir| dir.iter());
        Ok(entries.map(|(name, ino)| FsDirEntry::new(&**name, self.file_type(ino))).collect())
    }

    pub(crate) fn metadata(&self, ino: Ino) -> io::Result<FsMetadata> {
        self.volume(ino)?;
        let slot = self.tree.get(ino).ok_or_else(|| os(errno::ENOENT))?;
        let len = self.tree.file(ino).map_or(0, |file| file.len);
        let mut metadata = FsMetadata::new(self.file_type(ino), len);
        metadata.link_count = Some(u64::from(slot.links));
        metadata.file_id = Some(FileId { volume: u64::from(slot.volume) + 1, inode: ino });
        metadata.allocated_bytes = Some(slot.allocated_bytes());
        Ok(metadata)
    }

    pub(crate) fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        let place = self.place(path)?;
        let Last::Name(name) = place.last else { return Err(os(errno::EISDIR)) };
        let ino = self.existing_for_change(&place)?;
        match self.kind(ino) {
            Kind::Dir => Err(os(errno::EISDIR)),
            Kind::File if place.wants_dir => Err(os(errno::ENOTDIR)),
            Kind::File => {
                self.unlink(place.dir, name, ino);
                Ok(())
            }
        }
    }

    pub(crate) fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        let place = self.place(path)?;
        let name = match place.last {
            Last::Name(name) => name,
            Last::Here if path.as_os_str().as_encoded_bytes().ends_with(b".") => {
                return Err(os(errno::EINVAL));
            }
            Last::Here => return Err(io::ErrorKind::ResourceBusy.into()),
            Last::Parent => return Err(os(errno::ENOTEMPTY)),
        };
        let ino = self.existing_for_change(&place)?;
        self.check_removable_dir(ino)?;
        self.unlink(place.dir, name, ino);
        Ok(())
    }

    /// Removes a directory and all below it, the deepest first. Inodes lead the way, because a path can be too long.
    pub(crate) fn remove_dir_all(&mut self, path: &Path) -> io::Result<()> {
        let top = self.resolve_unfollowed(path)?;
        let mut ways = vec![(top, self.entries(top)?)];
        while let Some((dir, entries)) = ways.last_mut() {
            let (dir, next) = (*dir, entries.pop());
            let Some((name, ino)) = next else {
                ways.pop();
                if let Some((parent, above)) = ways.last_mut() {
                    let (parent, (name, ino)) = (*parent, above.pop().ok_or_else(|| os(errno::EIO))?);
                    self.writable(parent)?;
                    self.check_removable_dir(ino)?;
                    self.unlink(parent, &name, ino);
                }
                continue;
            };
            if self.mounts.contains_key(&ino) {
                return Err(os(errno::EXDEV));
            }
            match self.kind(ino) {
                Kind::File => {
                    self.writable(dir)?;
                    self.unlink(dir, &name, ino);
                }
                Kind::Dir => {
                    // It goes when it is empty.
                    entries.push((name, ino));
                    ways.push((ino, self.entries(ino)?));
                }
            }
        }
        self.remove_dir(path)
    }

    /// The entries of a directory, the first name last.
    fn entries(&self, dir: Ino) -> io::Result<Vec<(Name, Ino)>> {
        let dir = self.tree.dir(dir).ok_or_else(|| os(errno::ENOTDIR))?;
        let mut entries: Vec<_> = dir.iter().map(|(name, ino)| (Arc::clone(name), ino)).collect();
        entries.reverse();
        Ok(entries)
    }

    pub(crate) fn rename(&mut self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        let (source, target) = (self.place(from)?, self.place(to)?);
        if self.volume_of(source.dir) != self.volume_of(target.dir) {
            return Err(os(errno::EXDEV));
        }
        let (Last::Name(old_name), Last::Name(new_name)) = (source.last, target.last) else {
            let taken = !replace && matches!(source.last, Last::Name(_));
            return Err(if taken { os(errno::EEXIST) } else { io::ErrorKind::ResourceBusy.into() });
        };
        let volume = self.writable(source.dir)?;
        if !replace && !volume.options.capabilities.rename_noreplace {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let ino = self.bound(&source)?.ok_or_else(|| os(errno::ENOENT))?;
        let replaced = self.bound(&target)?;
        if replaced.is_some() && !replace {
            return Err(os(errno::EEXIST));
        }
        self.check_rename(ino, &source, &target, replaced)?;
        if replaced == Some(ino) {
            return Ok(());
        }
        if replaced.is_none() {
            self.room_for_name(target.dir)?;
        }
        let (volume, group, kind) = (self.volume_of(ino), self.next_seq(), self.kind(ino));
        let gone = What::Unlink { dir: source.dir, name: Name::from(old_name), ino };
        let made = What::Link { dir: target.dir, name: Name::from(new_name), ino, kind, creates: false };
        self.hold(ino);
        self.log_in_group(volume, group, gone);
        self.log_in_group(volume, group, made);
        self.release(ino);
        Ok(())
    }

    fn check_rename(
        &mut self,
        ino: Ino,
        source: &Place<'_>,
        target: &Place<'_>,
        replaced: Option<Ino>,
    ) -> io::Result<()> {
        if self.kind(ino) == Kind::File && (source.wants_dir || target.wants_dir) {
            return Err(os(errno::ENOTDIR));
        }
        if self.is_within(target.dir, ino) {
            return Err(os(errno::EINVAL));
        }
        if replaced.is_some_and(|replaced| self.is_within(source.dir, replaced)) {
            return Err(os(errno::ENOTEMPTY));
        }
        if self.is_mount_point(ino) || replaced.is_some_and(|ino| self.is_mount_point(ino)) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        self.check_clean(ino)?;
        match replaced.map(|replaced| (self.kind(ino), self.kind(replaced), replaced)) {
            None => Ok(()),
            Some((_, _, replaced)) if replaced == ino => Ok(()),
            Some((Kind::Dir, Kind::File, _)) => Err(os(errno::ENOTDIR)),
            Some((Kind::File, Kind::Dir, _)) => Err(os(errno::EISDIR)),
            Some((Kind::Dir, Kind::Dir, replaced)) => self.check_removable_dir(replaced),
            Some((Kind::File, Kind::File, _)) => Ok(()),
        }
    }

    pub(crate) fn hard_link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let ino = self.resolve_unfollowed(from)?;
        if self.place(from)?.beneath.is_some() {
            self.check_regular(ino)?;
        }
        let target = self.place(to)?;
        let Last::Name(name) = target.last else { return Err(os(errno::EEXIST)) };
        if self.bound(&target)?.is_some() {
            return Err(os(errno::EEXIST));
        }
        if target.wants_dir {
            return Err(os(errno::ENOENT));
        }
        self.writable(target.dir)?;
        if self.volume_of(ino) != self.volume_of(target.dir) {
            return Err(os(errno::EXDEV));
        }
        let options = &self.writable(ino)?.options;
        if self.kind(ino) == Kind::Dir || !options.capabilities.hard_link {
            return Err(os(errno::EPERM));
        }
        if self.tree.get(ino).is_some_and(|slot| slot.links >= options.link_limit) {
            return Err(os(errno::EMLINK));
        }
        self.check_clean(ino)?;
        self.room_for_name(target.dir)?;
        let name = Name::from(name);
        let what = What::Link { dir: target.dir, name, ino, kind: Kind::File, creates: false };
        self.log(self.volume_of(ino), what);
        Ok(())
    }

    pub(crate) fn reflink(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let source = self.resolve(from)?;
        self.check_regular(source)?;
        let target = self.place(to)?;
        let Last::Name(name) = target.last else { return Err(os(errno::EISDIR)) };
        if self.bound(&target)?.is_some() {
            return Err(os(errno::EEXIST));
        }
        if target.wants_dir {
            return Err(os(errno::EISDIR));
        }
        let volume = self.writable(target.dir)?;
        if self.volume_of(source) != self.volume_of(target.dir) {
            return Err(os(errno::EXDEV));
        }
        let file = Arc::clone(self.file(source)?);
        if !volume.options.capabilities.reflink {
            return Err(os(errno::EOPNOTSUPP));
        }
        if volume.free_bytes() < file.pages.allocated_bytes() {
            return Err(os(errno::ENOSPC));
        }
        self.check_clean(source)?;
        self.force(SyncCall::CloneSource { ino: source });
        // A clone shares what is on disk: not what the cache still shows after a failed sync has lost it.
        let file = self.disk.reread(source);
        let ino = self.create(target.dir, name, Kind::File)?;
        if let Some(in_place) = self.tree.get(source).map(|slot| slot.in_place)
            && let Some(slot) = self.tree.get_mut(ino)
        {
            slot.in_place = in_place;
        }
        if file.len > 0 {
            let (range, payload) = (0..file.len, Payload::Pages(file.pages.clone()));
            self.log(self.volume_of(ino), What::Data { ino, range, payload });
            let size = What::Size { ino, from: 0, to: file.len, written: true };
            self.log(self.volume_of(ino), size);
        }
        Ok(())
    }

    pub(crate) fn sync_directory(&mut self, path: &Path) -> io::Result<DirectorySync> {
        let ino = self.resolve_dir(path)?;
        if !self.volume(ino)?.options.capabilities.directory_sync {
            return Ok(DirectorySync::NotSupported);
        }
        if let Some(failure) = self.take_failure(path) {
            return Err(os(failure.errno));
        }
        if self.disk.absorb().dir(ino).next().is_some() {
            self.writable(ino)?;
        }
        self.force(SyncCall::Dir { ino, volume: self.volume_of(ino) });
        Ok(DirectorySync::Durable)
    }

    /// The inode a name is bound to, on a volume that takes changes.
    fn existing_for_change(&self, place: &Place<'_>) -> io::Result<Ino> {
        self.writable(place.dir)?;
        self.bound(place)?.ok_or_else(|| os(errno::ENOENT))
    }

    fn check_removable_dir(&self, ino: Ino) -> io::Result<()> {
        let Some(dir) = self.tree.dir(ino) else { return Err(os(errno::ENOTDIR)) };
        if self.is_mount_point(ino) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        if dir.is_empty() { Ok(()) } else { Err(os(errno::ENOTEMPTY)) }
    }

    fn unlink(&mut self, dir: Ino, name: &OsStr, ino: Ino) {
        self.log(self.volume_of(ino), What::Unlink { dir, name: Name::from(name), ino });
    }

    /// In strict mode an inode whose sync failed gets no further name.
    fn check_clean(&mut self, ino: Ino) -> io::Result<()> {
        if !self.strict || self.tree.get(ino).is_none_or(|slot| slot.failed_syncs == 0) {
            return Ok(());
        }
        self.violations.push(format!("inode {ino} was given a name after its sync had failed"));
        Err(os(errno::EIO))
    }
}
