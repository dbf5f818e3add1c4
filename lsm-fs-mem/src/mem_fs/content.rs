//! Content of files: bytes, lengths, holes, and the syncs that make them durable.

use std::{io, ops::Range, path::Path, sync::Arc};

use lsm_fs::{FsOpenOptions, errno};

use super::{
    OpenFile,
    resolve::Last,
    state::{State, os},
};
use crate::{
    micro::{Ino, Kind, Payload, What},
    pages::{PAGE_BYTES, Pages, small},
    profile::SyncCall,
};

/// The longest file, as on Linux.
const MAX_LEN: u64 = i64::MAX as u64;

impl State {
    /// Opens a file, and takes hold of its inode.
    pub(crate) fn open(&mut self, path: &Path, options: &FsOpenOptions) -> io::Result<Ino> {
        options.validate()?;
        if self.is_view_root(path)? {
            return Err(os(if options.create_new { errno::EEXIST } else { errno::EISDIR }));
        }
        let place = self.place(path)?;
        let writes = options.write || options.append;
        let creates = options.create || options.create_new;
        if creates && place.wants_dir && matches!(place.last, Last::Name(_)) {
            return Err(os(errno::EISDIR));
        }
        let found = self.bound(&place)?;
        if found.is_some() && options.create_new {
            return Err(os(errno::EEXIST));
        }
        let ino = match (found, place.last) {
            (Some(ino), _) => {
                let ino = self.arrive(&place, ino)?;
                self.check_open(ino, writes || creates, place.wants_dir)?;
                ino
            }
            (None, Last::Name(name)) if creates => self.create(place.dir, name, Kind::File)?,
            _ => return Err(os(errno::ENOENT)),
        };
        if options.truncate {
            self.set_len(ino, 0)?;
        }
        self.hold(ino);
        Ok(ino)
    }

    fn check_open(&self, ino: Ino, changes: bool, wants_dir: bool) -> io::Result<()> {
        match self.kind(ino) {
            Kind::Dir => return Err(os(errno::EISDIR)),
            Kind::File if wants_dir => return Err(os(errno::ENOTDIR)),
            Kind::File => self.check_regular(ino)?,
        }
        if changes { self.writable(ino).map(drop) } else { Ok(()) }
    }

    pub(crate) fn hold(&mut self, ino: Ino) {
        if let Some(slot) = self.tree.get_mut(ino) {
            slot.opens += 1;
        }
    }

    pub(crate) fn release(&mut self, ino: Ino) {
        let Some(slot) = self.tree.get_mut(ino) else { return };
        slot.opens = slot.opens.saturating_sub(1);
        if slot.links == 0 {
            self.reap(ino);
        }
    }

