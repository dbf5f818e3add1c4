//! The layout on disk: magic numbers, offsets, sizes and limits. `FORMAT.md` describes the same layout in words.
//!
//! Integers are little-endian, except the ids in a frame and in its additional authenticated data. An offset named
//! `X_AT` counts from the start of its structure.

/// Version of the archive layout that this crate reads and writes. There is no other.
pub const LAYOUT_VERSION: u8 = 1;

// Block: header, payload, parity.

/// First bytes of every block.
pub const BLOCK_MAGIC: [u8; 4] = *b"LSM\x04";
/// Block type of a section.
pub const BLOCK_TYPE_MANIFEST: u8 = 5;
/// Block type of the table of contents.
pub const BLOCK_TYPE_FOOTER: u8 = 6;
/// Flag: parity follows the payload.
pub const BLOCK_FLAG_PARITY: u8 = 0b0010;
/// Flag: the payload is sealed.
pub const BLOCK_FLAG_ENCRYPTED: u8 = 0b1000;
/// All flags that a block of an archive may have. Other bits are refused.
pub const BLOCK_FLAGS_KNOWN: u8 = BLOCK_FLAG_PARITY | BLOCK_FLAG_ENCRYPTED;

/// Length of a block header.
pub const BLOCK_HEADER_LEN: usize = 34;
pub(crate) const BLOCK_MAGIC_AT: usize = 0;
pub(crate) const BLOCK_TYPE_AT: usize = 4;
pub(crate) const BLOCK_FLAGS_AT: usize = 5;
pub(crate) const BLOCK_CHECKSUM_AT: usize = 6;
pub(crate) const BLOCK_DATA_LEN_AT: usize = 22;
pub(crate) const BLOCK_PLAIN_LEN_AT: usize = 26;
pub(crate) const BLOCK_HEADER_CHECKSUM_AT: usize = 30;

/// Number of data shards that a payload is split into for parity.
pub const PARITY_DATA_SHARDS: usize = 4;
/// Number of parity shards behind a payload, which is also the number of damaged shards that can be restored.
pub const PARITY_SHARDS: usize = 2;

// Archive: head, sections, footer block, size hint.

/// Length of the head, the space at the start of the file that holds the mirror or zeros.
pub const HEAD_LEN: usize = 4096;
/// Maximum length of a footer block.
pub const FOOTER_BLOCK_MAX: u32 = 4096;
/// Maximum length of a section block.
pub const SECTION_BLOCK_MAX: u32 = 16 * 1024 * 1024;
/// Length of the size hint at the end of the file.
pub const SIZE_HINT_LEN: usize = 4;
/// Maximum length of a section name, in bytes.
pub const SECTION_NAME_MAX: usize = 64;

// Footer payload: version, flags, count, entries.

/// Flag: the head holds a copy of the footer block.
pub const FOOTER_FLAG_MIRROR: u8 = 0b0001;
pub(crate) const FOOTER_VERSION_AT: usize = 0;
pub(crate) const FOOTER_FLAGS_AT: usize = 1;
pub(crate) const FOOTER_COUNT_AT: usize = 2;
pub(crate) const FOOTER_FIXED_LEN: usize = 4;
/// Length of the field that holds the length of an entry's name.
pub(crate) const ENTRY_NAME_LEN_LEN: usize = 2;
/// Length of the fields behind an entry's name.
pub(crate) const ENTRY_TAIL_LEN: usize = 28;
pub(crate) const ENTRY_OFFSET_AT: usize = 0;
pub(crate) const ENTRY_SIZE_AT: usize = 8;
pub(crate) const ENTRY_CHECKSUM_AT: usize = 12;

// CURRENT.

/// Length of a CURRENT file.
pub const CURRENT_LEN: usize = 25;
pub(crate) const CURRENT_VERSION_AT: usize = 0;
pub(crate) const CURRENT_DIGEST_AT: usize = 8;
pub(crate) const CURRENT_CHECKSUM_TYPE_AT: usize = 24;
/// Number of the checksum type XXH3-128. There is no other.
pub const CHECKSUM_TYPE_XXH3: u8 = 0;

