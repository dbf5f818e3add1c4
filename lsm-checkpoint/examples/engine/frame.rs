//! Frames: bytes with their length and checksum. A log and a table are sequences of frames.
//!
//! This file uses none of the crates, because the bytes of a log and a table are the engine's own. Without the
//! checksum, a record that a power cut tore would be read as a value that was never written.

use xxhash_rust::xxh3::xxh3_64;

/// Appends a frame.
pub(crate) fn put_frame(out: &mut Vec<u8>, body: &[u8]) {
    out.extend(xxh3_64(body).to_le_bytes());
    put_bytes(out, body);
}

/// Takes the body of the next frame. Returns `None` at the end of the bytes, or if no complete frame with the right
/// checksum follows.
pub(crate) fn take_frame<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let checksum = take_u64(from)?;
    take_bytes(from).filter(|body| xxh3_64(body) == checksum)
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u64).to_le_bytes());
    out.extend(bytes);
}

pub(crate) fn take_bytes<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(take_u64(from)?).ok()?;
    let (head, rest) = from.split_at_checked(len)?;
    *from = rest;
    Some(head)
}

pub(crate) fn take_u64(from: &mut &[u8]) -> Option<u64> {
    take(from).map(u64::from_le_bytes)
}

pub(crate) fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*head)
}
