//! [`Disk`]: the content of a disk in memory. A copy costs little, because copies share their pages.

use std::{collections::HashMap, sync::Arc};

use xxhash_rust::xxh3::xxh3_64_with_seed;

pub(crate) const PAGE: usize = 4096;

#[derive(Clone)]
struct Page {
    bytes: [u8; PAGE],
    hash: u64,
}

/// A disk. Pages that were never written, and pages of zeros, take no room.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    pages: HashMap<u64, Arc<Page>>,
    fingerprint: u64,
}

impl Disk {
    /// Returns a hash of the content. Equal disks have equal fingerprints, and different disks almost always have
    /// different ones.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) {
        let (mut at, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            let (number, start) = (at / PAGE as u64, (at % PAGE as u64) as usize);
            let len = rest.len().min(PAGE - start);
            let (now, later) = rest.split_at(len);
            self.write_page(number, start, now);
            (at, rest) = (at + len as u64, later);
        }
    }

    fn write_page(&mut self, number: u64, start: usize, bytes: &[u8]) {
        let mut page =
            self.pages.remove(&number).unwrap_or_else(|| Arc::new(Page { bytes: [0; PAGE], hash: 0 }));
        let inner = Arc::make_mut(&mut page);
        inner.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self.fingerprint ^= inner.hash;
        inner.hash = if inner.bytes == [0; PAGE] { 0 } else { xxh3_64_with_seed(&inner.bytes, number) | 1 };
        self.fingerprint ^= inner.hash;
        if inner.hash != 0 {
            self.pages.insert(number, page);
        }
    }

    pub(crate) fn read(&self, offset: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let mut done = 0;
        while done < len {
            let at = offset + done as u64;
            let (number, start) = (at / PAGE as u64, (at % PAGE as u64) as usize);
            let now = (len - done).min(PAGE - start);
            if let Some(page) = self.pages.get(&number) {
                bytes[done..done + now].copy_from_slice(&page.bytes[start..start + now]);
            }
            done += now;
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_over_two_pages_is_read_back() {
        let mut disk = Disk::default();
        disk.write(4000, &[7; 200]);
        assert_eq!(disk.read(3999, 202), [&[0][..], &[7; 200], &[0]].concat());
    }

    #[test]
    fn a_copy_does_not_see_later_writes() {
        let mut disk = Disk::default();
        disk.write(0, b"old");
        let copy = disk.clone();
        disk.write(0, b"new");
        assert_eq!((copy.read(0, 3), disk.read(0, 3)), (b"old".to_vec(), b"new".to_vec()));
        assert_ne!(copy.fingerprint(), disk.fingerprint());
    }

    #[test]
    fn the_fingerprint_depends_only_on_the_content() {
        let mut disk = Disk::default();
        disk.write(5000, b"x");
        let first = disk.fingerprint();
        disk.write(5000, b"y");
        disk.write(5000, b"x");
        assert_eq!(disk.fingerprint(), first);
        disk.write(5000, b"\0");
        assert_eq!(disk.fingerprint(), Disk::default().fingerprint());
    }
}