// Digest input: version, layout version, footer flags, count, entries.

/// Length of the digest's input before the entries.
pub(crate) const DIGEST_FIXED_LEN: usize = 14;

// Sealed payloads.

/// Length of an AES-GCM nonce.
pub const NONCE_LEN: usize = 12;
/// Length of an AES-GCM tag.
pub const TAG_LEN: usize = 16;
/// Table id of all blocks in a manifest, part of the identity that sealed payloads are bound to.
pub const MANIFEST_TABLE_ID: u64 = u64::MAX;

/// First bytes of the metadata frame, and of the additional authenticated data.
pub const FRAME_METADATA_MAGIC: [u8; 4] = [0x50, 0x2A, 0x4D, 0x18];
/// First bytes of the ciphertext frame.
pub const FRAME_BODY_MAGIC: [u8; 4] = [0x51, 0x2A, 0x4D, 0x18];
/// First byte of the metadata.
pub const FRAME_HEADER_BYTE: u8 = 0x10;
/// Number of the cipher AES-256-GCM.
pub const FRAME_SUITE_AES_256_GCM: u8 = 2;
pub(crate) const FRAME_METADATA_LEN: usize = 39;
/// Length of both frames, without the ciphertext.
pub(crate) const FRAME_OVERHEAD: usize = 55;
pub(crate) const FRAME_METADATA_LEN_AT: usize = 4;
pub(crate) const FRAME_HEADER_BYTE_AT: usize = 8;
pub(crate) const FRAME_EPOCH_AT: usize = 9;
pub(crate) const FRAME_BLOCK_TYPE_AT: usize = 10;
pub(crate) const FRAME_SUITE_AT: usize = 11;
pub(crate) const FRAME_COMPRESSION_AT: usize = 12;
pub(crate) const FRAME_DICT_AT: usize = 13;
pub(crate) const FRAME_WINDOW_LOG_AT: usize = 17;
pub(crate) const FRAME_BLOCK_FLAGS_AT: usize = 18;
pub(crate) const FRAME_NONCE_AT: usize = 19;
pub(crate) const FRAME_TAG_AT: usize = 31;
pub(crate) const FRAME_BODY_MAGIC_AT: usize = 47;
pub(crate) const FRAME_BODY_LEN_AT: usize = 51;
pub(crate) const AAD_LEN: usize = 23;
pub(crate) const AAD_HEADER_BYTE_AT: usize = 4;
pub(crate) const AAD_EPOCH_AT: usize = 5;
pub(crate) const AAD_BLOCK_TYPE_AT: usize = 6;
pub(crate) const AAD_SUITE_AT: usize = 7;
pub(crate) const AAD_TABLE_ID_AT: usize = 8;
pub(crate) const AAD_COMPRESSION_AT: usize = 16;
pub(crate) const AAD_DICT_AT: usize = 17;
pub(crate) const AAD_WINDOW_LOG_AT: usize = 21;
pub(crate) const AAD_BLOCK_FLAGS_AT: usize = 22;

