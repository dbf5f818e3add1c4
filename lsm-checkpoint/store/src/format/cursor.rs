//! [`Cursor`]: reads fields from the front of a section, and functions that write them.

use crate::defect::Defect;

/// The unread bytes. Integers are little-endian. Texts and records are preceded by their length. Nothing is allocated
/// for a length that exceeds the bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], Defect> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Defect::Section)?;
        self.0 = rest;
        Ok(*bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Defect> {
        self.take().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Defect> {
        self.take().map(u64::from_le_bytes)
    }

    /// Takes a value if a bit of the flags is set.
    pub(super) fn optional<T>(
        &mut self,
        is_set: bool,
        take: impl FnOnce(&mut Self) -> Result<T, Defect>,
    ) -> Result<Option<T>, Defect> {
        is_set.then(|| take(self)).transpose()
    }

    /// Returns a cursor over the bytes of a record.
    pub(super) fn record(&mut self) -> Result<Self, Defect> {
        let len = usize::try_from(self.u32()?).map_err(|_| Defect::Section)?;
        let (record, rest) = self.0.split_at_checked(len).ok_or(Defect::Section)?;
        self.0 = rest;
        Ok(Self(record))
    }

    /// Takes a text of at most `max` bytes without control characters.
    pub(super) fn text(&mut self, max: usize) -> Result<String, Defect> {
        let text = std::str::from_utf8(self.record()?.0).map_err(|_| Defect::Name)?;
        if text.len() > max || text.chars().any(char::is_control) {
            return Err(Defect::Name);
        }
        Ok(text.to_owned())
    }
}

pub(super) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

/// Appends a record: the length of its fields, and the fields.
pub(super) fn put_record(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut record = Vec::new();
    fill(&mut record);
    put_bytes(out, &record);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    debug_assert!(u32::try_from(bytes.len()).is_ok(), "no text or record comes near 4 GiB");
    put_u32(out, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(bytes);
}