    pub(crate) fn read(&self, ino: Ino, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.volume(ino)?;
        let file = self.file(ino)?;
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > MAX_LEN) {
            return Err(os(errno::EINVAL));
        }
        let len = small(file.len.saturating_sub(offset)).min(buf.len());
        if let Some(buf) = buf.get_mut(..len) {
            file.pages.read(offset, buf);
        }
        Ok(len)
    }

    /// Appends to `buf` what the file holds from `offset` on.
    pub(crate) fn read_to_end(&self, ino: Ino, buf: &mut Vec<u8>, offset: u64) -> io::Result<usize> {
        self.volume(ino)?;
        let file = self.file(ino)?;
        let (start, len) = (buf.len(), small(file.len.saturating_sub(offset)));
        buf.try_reserve(len)?;
        buf.resize(start + len, 0);
        if let Some(buf) = buf.get_mut(start..) {
            file.pages.read(offset, buf);
        }
        Ok(len)
    }

    /// Writes what fits, and says how much that was; an error if it is nothing.
    pub(crate) fn write(&mut self, ino: Ino, bytes: &[u8], offset: Option<u64>) -> io::Result<usize> {
        let free = self.writable(ino)?.free_bytes();
        let file = self.file(ino)?;
        let (old_len, offset) = (file.len, offset.unwrap_or(file.len));
        if bytes.is_empty() && offset <= MAX_LEN {
            return Ok(0);
        }
        if offset >= MAX_LEN {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let wanted = bytes.len().min(small(MAX_LEN - offset));
        let fits = fitting(&file.pages, offset..offset + wanted as u64, free / PAGE_BYTES);
        let bytes = bytes.get(..fits).unwrap_or_default();
        if bytes.is_empty() {
            return Err(os(errno::ENOSPC));
        }
        let range = offset..offset + bytes.len() as u64;
        let payload = if bytes.len() as u64 >= PAGE_BYTES || file.pages.begins_page(offset) {
            Payload::Pages(Pages::from_bytes(offset, bytes))
        } else {
            Payload::Bytes(Arc::from(bytes))
        };
        let (volume, end) = (self.volume_of(ino), range.end);
        self.log(volume, What::Data { ino, range, payload });
        if end > old_len {
            self.log(volume, What::Size { ino, from: old_len, to: end, written: true });
        }
        Ok(bytes.len())
    }

    pub(crate) fn set_len(&mut self, ino: Ino, len: u64) -> io::Result<()> {
        self.writable(ino)?;
        if len > MAX_LEN {
            return Err(os(errno::EINVAL));
        }
        let old = self.file(ino)?.len;
        if len != old {
            self.log(self.volume_of(ino), What::Size { ino, from: old, to: len, written: false });
        }
        Ok(())
    }

    /// A change in place of a file that nothing else shares.
    pub(crate) fn unshared(&self, path: &Path) -> io::Result<Ino> {
        let ino = self.resolve(path)?;
        self.check_open(ino, true, false)?;
        match self.tree.get(ino) {
            Some(slot) if slot.links > 1 => Err(os(errno::EMLINK)),
            _ => Ok(ino),
        }
    }

    pub(crate) fn punch_hole(&mut self, path: &Path, offset: u64, len: u64) -> io::Result<()> {
        let end = offset.checked_add(len).filter(|end| len > 0 && *end <= MAX_LEN);
        let end = end.ok_or(io::ErrorKind::InvalidInput)?;
        let ino = self.unshared(path)?;
        if !self.volume(ino)?.options.capabilities.punch_hole {
            return Err(os(errno::EOPNOTSUPP));
        }
        let end = end.min(self.file(ino)?.len);
        if offset < end {
            let what = What::Data { ino, range: offset..end, payload: Payload::Zeros };
            self.log(self.volume_of(ino), what);
        }
        Ok(())
    }

    pub(crate) fn next_data(&self, ino: Ino, offset: u64) -> io::Result<Option<Range<u64>>> {
        self.volume(ino)?;
        let file = self.file(ino)?;
        Ok(file.pages.next_data(offset, file.len))
    }

    pub(crate) fn try_disable_cow(&mut self, path: &Path) -> io::Result<bool> {
        let ino = self.resolve(path)?;
        let works = self.volume(ino)?.options.capabilities.copy_on_write;
        if works {
            self.writable(ino)?;
            if let Some(slot) = self.tree.get_mut(ino) {
                slot.in_place = true;
            }
        }
        Ok(works)
    }

    /// Syncs a file through a handle that was opened by `path`.
    pub(crate) fn sync_file(&mut self, file: OpenFile, path: &Path, data_only: bool) -> io::Result<()> {
        let OpenFile { ino, seen, .. } = file;
        self.volume(ino)?;
        if let Some(failure) = self.take_failure(path) {
            self.fail_sync(ino, failure.pages);
            return Err(os(failure.errno));
        }
        if self.tree.get(ino).is_some_and(|slot| slot.failed_syncs > seen) {
            // Each handle that was open then hears of the failure once.
            return Err(os(errno::EIO));
        }
        if self.disk.absorb().file(ino).next().is_some() {
            self.writable(ino)?;
        }
        let volume = self.volume_of(ino);
        let call =
            if data_only { SyncCall::FileData { ino, volume } } else { SyncCall::File { ino, volume } };
        self.force(call);
        Ok(())
    }
}

/// How many bytes of a write find room in `free` new pages.
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
