//! The sections of a catalog, bytes to bytes. Integers are little-endian, texts have their length in front.

use std::{collections::HashSet, time::Duration};

use super::{CATALOG_FILE, CATALOG_FORMAT, Catalog, CatalogFile, CatalogTree};
use crate::{CatalogDefect, FileKind, Method};

/// Format, identity, sequence number, time, trees.
pub(super) const HEAD_SECTION: &str = "checkpoint";
/// The files; a number follows.
pub(super) const FILES_SECTION: &str = "files.";

/// A section of files is closed when it is this long: well below what a section can hold.
const PART_BYTES: usize = 8 << 20;

/// Lists of checkpoints hold the identity of each.
const IDENTITY_MAX: usize = 1024;

const KIND_TABLE: u8 = 0;
const KIND_BLOB: u8 = 1;
const KIND_OTHER: u8 = 2;
const KIND_METADATA: u8 = 3;

const HAS_CHECKSUM: u8 = 0b1000_0000;

/// Why bytes are no catalog.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Format(u32),
    Defect(CatalogDefect),
}

impl From<CatalogDefect> for Refusal {
    fn from(defect: CatalogDefect) -> Self {
        Self::Defect(defect)
    }
}

pub(super) fn encode_head(catalog: &Catalog) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&CATALOG_FORMAT.to_le_bytes());
    put_text(&mut out, &catalog.identity);
    out.extend_from_slice(&catalog.seqno.to_le_bytes());
    let millis = u64::try_from(catalog.created.as_millis()).unwrap_or(u64::MAX);
    out.extend_from_slice(&millis.to_le_bytes());
    for tree in &catalog.trees {
        put_text(&mut out, &tree.folder);
        out.extend_from_slice(&tree.version_id.to_le_bytes());
        let folders = u32::try_from(tree.folders.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&folders.to_le_bytes());
        for folder in &tree.folders {
            put_text(&mut out, folder);
        }
    }
    out
}

/// The sections of files, in order; each ends with a whole record.
pub(super) fn encode_files(catalog: &Catalog) -> Vec<Vec<u8>> {
    let mut parts = vec![Vec::new()];
    for file in &catalog.files {
        if parts.last().is_none_or(|part| part.len() >= PART_BYTES) {
            parts.push(Vec::new());
        }
        if let Some(part) = parts.last_mut() {
            put_file(part, file);
        }
    }
    parts
}

/// Takes the memory of a name, whose text is so long, from what a catalog may take.
pub(super) type Take<'t> = &'t mut dyn FnMut(usize) -> Result<(), CatalogDefect>;

/// A catalog without its files.
pub(super) fn decode_head(head: &[u8], take: Take<'_>) -> Result<Catalog, Refusal> {
    let mut from = Cursor(head);
    let format = from.u32()?;
    if format != CATALOG_FORMAT {
        return Err(Refusal::Format(format));
    }
    let identity = from.text()?;
    check_identity(&identity)?;
    let seqno = from.u64()?;
    let created = Duration::from_millis(from.u64()?);
    let mut trees = Vec::new();
    while !from.0.is_empty() {
        let folder = from.text()?;
        if !folder.is_empty() {
            check_component(&folder)?;
        }
        take(folder.len())?;
        let version_id = from.u64()?;
        let mut folders = Vec::new();
        for _ in 0..from.u32()? {
            let folder = from.component()?;
            take(folder.len())?;
            folders.push(folder);
        }
        trees.push(CatalogTree { folder, version_id, folders });
    }
    Ok(Catalog { identity, seqno, created, trees, files: Vec::new() })
}

/// Adds a section of files.
pub(super) fn decode_files(catalog: &mut Catalog, part: &[u8], take: Take<'_>) -> Result<(), CatalogDefect> {
    let mut from = Cursor(part);
    while !from.0.is_empty() {
        let file = take_file(&mut from, catalog.trees.len())?;
        take(file.name.len().saturating_add(file.kind.folder().len()))?;
        catalog.files.push(file);
    }
    Ok(())
}

pub(super) fn check_identity(identity: &str) -> Result<(), CatalogDefect> {
    if identity.len() > IDENTITY_MAX { Err(CatalogDefect::Identity) } else { Ok(()) }
}

