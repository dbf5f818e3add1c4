//! The calls on names. They check their arguments in the same order as Linux, so that a call with two faults reports
//! the same one.

use std::{io, path::Path, sync::Arc};

use lsm_fs::{DirectorySync, FsDirEntry, errno};

use super::{
    errors::os,
    lookup::{LastComponent, Location, Lookup, View},
    namespace::{Namespace, Special},
    storage::Storage,
    sync_faults::SyncFaults,
};
use crate::{
    micro::{Access, Change, Ino, Kind, Name, Payload},
    profile::SyncCall,
};

/// The calls that list, create, move, and remove names, made through one view of the machine.
#[derive(Debug)]
pub(crate) struct NameCalls<'m> {
    storage: &'m mut Storage,
    sync_faults: &'m mut SyncFaults,
    view: View<'m>,
}

/// A directory on the path of a recursive removal.
struct Level {
    dir: Ino,
    /// The parent directory and the name in it, or `None` for the top.
    in_parent: Option<(Ino, Name)>,
    /// The remaining entries, with the first name last.
    left: Vec<(Name, Ino)>,
}

impl<'m> NameCalls<'m> {
    pub(super) const fn new(
        storage: &'m mut Storage,
        sync_faults: &'m mut SyncFaults,
        view: View<'m>,
    ) -> Self {
        Self { storage, sync_faults, view }
    }