const _: () = {
    assert!(BLOCK_TYPE_AT == BLOCK_MAGIC_AT + 4);
    assert!(BLOCK_FLAGS_AT == BLOCK_TYPE_AT + 1);
    assert!(BLOCK_CHECKSUM_AT == BLOCK_FLAGS_AT + 1);
    assert!(BLOCK_DATA_LEN_AT == BLOCK_CHECKSUM_AT + 16);
    assert!(BLOCK_PLAIN_LEN_AT == BLOCK_DATA_LEN_AT + 4);
    assert!(BLOCK_HEADER_CHECKSUM_AT == BLOCK_PLAIN_LEN_AT + 4);
    assert!(BLOCK_HEADER_LEN == BLOCK_HEADER_CHECKSUM_AT + 4);
    assert!(BLOCK_FLAG_PARITY & BLOCK_FLAG_ENCRYPTED == 0);

    // The mirror must fit into the head.
    assert!(FOOTER_BLOCK_MAX as usize <= HEAD_LEN);
    assert!(FOOTER_FLAGS_AT == FOOTER_VERSION_AT + 1);
    assert!(FOOTER_COUNT_AT == FOOTER_FLAGS_AT + 1);
    assert!(FOOTER_FIXED_LEN == FOOTER_COUNT_AT + 2);
    assert!(ENTRY_SIZE_AT == ENTRY_OFFSET_AT + 8);
    assert!(ENTRY_CHECKSUM_AT == ENTRY_SIZE_AT + 4);
    assert!(ENTRY_TAIL_LEN == ENTRY_CHECKSUM_AT + 16);

    assert!(CURRENT_DIGEST_AT == CURRENT_VERSION_AT + 8);
    assert!(CURRENT_CHECKSUM_TYPE_AT == CURRENT_DIGEST_AT + 16);
    assert!(CURRENT_LEN == CURRENT_CHECKSUM_TYPE_AT + 1);
    assert!(DIGEST_FIXED_LEN == 8 + 1 + 1 + 4);

    assert!(FRAME_METADATA_LEN_AT == FRAME_METADATA_MAGIC.len());
    assert!(FRAME_HEADER_BYTE_AT == FRAME_METADATA_LEN_AT + 4);
    assert!(FRAME_EPOCH_AT == FRAME_HEADER_BYTE_AT + 1);
    assert!(FRAME_BLOCK_TYPE_AT == FRAME_EPOCH_AT + 1);
    assert!(FRAME_SUITE_AT == FRAME_BLOCK_TYPE_AT + 1);
    assert!(FRAME_COMPRESSION_AT == FRAME_SUITE_AT + 1);
    assert!(FRAME_DICT_AT == FRAME_COMPRESSION_AT + 1);
    assert!(FRAME_WINDOW_LOG_AT == FRAME_DICT_AT + 4);
    assert!(FRAME_BLOCK_FLAGS_AT == FRAME_WINDOW_LOG_AT + 1);
    assert!(FRAME_NONCE_AT == FRAME_BLOCK_FLAGS_AT + 1);
    assert!(FRAME_TAG_AT == FRAME_NONCE_AT + NONCE_LEN);
    assert!(FRAME_BODY_MAGIC_AT == FRAME_TAG_AT + TAG_LEN);
    assert!(FRAME_METADATA_LEN == FRAME_BODY_MAGIC_AT - FRAME_HEADER_BYTE_AT);
    assert!(FRAME_BODY_LEN_AT == FRAME_BODY_MAGIC_AT + FRAME_BODY_MAGIC.len());
    assert!(FRAME_OVERHEAD == FRAME_BODY_LEN_AT + 4);
    assert!(AAD_HEADER_BYTE_AT == FRAME_METADATA_MAGIC.len());
    assert!(AAD_EPOCH_AT == AAD_HEADER_BYTE_AT + 1);
    assert!(AAD_BLOCK_TYPE_AT == AAD_EPOCH_AT + 1);
    assert!(AAD_SUITE_AT == AAD_BLOCK_TYPE_AT + 1);
    assert!(AAD_TABLE_ID_AT == AAD_SUITE_AT + 1);
    assert!(AAD_COMPRESSION_AT == AAD_TABLE_ID_AT + 8);
    assert!(AAD_DICT_AT == AAD_COMPRESSION_AT + 1);
    assert!(AAD_WINDOW_LOG_AT == AAD_DICT_AT + 4);
    assert!(AAD_BLOCK_FLAGS_AT == AAD_WINDOW_LOG_AT + 1);
    assert!(AAD_LEN == AAD_BLOCK_FLAGS_AT + 1);
};