/// Whether a catalog is a possible one, as a whole.
pub(super) fn check(catalog: &Catalog) -> Result<(), CatalogDefect> {
    if !catalog.files.is_sorted_by_key(|file| file.tree) {
        return Err(CatalogDefect::Order);
    }
    check_unique(catalog)
}

fn check_unique(catalog: &Catalog) -> Result<(), CatalogDefect> {
    let mut seen = HashSet::with_capacity(catalog.files.len());
    for file in &catalog.files {
        let catalogs_own =
            file.kind == FileKind::Metadata && file.name == CATALOG_FILE && is_at_root(catalog, file.tree);
        if catalogs_own || !seen.insert((file.tree, file.kind.folder(), file.name.as_str())) {
            return Err(CatalogDefect::Duplicate);
        }
    }
    let mut folders = HashSet::new();
    if catalog.trees.iter().all(|tree| folders.insert(tree.folder.as_str())) {
        Ok(())
    } else {
        Err(CatalogDefect::Duplicate)
    }
}

fn is_at_root(catalog: &Catalog, tree: u32) -> bool {
    let tree = usize::try_from(tree).ok().and_then(|at| catalog.trees.get(at));
    tree.is_some_and(|tree| tree.folder.is_empty())
}

fn put_file(out: &mut Vec<u8>, file: &CatalogFile) {
    out.extend_from_slice(&file.tree.to_le_bytes());
    let kind = match &file.kind {
        FileKind::Table => KIND_TABLE,
        FileKind::Blob => KIND_BLOB,
        FileKind::Other(_) => KIND_OTHER,
        FileKind::Metadata => KIND_METADATA,
    };
    let checksum_flag = if file.checksum.is_some() { HAS_CHECKSUM } else { 0 };
    out.push(kind);
    out.push(method_code(file.method) | checksum_flag);
    if let FileKind::Other(folder) = &file.kind {
        put_text(out, folder);
    }
    put_text(out, &file.name);
    out.extend_from_slice(&file.len.to_le_bytes());
    if let Some(checksum) = file.checksum {
        out.extend_from_slice(&checksum.to_le_bytes());
    }
}

fn take_file(from: &mut Cursor<'_>, trees: usize) -> Result<CatalogFile, CatalogDefect> {
    let tree = from.u32()?;
    if usize::try_from(tree).map_or(true, |tree| tree >= trees) {
        return Err(CatalogDefect::Tree);
    }
    let [kind, how] = from.take()?;
    let method = method_of(how & !HAS_CHECKSUM)?;
    let kind = match kind {
        KIND_TABLE => FileKind::Table,
        KIND_BLOB => FileKind::Blob,
        KIND_OTHER => FileKind::other(from.component()?),
        KIND_METADATA => FileKind::Metadata,
        code => return Err(CatalogDefect::Code(code)),
    };
    let name = from.component()?;
    let len = from.u64()?;
    let checksum = (how & HAS_CHECKSUM != 0).then(|| from.take().map(u128::from_le_bytes)).transpose()?;
    Ok(CatalogFile { tree, kind, name, len, checksum, method })
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

fn put_text(out: &mut Vec<u8>, text: &str) {
    let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// The bytes that are left. Nothing is allocated for a length that they do not have.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], CatalogDefect> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(CatalogDefect::Length)?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn u32(&mut self) -> Result<u32, CatalogDefect> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, CatalogDefect> {
        self.take().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Result<String, CatalogDefect> {
        let len = usize::try_from(self.u32()?).map_err(|_| CatalogDefect::Length)?;
        let (text, rest) = self.0.split_at_checked(len).ok_or(CatalogDefect::Length)?;
        self.0 = rest;
        let text = std::str::from_utf8(text).map_err(|_| CatalogDefect::Name)?;
        Ok(text.to_owned())
    }

    fn component(&mut self) -> Result<String, CatalogDefect> {
        let text = self.text()?;
        check_component(&text)?;
        Ok(text)
    }
}

fn check_component(text: &str) -> Result<(), CatalogDefect> {
    if crate::plan::is_component(text) { Ok(()) } else { Err(CatalogDefect::Name) }
}

#[cfg(test)]
mod tests;
