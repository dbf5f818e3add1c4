//! A checksummed block as bytes: header, payload, parity.

use byteorder::{ByteOrder, LittleEndian};
use xxhash_rust::xxh3::xxh3_128;

pub use crate::block_type::BlockType;
use crate::{
    defect::{Damage, Defect},
    ecc,
    format::{
        BLOCK_CHECKSUM_AT, BLOCK_DATA_LEN_AT, BLOCK_FLAG_ENCRYPTED, BLOCK_FLAG_PARITY, BLOCK_FLAGS_AT,
        BLOCK_FLAGS_KNOWN, BLOCK_HEADER_CHECKSUM_AT, BLOCK_HEADER_LEN, BLOCK_MAGIC, BLOCK_MAGIC_AT,
        BLOCK_PLAIN_LEN_AT, BLOCK_TYPE_AT,
    },
};

/// The header of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    /// The contents of the block.
    pub block_type: BlockType,
    /// Parity follows the payload.
    pub parity: bool,
    /// The payload is sealed (encrypted).
    pub encrypted: bool,
    /// XXH3-128 of the payload as stored, that is, after sealing.
    pub checksum: u128,
    /// Length of the payload as stored, without parity.
    pub data_len: u32,
    /// Length of the payload before sealing.
    pub plain_len: u32,
}

impl BlockHeader {
    /// Encodes the header.
    #[must_use]
    pub fn encode(&self) -> [u8; BLOCK_HEADER_LEN] {
        let mut out = [0; BLOCK_HEADER_LEN];
        out[BLOCK_MAGIC_AT..BLOCK_TYPE_AT].copy_from_slice(&BLOCK_MAGIC);
        out[BLOCK_TYPE_AT] = self.block_type.code();
        out[BLOCK_FLAGS_AT] =
            flag(self.parity, BLOCK_FLAG_PARITY) | flag(self.encrypted, BLOCK_FLAG_ENCRYPTED);
        LittleEndian::write_u128(&mut out[BLOCK_CHECKSUM_AT..], self.checksum);
        LittleEndian::write_u32(&mut out[BLOCK_DATA_LEN_AT..], self.data_len);
        LittleEndian::write_u32(&mut out[BLOCK_PLAIN_LEN_AT..], self.plain_len);
        let own = header_checksum(&out);
        LittleEndian::write_u32(&mut out[BLOCK_HEADER_CHECKSUM_AT..], own);
        out
    }

    /// Decodes a header that must have the type `expected`.
    ///
    /// # Errors
    ///
    /// Returns the first problem found, with its offset from the start of the block.
    pub fn decode(bytes: &[u8; BLOCK_HEADER_LEN], expected: BlockType) -> Result<Self, Damage> {
        if bytes[BLOCK_MAGIC_AT..BLOCK_TYPE_AT] != BLOCK_MAGIC {
            return Err(damage(BLOCK_MAGIC_AT, Defect::Magic));
        }
        if LittleEndian::read_u32(&bytes[BLOCK_HEADER_CHECKSUM_AT..]) != header_checksum(bytes) {
            return Err(damage(BLOCK_HEADER_CHECKSUM_AT, Defect::HeaderChecksum));
        }
        let found = bytes[BLOCK_TYPE_AT];
        if found != expected.code() {
            return Err(damage(BLOCK_TYPE_AT, Defect::BlockType { expected, found }));
        }
        let flags = bytes[BLOCK_FLAGS_AT];
        if flags & !BLOCK_FLAGS_KNOWN != 0 {
            return Err(damage(BLOCK_FLAGS_AT, Defect::BlockFlags { found: flags }));
        }
        let header = Self {
            block_type: expected,
            parity: flags & BLOCK_FLAG_PARITY != 0,
            encrypted: flags & BLOCK_FLAG_ENCRYPTED != 0,
            checksum: LittleEndian::read_u128(&bytes[BLOCK_CHECKSUM_AT..]),
            data_len: LittleEndian::read_u32(&bytes[BLOCK_DATA_LEN_AT..]),
            plain_len: LittleEndian::read_u32(&bytes[BLOCK_PLAIN_LEN_AT..]),
        };
        let lengths_agree = if header.encrypted {
            header.plain_len <= header.data_len
        } else {
            header.plain_len == header.data_len
        };
        if !lengths_agree {
            return Err(damage(BLOCK_PLAIN_LEN_AT, Defect::PlainLength));
        }
        Ok(header)
    }

    /// Returns the length of the parity behind the payload.
    pub(crate) fn parity_len(&self) -> u64 {
        if self.parity { ecc::parity_len(u64::from(self.data_len)) } else { 0 }
    }

    /// Returns the length of the whole block: header, payload and parity.
    #[must_use]
    pub fn block_len(&self) -> u64 {
        BLOCK_HEADER_LEN as u64 + u64::from(self.data_len) + self.parity_len()
    }

