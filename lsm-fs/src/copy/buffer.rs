//! Memory for transfers, aligned for direct I/O.

use crate::options::DIRECT_IO_UNIT;

/// A buffer that grows on demand.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    memory: Vec<u8>,
}

impl Buffer {
    /// Returns `len` bytes with arbitrary contents, aligned if the platform can align addresses.
    pub(super) fn bytes(&mut self, len: usize) -> &mut [u8] {
        if self.memory.len() < len + DIRECT_IO_UNIT {
            self.memory.resize(len + DIRECT_IO_UNIT, 0);
        }
        let start = self.memory.as_ptr().align_offset(DIRECT_IO_UNIT);
        // If the address cannot be aligned, transfers go through the page cache.
        let start = if start < DIRECT_IO_UNIT { start } else { 0 };
        let (_, aligned) = self.memory.split_at_mut(start);
        aligned.split_at_mut(len).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_aligned_and_keeps_its_bytes_until_it_grows() {
        let mut buffer = Buffer::default();
        for len in [1, 4_096, 100_000, 7] {
            buffer.bytes(len).fill(9);
            assert_eq!(buffer.bytes(len).len(), len);
            assert_eq!(buffer.bytes(len).as_ptr().align_offset(DIRECT_IO_UNIT), 0, "{len}");
            assert!(buffer.bytes(len).iter().all(|&b| b == 9), "{len}");
        }
    }
}
