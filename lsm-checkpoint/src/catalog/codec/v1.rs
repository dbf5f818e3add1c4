//! Format 1, which is only read.

use std::time::Duration;

use super::{Cursor, Refusal, TakeMemory, method_of, push_file, take_folders, take_kind};
use crate::{Catalog, CatalogDefect, CatalogFile, CatalogTree, FileKind, Method};

/// The prefix of a section of files, followed by a number.
pub(super) const FILES_SECTION: &str = "files.";

const HAS_CHECKSUM: u8 = 0b1000_0000;

#[derive(Debug)]
pub(crate) struct Decoder(Catalog);

impl Decoder {
    /// Decodes the head after its format number.
    pub(super) fn new(mut from: Cursor<'_>, take: TakeMemory<'_>) -> Result<Self, Refusal> {
        let identity = from.text()?;
        // Writers of this format stored 0 both for a tree without a write and for a write with number 0. If 0 is read
        // as unknown, a replay repeats a write at worst. If it were read as a write, a replay could lose one.
        let seqno = Some(from.u64()?).filter(|&seqno| seqno != 0);
        let created = Duration::from_millis(from.u64()?);
        let mut trees = Vec::new();
        while !from.is_empty() {
            let folder = from.text()?;
            let version_id = from.u64()?;
            let mut tree = CatalogTree { folder, version_id, folders: Vec::new() };
            take_folders(&mut from, &mut tree, take)?;
            trees.push(tree);
        }
        Ok(Self(Catalog {
            format: 1,
            identity,
            seqno,
            created,
            trees,
            files: Vec::new(),
            attributes: Vec::new(),
        }))
    }

    pub(super) fn files(&mut self, part: &[u8], take: TakeMemory<'_>) -> Result<(), CatalogDefect> {
        let mut from = Cursor::new(part);
        while !from.is_empty() {
            push_file(&mut self.0, take_file(&mut from)?, take)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Catalog {
        self.0
    }
}

fn take_file(from: &mut Cursor<'_>) -> Result<CatalogFile, CatalogDefect> {
    let tree = from.u32()?;
    let [kind, how] = from.take()?;
    let method = method_of(how & !HAS_CHECKSUM)?;
    let kind = take_kind(kind, from)?;
    let name = from.text()?;
    let len = from.u64()?;
    let checksum = (how & HAS_CHECKSUM != 0).then(|| from.take().map(u128::from_le_bytes)).transpose()?;
    let linkable = is_linkable(&kind, method);
    Ok(CatalogFile { checksum, linkable, ..CatalogFile::new(tree, kind, name, len, method) })
}

/// Format 1 does not record which files may be shared. Tables and blob files may. A file of another kind that was
/// copied may be a log that the engine appends to after a restore, so it may not.
const fn is_linkable(kind: &FileKind, method: Method) -> bool {
    match kind {
        FileKind::Table | FileKind::Blob => true,
        FileKind::Metadata => false,
        FileKind::Other(_) => !matches!(method, Method::Copy | Method::Written),
    }
}