    /// Verifies the bytes behind the header, repairs them from parity if necessary, and truncates `body` to the
    /// payload.
    ///
    /// Returns `true` if the payload had to be repaired.
    ///
    /// # Errors
    ///
    /// The payload does not match its checksum and parity cannot restore it, or the length of `body` differs from the
    /// length in the header. The offset in the error counts from the start of the block.
    pub fn restore(&self, body: &mut Vec<u8>) -> Result<bool, Damage> {
        let at = |what| Damage::new(BLOCK_HEADER_LEN as u64, what);
        let data_len = usize::try_from(self.data_len).map_err(|_| at(Defect::BlockLength))?;
        if BLOCK_HEADER_LEN as u64 + body.len() as u64 != self.block_len() {
            return Err(at(Defect::BlockLength));
        }
        let payload = body.get(..data_len).ok_or(at(Defect::BlockLength))?;
        let damaged = xxh3_128(payload) != self.checksum;
        if damaged {
            if !self.parity {
                return Err(at(Defect::PayloadChecksum));
            }
            let beyond = if ecc::HAS_CODEC { Defect::BeyondParity } else { Defect::ParityUnused };
            ecc::heal(body, data_len, self.checksum).ok_or(at(beyond))?;
        }
        body.truncate(data_len);
        Ok(damaged)
    }
}

/// Properties of a block other than its payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockForm {
    pub(crate) block_type: BlockType,
    pub(crate) parity: bool,
    pub(crate) encrypted: bool,
    /// Length of the payload before sealing.
    pub(crate) plain_len: u32,
}

impl BlockForm {
    /// Builds the header for this payload. Returns `None` if the payload exceeds `u32::MAX` bytes.
    pub(crate) fn header_of(self, payload: &[u8]) -> Option<BlockHeader> {
        let Self { block_type, parity, encrypted, plain_len } = self;
        let data_len = u32::try_from(payload.len()).ok()?;
        // An empty payload has no parity, so the flag must be clear.
        let parity = parity && data_len > 0;
        Some(BlockHeader { block_type, parity, encrypted, checksum: xxh3_128(payload), data_len, plain_len })
    }
}

/// Completes the block that starts at `start` and ends with `bytes`: fills in the header, for which room was left in
/// front of the payload, and appends the parity.
///
/// Returns `None` if the payload exceeds `u32::MAX` bytes or if there is no room for the header.
pub(crate) fn complete(form: BlockForm, bytes: &mut Vec<u8>, start: usize) -> Option<BlockHeader> {
    let (head, payload) = bytes.get_mut(start..)?.split_first_chunk_mut()?;
    let header = form.header_of(payload)?;
    *head = header.encode();
    if header.parity {
        ecc::append_parity(bytes, start + BLOCK_HEADER_LEN)?;
    }
    Some(header)
}

/// Encodes a block.
fn encode(form: BlockForm, payload: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(BLOCK_HEADER_LEN + payload.len());
    bytes.resize(BLOCK_HEADER_LEN, 0);
    bytes.extend_from_slice(payload);
    complete(form, &mut bytes, 0)?;
    Some(bytes)
}

/// A verified block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DecodedBlock {
    pub(crate) header: BlockHeader,
    pub(crate) payload: Vec<u8>,
    pub(crate) healed: bool,
}

impl DecodedBlock {
    /// Encodes the block as the writer produced it. The block on disk (`slot`) can differ even if its payload is good,
    /// because its parity may be damaged. A build without the feature `parity` cannot recompute the parity and returns
    /// `slot`.
    pub(crate) fn as_written(&self, slot: &[u8]) -> Vec<u8> {
        let BlockHeader { block_type, plain_len, parity, encrypted, .. } = self.header;
        let form = BlockForm { block_type, parity, encrypted, plain_len };
        encode(form, &self.payload).unwrap_or_else(|| slot.to_vec())
    }
}

/// Decodes and verifies a block that must fill `slot` exactly.
pub(crate) fn decode(slot: &[u8], expected: BlockType) -> Result<DecodedBlock, Damage> {
    let (head, body) = slot.split_first_chunk().ok_or(Damage::new(0, Defect::BlockLength))?;
    let header = BlockHeader::decode(head, expected)?;
    if header.block_len() != slot.len() as u64 {
        return Err(damage(BLOCK_DATA_LEN_AT, Defect::BlockLength));
    }
    let mut payload = body.to_vec();
    let healed = header.restore(&mut payload)?;
    Ok(DecodedBlock { header, payload, healed })
}

fn header_checksum(header: &[u8; BLOCK_HEADER_LEN]) -> u32 {
    let mut low = [0; 16];
    LittleEndian::write_u128(&mut low, xxh3_128(&header[..BLOCK_HEADER_CHECKSUM_AT]));
    LittleEndian::read_u32(&low)
}

const fn flag(on: bool, bit: u8) -> u8 {
    if on { bit } else { 0 }
}

const fn damage(at: usize, what: Defect) -> Damage {
    Damage::new(at as u64, what)
}

#[cfg(test)]
mod tests;