    fn lookup(&self) -> Lookup<'_> {
        Lookup::new(self.storage.namespace(), self.view)
    }

    fn names(&self) -> &Namespace {
        self.storage.namespace()
    }

    pub(crate) fn create_dir(&mut self, path: &Path, access: Access) -> io::Result<()> {
        let location = self.lookup().locate(path)?;
        match location.last {
            LastComponent::Name(name) if self.lookup().bound(&location)?.is_none() => {
                self.storage.create(location.dir, name, Kind::Dir, access).map(drop)
            }
            _ => Err(os(errno::EEXIST)),
        }
    }

    pub(crate) fn read_dir(&self, path: &Path) -> io::Result<Vec<FsDirEntry>> {
        let dir = self.lookup().resolve_dir(path)?;
        let names = self.names();
        let entries = names.tree().dir(dir).into_iter().flat_map(|dir| dir.iter());
        Ok(entries.map(|(name, ino)| FsDirEntry::new(&**name, names.file_type(ino))).collect())
    }

    pub(crate) fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        let location = self.lookup().locate(path)?;
        let LastComponent::Name(name) = location.last else { return Err(os(errno::EISDIR)) };
        let ino = self.existing_for_change(&location)?;
        match self.names().kind(ino) {
            Kind::Dir => Err(os(errno::EISDIR)),
            Kind::File if location.wants_dir => Err(os(errno::ENOTDIR)),
            Kind::File => {
                self.storage.unlink(location.dir, name, ino);
                Ok(())
            }
        }
    }

    pub(crate) fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        let location = self.lookup().locate(path)?;
        let name = match location.last {
            LastComponent::Name(name) => name,
            LastComponent::Here if path.as_os_str().as_encoded_bytes().ends_with(b".") => {
                return Err(os(errno::EINVAL));
            }
            LastComponent::Here => return Err(io::ErrorKind::ResourceBusy.into()),
            LastComponent::Parent => return Err(os(errno::ENOTEMPTY)),
        };
        let ino = self.existing_for_change(&location)?;
        self.check_removable_dir(ino)?;
        self.storage.unlink(location.dir, name, ino);
        Ok(())
    }

    /// Removes a directory and everything below it, deepest first. It walks by inode, because a path could become too
    /// long.
    pub(crate) fn remove_dir_all(&mut self, path: &Path) -> io::Result<()> {
        let top = self.lookup().resolve_unfollowed(path)?;
        let mut levels = vec![Level { dir: top, in_parent: None, left: self.entries(top)? }];
        while let Some(Level { dir, left, .. }) = levels.last_mut() {
            let (dir, next) = (*dir, left.pop());
            let Some((name, ino)) = next else {
                if let Some(Level { dir, in_parent: Some((parent, name)), .. }) = levels.pop() {
                    self.names().writable(parent)?;
                    self.check_removable_dir(dir)?;
                    self.storage.unlink(parent, &name, dir);
                }
                continue;
            };
            if self.names().mounts().is_covered(ino) {
                return Err(os(errno::EXDEV));
            }
            match self.names().kind(ino) {
                Kind::File => {
                    self.names().writable(dir)?;
                    self.storage.unlink(dir, &name, ino);
                }
                Kind::Dir => {
                    let left = self.entries(ino)?;
                    levels.push(Level { dir: ino, in_parent: Some((dir, name)), left });
                }
            }
        }
        self.remove_dir(path)
    }

    /// Returns the entries of a directory, with the first name last.
    fn entries(&self, dir: Ino) -> io::Result<Vec<(Name, Ino)>> {
        let dir = self.names().tree().dir(dir).ok_or_else(|| os(errno::ENOTDIR))?;
        let mut entries: Vec<_> = dir.iter().map(|(name, ino)| (Arc::clone(name), ino)).collect();
        entries.reverse();
        Ok(entries)
    }

    pub(crate) fn rename(&mut self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        let (source, target) = (self.lookup().locate(from)?, self.lookup().locate(to)?);
        if self.names().volume_of(source.dir) != self.names().volume_of(target.dir) {
            return Err(os(errno::EXDEV));
        }
        let (LastComponent::Name(old_name), LastComponent::Name(new_name)) = (source.last, target.last)
        else {
            let taken = !replace && matches!(source.last, LastComponent::Name(_));
            return Err(if taken { os(errno::EEXIST) } else { io::ErrorKind::ResourceBusy.into() });
        };
        let volume = self.names().writable(source.dir)?;
        if !replace && !volume.options().capabilities.rename_noreplace {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let ino = self.lookup().bound(&source)?.ok_or_else(|| os(errno::ENOENT))?;
        let replaced = self.lookup().bound(&target)?;
        if replaced.is_some() && !replace {
            return Err(os(errno::EEXIST));
        }
        self.check_rename(ino, &source, &target, replaced)?;
        if replaced == Some(ino) {
            return Ok(());
        }
        if replaced.is_none() {
            self.names().check_room_for_name(target.dir)?;
        }
        self.storage.rename(ino, (source.dir, old_name), (target.dir, new_name));
        Ok(())
    }

    fn check_rename(
        &mut self,
        ino: Ino,
        source: &Location<'_>,
        target: &Location<'_>,
        replaced: Option<Ino>,
    ) -> io::Result<()> {
        if self.names().kind(ino) == Kind::File && (source.wants_dir || target.wants_dir) {
            return Err(os(errno::ENOTDIR));
        }
        if self.names().is_within(target.dir, ino) {
            return Err(os(errno::EINVAL));
        }
        if replaced.is_some_and(|replaced| self.names().is_within(source.dir, replaced)) {
            return Err(os(errno::ENOTEMPTY));
        }
        if self.names().mounts().is_mount_point(ino)
            || replaced.is_some_and(|ino| self.names().mounts().is_mount_point(ino))
        {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        self.storage.check_clean(ino)?;
        match replaced.map(|replaced| (self.names().kind(ino), self.names().kind(replaced), replaced)) {
            None => Ok(()),
            Some((_, _, replaced)) if replaced == ino => Ok(()),
            Some((Kind::Dir, Kind::File, _)) => Err(os(errno::ENOTDIR)),
            Some((Kind::File, Kind::Dir, _)) => Err(os(errno::EISDIR)),
            Some((Kind::Dir, Kind::Dir, replaced)) => self.check_removable_dir(replaced),
            Some((Kind::File, Kind::File, _)) => Ok(()),
        }
    }

    pub(crate) fn hard_link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let ino = self.lookup().resolve_unfollowed(from)?;
        if self.lookup().locate(from)?.beneath.is_some() {
            self.names().check_regular(ino)?;
        }
        let target = self.lookup().locate(to)?;
        let LastComponent::Name(name) = target.last else { return Err(os(errno::EEXIST)) };
        if self.lookup().bound(&target)?.is_some() {
            return Err(os(errno::EEXIST));
        }
        if target.wants_dir {
            return Err(os(errno::ENOENT));
        }
        self.names().writable(target.dir)?;
        if self.names().volume_of(ino) != self.names().volume_of(target.dir) {
            return Err(os(errno::EXDEV));
        }
        let options = self.names().writable(ino)?.options();
        if self.names().kind(ino) == Kind::Dir || !options.capabilities.hard_link {
            return Err(os(errno::EPERM));
        }
        if self.names().tree().get(ino).is_some_and(|inode| inode.links >= options.link_limit) {
            return Err(os(errno::EMLINK));
        }
        self.storage.check_clean(ino)?;
        self.names().check_room_for_name(target.dir)?;
        self.storage.link(target.dir, name, ino);
        Ok(())
    }

    pub(crate) fn reflink(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let source = self.lookup().resolve(from)?;
        self.names().check_regular(source)?;
        let target = self.lookup().locate(to)?;
        let LastComponent::Name(name) = target.last else { return Err(os(errno::EISDIR)) };
        if self.lookup().bound(&target)?.is_some() {
            return Err(os(errno::EEXIST));
        }
        if target.wants_dir {
            return Err(os(errno::EISDIR));
        }
        let volume = self.names().writable(target.dir)?;
        if self.names().volume_of(source) != self.names().volume_of(target.dir) {
            return Err(os(errno::EXDEV));
        }
        let file = Arc::clone(self.names().file(source)?);
        if !volume.options().capabilities.reflink {
            return Err(os(errno::EOPNOTSUPP));
        }
        if volume.free_bytes() < file.pages.allocated_bytes() {
            return Err(os(errno::ENOSPC));
        }
        self.storage.check_clean(source)?;
        // A clone shares the data on disk. The cache may still show data that a failed sync has lost.
        let file = self.storage.reread(source);
        let ino = self.storage.create(target.dir, name, Kind::File, Access::Private)?;
        if self.names().tree().get(source).is_some_and(|inode| inode.in_place) {
            self.storage.set_in_place(ino, true);
        }
        if file.len > 0 {
            let (range, payload) = (0..file.len, Payload::Pages(file.pages.clone()));
            let volume = self.names().volume_of(ino);
            self.storage.change(volume, Change::Data { ino, range, payload });
            self.storage.change(volume, Change::Size { ino, from: 0, to: file.len, written: true });
        }
        Ok(())
    }

    pub(crate) fn sync_directory(&mut self, path: &Path) -> io::Result<DirectorySync> {
        let ino = self.lookup().resolve_dir(path)?;
        if !self.names().volume(ino)?.options().capabilities.directory_sync {
            return Ok(DirectorySync::NotSupported);
        }
        if let Some(fault) = self.sync_faults.take(path) {
            return Err(os(fault.errno));
        }
        if self.storage.has_pending_names(ino) {
            self.names().writable(ino)?;
        }
        self.storage.force(SyncCall::Dir { ino, volume: self.names().volume_of(ino) });
        Ok(DirectorySync::Durable)
    }

    /// Returns the inode that a name is bound to, if the volume accepts changes.
    fn existing_for_change(&self, location: &Location<'_>) -> io::Result<Ino> {
        self.names().writable(location.dir)?;
        self.lookup().bound(location)?.ok_or_else(|| os(errno::ENOENT))
    }

    fn check_removable_dir(&self, ino: Ino) -> io::Result<()> {
        let Some(dir) = self.names().tree().dir(ino) else { return Err(os(errno::ENOTDIR)) };
        if self.names().mounts().is_mount_point(ino) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        if dir.is_empty() { Ok(()) } else { Err(os(errno::ENOTEMPTY)) }
    }

    /// Creates an inode that is neither a file nor a directory.
    pub(crate) fn make_special(&mut self, path: &Path, special: Special) -> io::Result<()> {
        let location = self.lookup().locate(path)?;
        let LastComponent::Name(name) = location.last else { return Err(os(errno::EEXIST)) };
        if self.lookup().bound(&location)?.is_some() {
            return Err(os(errno::EEXIST));
        }
        if location.wants_dir {
            return Err(os(errno::ENOENT));
        }
        let ino = self.storage.create(location.dir, name, Kind::File, Access::Ordinary)?;
        self.storage.set_special(ino, special);
        Ok(())
    }
}
