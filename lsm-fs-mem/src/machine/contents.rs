//! The content of files: bytes, lengths, holes, and the syncs that make them durable.

use std::{io, ops::Range, path::Path, sync::Arc};

use lsm_fs::{FsOpenOptions, Permissions, PermissionsSet, errno};

use super::{
    errors::os,
    handles::{Handles, OpenFile},
    lookup::{LastComponent, Lookup, View},
    namespace::Namespace,
    storage::Storage,
    sync_faults::SyncFaults,
};
use crate::{
    micro::{Access, Change, Ino, Kind, Payload},
    pages::{PAGE_BYTES, Pages, small},
    profile::SyncCall,
};

/// The maximum length of a file, as on Linux.
const MAX_LEN: u64 = i64::MAX as u64;

/// The calls that open files and change their content.
#[derive(Debug)]
pub(crate) struct FileCalls<'m> {
    storage: &'m mut Storage,
    handles: &'m mut Handles,
    sync_faults: &'m mut SyncFaults,
    view: View<'m>,
}

impl<'m> FileCalls<'m> {
    pub(super) const fn new(
        storage: &'m mut Storage,
        handles: &'m mut Handles,
        sync_faults: &'m mut SyncFaults,
        view: View<'m>,
    ) -> Self {
        Self { storage, handles, sync_faults, view }
    }

