//! Encodes and decodes the sections of a catalog, as specified in `FORMAT.md`.
//!
//! Sections are decoded one after the other, so that only one of them is in memory beside the catalog.

mod cursor;
mod v1;
mod v2;

use super::{CATALOG_FORMAT, Catalog, TakeMemory};
use crate::{CatalogDefect, CatalogFile, CatalogTree, FileKind, Method, layout};
use cursor::Cursor;

pub(super) use v2::encode;

/// The section that describes the other sections.
pub(super) const HEAD_SECTION: &str = "checkpoint";

/// The maximal length of an identity in format 1. The limit bounds the memory of a list of checkpoints, which holds the
/// identity of each.
const IDENTITY_MAX_1: usize = 255;

const KIND_TABLE: u8 = 0;
const KIND_BLOB: u8 = 1;
const KIND_OTHER: u8 = 2;
const KIND_METADATA: u8 = 3;

/// The reason to refuse a catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Format(u32),
    /// Required features that this version does not support.
    Features(u64),
    Defect(CatalogDefect),
}

impl From<CatalogDefect> for Refusal {
    fn from(defect: CatalogDefect) -> Self {
        Self::Defect(defect)
    }
}

/// A partly read catalog: the head was read, the other sections follow.
#[derive(Debug)]
pub(super) enum Decoder {
    V1(v1::Decoder),
    V2(v2::Decoder),
}

impl Decoder {
    pub(super) fn new(head: &[u8], take: TakeMemory<'_>) -> Result<Self, Refusal> {
        let mut from = Cursor::new(head);
        match from.u32()? {
            1 => Ok(Self::V1(v1::Decoder::new(from, take)?)),
            CATALOG_FORMAT => Ok(Self::V2(v2::Decoder::new(from)?)),
            format => Err(Refusal::Format(format)),
        }
    }

    /// Selects the sections of an archive to read, in reading order.
    pub(super) fn sections<'s>(&self, names: impl Iterator<Item = &'s str>) -> Vec<&'s str> {
        match self {
            Self::V1(_) => names.filter(|name| name.starts_with(v1::FILES_SECTION)).collect(),
            Self::V2(_) => v2::in_order(names),
        }
    }

    /// Decodes the payload of a section.
    pub(super) fn section(
        &mut self,
        name: &str,
        payload: &[u8],
        take: TakeMemory<'_>,
    ) -> Result<(), Refusal> {
        match self {
            Self::V1(decoder) => Ok(decoder.files(payload, take)?),
            Self::V2(decoder) => Ok(decoder.section(name, payload, take)?),
        }
    }

    /// Checks the catalog and returns it. Every returned catalog can be restored.
    pub(super) fn finish(self, take: TakeMemory<'_>) -> Result<Catalog, Refusal> {
        let catalog = match self {
            Self::V1(decoder) => decoder.finish(),
            Self::V2(decoder) => decoder.finish()?,
        };
        let has_identity = match catalog.format {
            1 => catalog.identity.len() <= IDENTITY_MAX_1,
            _ => layout::is_identity(&catalog.identity),
        };
        if !has_identity {
            return Err(CatalogDefect::Identity.into());
        }
        catalog.check(|_| true, take).map_err(|(_, defect)| defect)?;
        Ok(catalog)
    }
}

/// Reads the folders of a tree. The memory of each folder is taken before the next is read.
fn take_folders(
    from: &mut Cursor<'_>,
    tree: &mut CatalogTree,
    take: TakeMemory<'_>,
) -> Result<(), CatalogDefect> {
    take(tree.folder.len())?;
    for _ in 0..from.u32()? {
        let folder = from.text()?;
        take(tree.folder.len().saturating_add(folder.len()))?;
        tree.folders.push(folder);
    }
    Ok(())
}

/// Adds a file, and takes the memory of its whole path.
fn push_file(catalog: &mut Catalog, file: CatalogFile, take: TakeMemory<'_>) -> Result<(), CatalogDefect> {
    let tree = catalog.trees.get(file.tree_index()).map_or(0, |tree| tree.folder.len());
    take(tree.saturating_add(file.kind.folder().len()).saturating_add(file.name.len()))?;
    catalog.files.push(file);
    Ok(())
}

const fn kind_code(kind: &FileKind) -> u8 {
    match kind {
        FileKind::Table => KIND_TABLE,
        FileKind::Blob => KIND_BLOB,
        FileKind::Other(_) => KIND_OTHER,
        FileKind::Metadata => KIND_METADATA,
    }
}

/// Decodes a kind. The kind 2 is followed by its folder.
fn take_kind(code: u8, from: &mut Cursor<'_>) -> Result<FileKind, CatalogDefect> {
    match code {
        KIND_TABLE => Ok(FileKind::Table),
        KIND_BLOB => Ok(FileKind::Blob),
        KIND_OTHER => Ok(FileKind::other(from.text()?)),
        KIND_METADATA => Ok(FileKind::Metadata),
        code => Err(CatalogDefect::Code(code)),
    }
}

const fn method_code(method: Method) -> u8 {
    match method {
        Method::HardLink => 0,
        Method::BaseLink => 1,
        Method::Reflink => 2,
        Method::Copy => 3,
        Method::Written => 4,
    }
}

fn method_of(code: u8) -> Result<Method, CatalogDefect> {
    Method::ALL.into_iter().find(|&method| method_code(method) == code).ok_or(CatalogDefect::Code(code))
}

#[cfg(test)]
mod tests;
