//! The references of a catalog: the objects that hold the bytes of its files. A collector reads only this part.

use lsm_manifest::{
    block::{BlockHeader, BlockType},
    format::BLOCK_HEADER_LEN,
};

use super::{
    Sha256,
    archive::{Section, Sections},
    cursor::{Cursor, put_u64},
    sha256,
};
use crate::{
    defect::Defect,
    id::{Nonce, WriterId},
    key::ObjectName,
};

pub(super) const REFS: &str = "refs";

/// The length of a reference.
pub(super) const REF_LEN: usize = 40;

/// An object with the bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectRef {
    /// The name of the object.
    pub name: ObjectName,
    /// Its length.
    pub len: u64,
}

/// The place of the references in a catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefsPlace {
    /// The offset of their first block.
    pub offset: u64,
    /// The length of their blocks.
    pub len: u64,
    /// The SHA-256 of their blocks. Without it, damaged references could make a collector delete live data.
    pub sha256: Sha256,
}

impl RefsPlace {
    /// Decodes the blocks at this place.
    ///
    /// # Errors
    ///
    /// The bytes do not match the SHA-256, or are no references.
    pub fn decode(&self, bytes: &[u8]) -> Result<Vec<ObjectRef>, Defect> {
        if bytes.len() as u64 != self.len {
            return Err(Defect::Length { expected: self.len, found: bytes.len() as u64 });
        }
        if sha256(bytes) != self.sha256 {
            return Err(Defect::Digest);
        }
        let (mut refs, mut rest) = (Vec::new(), bytes);
        while let Some((header, behind)) = rest.split_first_chunk::<BLOCK_HEADER_LEN>() {
            let header = BlockHeader::decode(header, BlockType::Manifest).map_err(|_| Defect::Section)?;
            let len =
                usize::try_from(header.block_len()).ok().and_then(|len| len.checked_sub(BLOCK_HEADER_LEN));
            let (block, behind) = len.and_then(|len| behind.split_at_checked(len)).ok_or(Defect::Section)?;
            decode(block, &mut refs)?;
            rest = behind;
        }
        if rest.is_empty() { Ok(refs) } else { Err(Defect::Section) }
    }
}

pub(super) fn encode(refs: &[ObjectRef]) -> Vec<Section> {
    let mut sections = Sections::new(REFS);
    for ObjectRef { name, len } in refs {
        let mut bytes = Vec::with_capacity(REF_LEN);
        bytes.extend_from_slice(&name.writer.0);
        bytes.extend_from_slice(&name.nonce.0);
        put_u64(&mut bytes, *len);
        sections.push(&bytes);
    }
    sections.finish()
}

/// Decodes the payload of a section.
pub(super) fn decode(payload: &[u8], refs: &mut Vec<ObjectRef>) -> Result<(), Defect> {
    let mut from = Cursor::new(payload);
    while !from.is_empty() {
        let name = ObjectName { writer: WriterId(from.take()?), nonce: Nonce(from.take()?) };
        refs.push(ObjectRef { name, len: from.u64()? });
    }
    Ok(())
}
