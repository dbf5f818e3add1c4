//! [`Cursor`]: reads integers, texts and records from bytes.

use crate::CatalogDefect;

/// Reads from the front of a byte slice, and holds the rest. Integers are little-endian. A text or a record follows its
/// length. A length beyond the remaining bytes is refused before memory is allocated for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], CatalogDefect> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(CatalogDefect::Length)?;
        self.0 = rest;
        Ok(*bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, CatalogDefect> {
        self.take().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, CatalogDefect> {
        self.take().map(u64::from_le_bytes)
    }

    /// Returns a cursor over the bytes of a record.
    pub(super) fn record(&mut self) -> Result<Self, CatalogDefect> {
        let len = usize::try_from(self.u32()?).map_err(|_| CatalogDefect::Length)?;
        let (record, rest) = self.0.split_at_checked(len).ok_or(CatalogDefect::Length)?;
        self.0 = rest;
        Ok(Self(record))
    }

    pub(super) fn text(&mut self) -> Result<String, CatalogDefect> {
        let text = std::str::from_utf8(self.record()?.0).map_err(|_| CatalogDefect::Name)?;
        Ok(text.to_owned())
    }
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}
