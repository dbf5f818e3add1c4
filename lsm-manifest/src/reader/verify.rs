//! Verification of all sections with bounded memory.

use xxhash_rust::xxh3::{Xxh3Default, xxh3_128};

use super::ManifestArchiveReader;
use crate::{Result, TocEntry, archive_file::ArchiveFile, format::BLOCK_HEADER_LEN};

/// Number of bytes of an archive in memory during verification.
const WINDOW: usize = 256 * 1024;

impl ManifestArchiveReader {
    /// Verifies every section with bounded memory. Returns the names of the sections whose payload is damaged and was
    /// restored by parity.
    ///
    /// Sealed sections are opened, which needs the key. An archive of up to 128 KiB was read when it was opened, and
    /// these bytes are verified. To verify the bytes that are on disk now, open it again.
    ///
    /// # Errors
    ///
    /// The errors of [`read_section`](Self::read_section), for the first section that fails.
    pub fn verify(&self) -> Result<Vec<&str>> {
        let mut healed = Vec::new();
        let mut window =
            Window { archive: &self.archive, end: self.footer.sections_end(), at: 0, bytes: Vec::new() };
        for entry in self.footer.sections() {
            let sound = !self.archive.has_key() && self.matches(entry, &mut window)?;
            if !sound && self.read_section(&entry.name)?.healed {
                healed.push(entry.name.as_str());
            }
        }
        Ok(healed)
    }

    /// Compares a payload with its checksum. Returns `false` if the section must be read as a whole to decide.
    fn matches(&self, entry: &TocEntry, window: &mut Window<'_>) -> Result<bool> {
        let Some((head, rest)) = window.piece(entry.offset, entry.end())?.split_first_chunk() else {
            return Ok(false);
        };
        let header = self.header(entry, head)?;
        if header.encrypted {
            return Ok(false);
        }
        let mut left = header.data_len as usize;
        if let Some(payload) = rest.get(..left) {
            return Ok(xxh3_128(payload) == entry.checksum);
        }
        let mut hasher = Xxh3Default::new();
        let mut at = entry.offset + BLOCK_HEADER_LEN as u64;
        while left > 0 {
            let piece = window.piece(at, entry.end())?;
            let (payload, _) = piece.split_at(left.min(piece.len()));
            if payload.is_empty() {
                return Ok(false);
            }
            hasher.update(payload);
            left -= payload.len();
            at += payload.len() as u64;
        }
        Ok(hasher.digest128() == entry.checksum)
    }
}

/// A window that moves over the sections of an archive, so that one read fetches several small sections. The first
/// error of `piece` ends its use.
struct Window<'a> {
    archive: &'a ArchiveFile,
    /// Offset at which the sections end.
    end: u64,
    at: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// Returns the bytes from `at` on, as many as are available before `end`, and at least a block header.
    fn piece(&mut self, at: u64, end: u64) -> Result<&[u8]> {
        let len = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
        if let Some(bytes) = self.archive.in_memory(at, len) {
            return Ok(bytes);
        }
        let wanted = end.saturating_sub(at).min(BLOCK_HEADER_LEN as u64);
        if at < self.at || at.saturating_add(wanted) > self.at + self.bytes.len() as u64 {
            // The first read may fail because of a later section. That section reports it.
            self.fill(at, self.end).or_else(|_| self.fill(at, end))?;
        }
        let rest = usize::try_from(at - self.at).ok().and_then(|from| self.bytes.get(from..));
        debug_assert!(rest.is_some(), "the window was moved to {at}");
        let rest = rest.unwrap_or(&[]);
        Ok(rest.get(..len).unwrap_or(rest))
    }

    fn fill(&mut self, at: u64, end: u64) -> Result<()> {
        let len = usize::try_from(end.saturating_sub(at)).unwrap_or(WINDOW).min(WINDOW);
        self.bytes.resize(len, 0);
        self.at = at;
        self.archive.read_into(&mut self.bytes, at)
    }
}
