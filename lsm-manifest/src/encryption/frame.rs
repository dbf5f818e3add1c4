//! The framed envelope and its additional authenticated data, as bytes.

use byteorder::{BigEndian, ByteOrder, LittleEndian};

use super::{BlockIdentity, CryptError};
use crate::format::{
    AAD_BLOCK_FLAGS_AT, AAD_BLOCK_TYPE_AT, AAD_COMPRESSION_AT, AAD_DICT_AT, AAD_EPOCH_AT, AAD_HEADER_BYTE_AT,
    AAD_LEN, AAD_SUITE_AT, AAD_TABLE_ID_AT, AAD_WINDOW_LOG_AT, BLOCK_FLAG_ENCRYPTED, FRAME_BLOCK_FLAGS_AT,
    FRAME_BLOCK_TYPE_AT, FRAME_BODY_LEN_AT, FRAME_BODY_MAGIC, FRAME_BODY_MAGIC_AT, FRAME_COMPRESSION_AT,
    FRAME_DICT_AT, FRAME_EPOCH_AT, FRAME_HEADER_BYTE, FRAME_HEADER_BYTE_AT, FRAME_METADATA_LEN,
    FRAME_METADATA_LEN_AT, FRAME_METADATA_MAGIC, FRAME_NONCE_AT, FRAME_OVERHEAD, FRAME_SUITE_AES_256_GCM,
    FRAME_SUITE_AT, FRAME_TAG_AT, FRAME_WINDOW_LOG_AT, NONCE_LEN, TAG_LEN,
};

/// The metadata in front of the ciphertext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frames {
    pub(super) epoch: u8,
    pub(super) nonce: [u8; NONCE_LEN],
    pub(super) tag: [u8; TAG_LEN],
}

impl Frames {
    /// Encodes everything in front of the ciphertext. Returns `None` if the ciphertext exceeds `u32::MAX` bytes.
    pub(super) fn encode(&self, identity: &BlockIdentity, body_len: usize) -> Option<[u8; FRAME_OVERHEAD]> {
        let mut out = [0; FRAME_OVERHEAD];
        out[..FRAME_METADATA_LEN_AT].copy_from_slice(&FRAME_METADATA_MAGIC);
        let metadata_len = u32::try_from(FRAME_METADATA_LEN).ok()?;
        LittleEndian::write_u32(&mut out[FRAME_METADATA_LEN_AT..], metadata_len);
        out[FRAME_HEADER_BYTE_AT] = FRAME_HEADER_BYTE;
        out[FRAME_EPOCH_AT] = self.epoch;
        out[FRAME_BLOCK_TYPE_AT] = identity.block_type.code();
        out[FRAME_SUITE_AT] = FRAME_SUITE_AES_256_GCM;
        out[FRAME_BLOCK_FLAGS_AT] = BLOCK_FLAG_ENCRYPTED;
        out[FRAME_NONCE_AT..FRAME_TAG_AT].copy_from_slice(&self.nonce);
        out[FRAME_TAG_AT..FRAME_BODY_MAGIC_AT].copy_from_slice(&self.tag);
        out[FRAME_BODY_MAGIC_AT..FRAME_BODY_LEN_AT].copy_from_slice(&FRAME_BODY_MAGIC);
        LittleEndian::write_u32(&mut out[FRAME_BODY_LEN_AT..], u32::try_from(body_len).ok()?);
        Some(out)
    }

    /// Decodes the bytes in front of the ciphertext.
    pub(super) fn decode(identity: &BlockIdentity, envelope: &[u8]) -> Result<Self, CryptError> {
        let (head, body) = envelope.split_first_chunk::<FRAME_OVERHEAD>().ok_or(CryptError::Malformed)?;
        let framed = head[..FRAME_METADATA_LEN_AT] == FRAME_METADATA_MAGIC
            && LittleEndian::read_u32(&head[FRAME_METADATA_LEN_AT..]) as usize == FRAME_METADATA_LEN
            && head[FRAME_HEADER_BYTE_AT] == FRAME_HEADER_BYTE
            && head[FRAME_BODY_MAGIC_AT..FRAME_BODY_LEN_AT] == FRAME_BODY_MAGIC
            && LittleEndian::read_u32(&head[FRAME_BODY_LEN_AT..]) as usize == body.len()
            && !body.is_empty();
        if !framed {
            return Err(CryptError::Malformed);
        }
        let suite = head[FRAME_SUITE_AT];
        if suite != FRAME_SUITE_AES_256_GCM {
            return Err(CryptError::UnknownSuite { suite });
        }
        // The tag authenticates the expected values, not the stored copies. Compare the copies, so that no byte of the
        // frame can change unnoticed.
        let expected = head[FRAME_BLOCK_TYPE_AT] == identity.block_type.code()
            && head[FRAME_COMPRESSION_AT] == 0
            && LittleEndian::read_u32(&head[FRAME_DICT_AT..]) == 0
            && head[FRAME_WINDOW_LOG_AT] == 0
            && head[FRAME_BLOCK_FLAGS_AT] == BLOCK_FLAG_ENCRYPTED;
        if !expected {
            return Err(CryptError::Rejected);
        }
        let mut frames = Self { epoch: head[FRAME_EPOCH_AT], nonce: [0; NONCE_LEN], tag: [0; TAG_LEN] };
        frames.nonce.copy_from_slice(&head[FRAME_NONCE_AT..FRAME_TAG_AT]);
        frames.tag.copy_from_slice(&head[FRAME_TAG_AT..FRAME_BODY_MAGIC_AT]);
        Ok(frames)
    }
}

/// Returns the additional authenticated data. A reader derives it from the type and the table that it expects, so it
/// cannot open a block of another type, or a block of a table.
pub(super) fn additional_data(identity: &BlockIdentity, epoch: u8) -> [u8; AAD_LEN] {
    let mut out = [0; AAD_LEN];
    out[..AAD_HEADER_BYTE_AT].copy_from_slice(&FRAME_METADATA_MAGIC);
    out[AAD_HEADER_BYTE_AT] = FRAME_HEADER_BYTE;
    out[AAD_EPOCH_AT] = epoch;
    out[AAD_BLOCK_TYPE_AT] = identity.block_type.code();
    out[AAD_SUITE_AT] = FRAME_SUITE_AES_256_GCM;
    BigEndian::write_u64(&mut out[AAD_TABLE_ID_AT..], identity.table_id);
    out[AAD_COMPRESSION_AT] = 0;
    BigEndian::write_u32(&mut out[AAD_DICT_AT..], 0);
    out[AAD_WINDOW_LOG_AT] = 0;
    out[AAD_BLOCK_FLAGS_AT] = BLOCK_FLAG_ENCRYPTED;
    out
}
