//! Memory for transfers, at an address that suits direct ones.

use crate::options::DIRECT_IO_UNIT;

/// One buffer, which grows to what is asked of it.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    memory: Vec<u8>,
}

impl Buffer {
    /// The first `len` bytes, with what was left in them, aligned where the platform can tell.
    pub(super) fn bytes(&mut self, len: usize) -> &mut [u8] {
        if self.memory.len() < len + DIRECT_IO_UNIT {
            self.memory.resize(len + DIRECT_IO_UNIT, 0);
        }
        let start = self.memory.as_ptr().align_offset(DIRECT_IO_UNIT);
        // An address that cannot be aligned serves buffered transfers as it is.
        let start = if start < DIRECT_IO_UNIT { start } else { 0 };
        self.memory.get_mut(start..).and_then(|rest| rest.get_mut(..len)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_aligned_and_keeps_its_bytes_while_it_need_not_grow() {
        let mut buffer = Buffer::default();
        for len in [1, 4_096, 100_000, 7] {
            buffer.bytes(len).fill(9);
            assert_eq!(buffer.bytes(len).len(), len);
            assert_eq!(buffer.bytes(len).as_ptr().align_offset(DIRECT_IO_UNIT), 0, "{len}");
            assert!(buffer.bytes(len).iter().all(|&b| b == 9), "{len}");
        }
    }
}