    fn lookup(&self) -> Lookup<'_> {
        Lookup::new(self.storage.namespace(), self.view)
    }

    fn names(&self) -> &Namespace {
        self.storage.namespace()
    }

    /// Opens a file and takes hold of its inode.
    pub(crate) fn open(&mut self, path: &Path, options: &FsOpenOptions) -> io::Result<OpenFile> {
        options.validate()?;
        let lookup = self.lookup();
        if lookup.is_view_root(path)? {
            return Err(os(if options.create_new { errno::EEXIST } else { errno::EISDIR }));
        }
        let location = lookup.locate(path)?;
        let writes = options.write || options.append;
        let creates = options.create || options.create_new;
        if creates && location.wants_dir && matches!(location.last, LastComponent::Name(_)) {
            return Err(os(errno::EISDIR));
        }
        let found = lookup.bound(&location)?;
        if found.is_some() && options.create_new {
            return Err(os(errno::EEXIST));
        }
        let ino = match (found, location.last) {
            (Some(ino), _) => {
                let ino = lookup.arrive(&location, ino)?;
                self.check_open(ino, writes || creates, location.wants_dir)?;
                ino
            }
            (None, LastComponent::Name(name)) if creates => {
                let access = if options.private { Access::Private } else { Access::Ordinary };
                self.storage.create(location.dir, name, Kind::File, access)?
            }
            _ => return Err(os(errno::ENOENT)),
        };
        if options.truncate {
            self.set_len(ino, 0)?;
        }
        self.storage.hold(ino);
        let failed_syncs_before = self.storage.failed_syncs(ino);
        Ok(OpenFile { ino, handle: self.handles.take(), failed_syncs_before })
    }

    fn check_open(&self, ino: Ino, changes: bool, wants_dir: bool) -> io::Result<()> {
        match self.names().kind(ino) {
            Kind::Dir => return Err(os(errno::EISDIR)),
            Kind::File if wants_dir => return Err(os(errno::ENOTDIR)),
            Kind::File => self.names().check_regular(ino)?,
        }
        if changes { self.names().writable(ino).map(drop) } else { Ok(()) }
    }

    pub(crate) fn read(&self, ino: Ino, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.names().volume(ino)?;
        let file = self.names().file(ino)?;
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > MAX_LEN) {
            return Err(os(errno::EINVAL));
        }
        let len = small(file.len.saturating_sub(offset)).min(buf.len());
        if let Some(buf) = buf.get_mut(..len) {
            file.pages.read(offset, buf);
        }
        Ok(len)
    }

    /// Appends the content from `offset` onwards to `buf`.
    pub(crate) fn read_to_end(&self, ino: Ino, buf: &mut Vec<u8>, offset: u64) -> io::Result<usize> {
        self.names().volume(ino)?;
        let file = self.names().file(ino)?;
        let (start, len) = (buf.len(), small(file.len.saturating_sub(offset)));
        buf.try_reserve(len)?;
        buf.resize(start + len, 0);
        if let Some(buf) = buf.get_mut(start..) {
            file.pages.read(offset, buf);
        }
        Ok(len)
    }

    /// Writes as much as fits and returns the number of bytes. Fails if nothing fits.
    pub(crate) fn write(&mut self, ino: Ino, bytes: &[u8], offset: Option<u64>) -> io::Result<usize> {
        let free = self.names().writable(ino)?.free_bytes();
        let file = self.names().file(ino)?;
        let (old_len, offset) = (file.len, offset.unwrap_or(file.len));
        if bytes.is_empty() && offset <= MAX_LEN {
            return Ok(0);
        }
        if offset >= MAX_LEN {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let wanted = bytes.len().min(small(MAX_LEN - offset));
        let fits = fitting(&file.pages, offset..offset + wanted as u64, free / PAGE_BYTES);
        debug_assert!(fits <= bytes.len(), "more fits than is there");
        let bytes = bytes.get(..fits).unwrap_or(bytes);
        if bytes.is_empty() {
            return Err(os(errno::ENOSPC));
        }
        let range = offset..offset + bytes.len() as u64;
        let payload = if bytes.len() as u64 >= PAGE_BYTES || file.pages.begins_page(offset) {
            Payload::Pages(Pages::from_bytes(offset, bytes))
        } else {
            Payload::Bytes(Arc::from(bytes))
        };
        let (volume, end) = (self.names().volume_of(ino), range.end);
        self.storage.change(volume, Change::Data { ino, range, payload });
        if end > old_len {
            self.storage.change(volume, Change::Size { ino, from: old_len, to: end, written: true });
        }
        Ok(bytes.len())
    }

    pub(crate) fn set_len(&mut self, ino: Ino, len: u64) -> io::Result<()> {
        self.names().writable(ino)?;
        if len > MAX_LEN {
            return Err(os(errno::EINVAL));
        }
        let (volume, old) = (self.names().volume_of(ino), self.names().file(ino)?.len);
        // A truncation within a block zeroes the rest of the block, and these zeros may reach the disk without the new
        // length (`ext4_block_truncate_page` in `fs/ext4/inode.c`, `xfs_truncate_page` in `fs/xfs/xfs_iomap.c`).
        let tail = len..old.min(len.next_multiple_of(PAGE_BYTES));
        if !tail.is_empty() {
            self.storage.change(volume, Change::Data { ino, range: tail, payload: Payload::Zeros });
        }
        if len != old {
            self.storage.change(volume, Change::Size { ino, from: old, to: len, written: false });
        }
        Ok(())
    }

    /// Returns the inode of a file that is to be changed in place. Fails if the file has more than one name.
    fn unshared(&self, path: &Path) -> io::Result<Ino> {
        let ino = self.lookup().resolve(path)?;
        self.check_open(ino, true, false)?;
        match self.names().tree().get(ino) {
            Some(inode) if inode.links > 1 => Err(os(errno::EMLINK)),
            _ => Ok(ino),
        }
    }

    /// Sets the length of a file that has only one name.
    pub(crate) fn truncate(&mut self, path: &Path, len: u64) -> io::Result<()> {
        let ino = self.unshared(path)?;
        self.set_len(ino, len)
    }

    pub(crate) fn punch_hole(&mut self, path: &Path, offset: u64, len: u64) -> io::Result<()> {
        let end = offset.checked_add(len).filter(|end| len > 0 && *end <= MAX_LEN);
        let end = end.ok_or(io::ErrorKind::InvalidInput)?;
        let ino = self.unshared(path)?;
        if !self.names().volume(ino)?.options().capabilities.punch_hole {
            return Err(os(errno::EOPNOTSUPP));
        }
        let end = end.min(self.names().file(ino)?.len);
        if offset < end {
            let change = Change::Data { ino, range: offset..end, payload: Payload::Zeros };
            self.storage.change(self.names().volume_of(ino), change);
        }
        Ok(())
    }

    pub(crate) fn next_data(&self, ino: Ino, offset: u64) -> io::Result<Option<Range<u64>>> {
        self.names().volume(ino)?;
        let file = self.names().file(ino)?;
        Ok(file.pages.next_data(offset, file.len))
    }

    pub(crate) fn try_disable_cow(&mut self, path: &Path) -> io::Result<bool> {
        let ino = self.lookup().resolve(path)?;
        let works = self.names().volume(ino)?.options().capabilities.copy_on_write;
        if works {
            self.names().writable(ino)?;
            self.storage.set_in_place(ino, true);
        }
        Ok(works)
    }

    /// Sets the mode, and the owner if the volume allows it. If the owner is refused, the mode is set without rights
    /// for a group that was not requested.
    pub(crate) fn set_permissions(&mut self, ino: Ino, to: &Permissions) -> io::Result<PermissionsSet> {
        let keeps_owners = self.names().writable(ino)?.options().keeps_owners;
        let found = self.names().metadata(ino)?.permissions.unwrap_or(*to);
        let owner = keeps_owners || (found.owner, found.group) == (to.owner, to.group);
        let set = if owner { *to } else { found };
        let asked = to.mode & Permissions::SETTABLE;
        let allowed = if set.group == to.group { asked } else { asked & !0o070 };
        self.storage.set_permissions(ino, set.with_mode(allowed));
        Ok(PermissionsSet { mode: allowed == asked, owner })
    }

    pub(crate) fn set_directory_permissions(
        &mut self,
        path: &Path,
        to: &Permissions,
    ) -> io::Result<PermissionsSet> {
        let ino = self.lookup().resolve_unfollowed(path)?;
        match self.names().kind(ino) {
            Kind::Dir => self.set_permissions(ino, to),
            Kind::File => Err(os(errno::ENOTDIR)),
        }
    }

    /// Syncs a file through a handle that was opened by `path`.
    pub(crate) fn sync_file(&mut self, file: OpenFile, path: &Path, data_only: bool) -> io::Result<()> {
        let OpenFile { ino, failed_syncs_before, .. } = file;
        self.names().volume(ino)?;
        if let Some(fault) = self.sync_faults.take(path) {
            self.storage.fail_sync(ino, fault.pages);
            return Err(os(fault.errno));
        }
        if self.storage.failed_syncs(ino) > failed_syncs_before {
            // Each handle that was open at the time reports the failure once (`errseq_t`, Linux 4.13).
            return Err(os(errno::EIO));
        }
        if self.storage.has_pending_content(ino) {
            self.names().writable(ino)?;
        }
        let volume = self.names().volume_of(ino);
        let call =
            if data_only { SyncCall::FileData { ino, volume } } else { SyncCall::File { ino, volume } };
        self.storage.force(call);
        Ok(())
    }
}

/// Returns the number of bytes of a write that fit into `free` new pages.
fn fitting(pages: &Pages, range: Range<u64>, free: u64) -> usize {
    let full = small(range.end - range.start);
    if range.end.div_ceil(PAGE_BYTES) - range.start / PAGE_BYTES <= free
        || pages.missing(range.clone()) <= free
    {
        return full;
    }
    let (mut end, mut left) = (range.start, free);
    while end < range.end {
        let page_end = (end / PAGE_BYTES + 1) * PAGE_BYTES;
        let needed = pages.missing(end..page_end);
        if needed > left {
            break;
        }
        left -= needed;
        end = page_end.min(range.end);
    }
    small(end - range.start)
}
