//! Format 2, which is read and written.
//!
//! The fields are grouped in records, each preceded by its length. A reader skips the bytes after the fields that it
//! knows, so a later version can append fields that may be ignored. A change that must not be ignored is a required
//! feature.

use std::time::Duration;

use super::{
    Cursor, HEAD_SECTION, Refusal, TakeMemory, cursor::put_text, kind_code, method_code, method_of,
    push_file, take_folders, take_kind,
};
use crate::{Attributes, CATALOG_FORMAT, Catalog, CatalogDefect, CatalogFile, CatalogFolder, CatalogTree};

/// The required features that this version supports: none.
const KNOWN_FEATURES: u64 = 0;

/// The length at which a section is closed, well below the limit of a section.
const PART_BYTES: usize = 8 << 20;

const HAS_SEQNO: u32 = 1;

const HAS_CHECKSUM: u32 = 1;
const HAS_SHA256: u32 = 1 << 1;
const IS_LINKABLE: u32 = 1 << 2;
const HAS_ALLOCATED: u32 = 1 << 3;

const HAS_MODE: u32 = 1 << 16;
const HAS_OWNER: u32 = 1 << 17;
const HAS_GROUP: u32 = 1 << 18;

/// The permission bits of a mode, and setuid, setgid and sticky.
const MODE_BITS: u32 = 0o7777;

/// A list of records, in the sections `{name}.0`, `{name}.1`, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum List {
    Trees,
    Files,
    Folders,
}

impl List {
    const ALL: [Self; 3] = [Self::Trees, Self::Files, Self::Folders];

    const fn name(self) -> &'static str {
        match self {
            Self::Trees => "trees",
            Self::Files => "files",
            Self::Folders => "folders",
        }
    }

    /// Returns the list of a section, and the number of the section in it.
    fn of(section: &str) -> Option<(Self, u32)> {
        let (name, nth) = section.split_once('.')?;
        let list = Self::ALL.into_iter().find(|list| list.name() == name)?;
        let nth = nth.parse().ok().filter(|number: &u32| number.to_string() == nth)?;
        Some((list, nth))
    }
}

/// Returns the sections of the lists, ordered by list and number. Other sections are left out.
pub(super) fn in_order<'s>(names: impl Iterator<Item = &'s str>) -> Vec<&'s str> {
    let mut sections: Vec<_> = names.filter_map(|name| Some((List::of(name)?, name))).collect();
    sections.sort_unstable();
    sections.into_iter().map(|(_, name)| name).collect()
}

/// Encodes all sections, in the order in which they are written.
pub(crate) fn encode(catalog: &Catalog) -> Vec<(String, Vec<u8>)> {
    let mut sections = vec![(HEAD_SECTION.to_owned(), head(catalog))];
    let mut trees = Parts::new(List::Trees, &mut sections);
    catalog.trees.iter().for_each(|tree| trees.record(|out| put_tree(out, tree)));
    let mut files = Parts::new(List::Files, &mut sections);
    catalog.files.iter().for_each(|file| files.record(|out| put_file(out, file)));
    let mut folders = Parts::new(List::Folders, &mut sections);
    catalog.attributes.iter().for_each(|folder| folders.record(|out| put_folder(out, folder)));
    sections
}

fn head(catalog: &Catalog) -> Vec<u8> {
    let mut out = CATALOG_FORMAT.to_le_bytes().to_vec();
    out.extend_from_slice(&KNOWN_FEATURES.to_le_bytes());
    put_record(&mut out, |out| {
        let flags = if catalog.seqno.is_some() { HAS_SEQNO } else { 0 };
        out.extend_from_slice(&flags.to_le_bytes());
        let millis = u64::try_from(catalog.created.as_millis()).unwrap_or(u64::MAX);
        out.extend_from_slice(&millis.to_le_bytes());
        for len in [catalog.trees.len(), catalog.files.len(), catalog.attributes.len()] {
            out.extend_from_slice(&(len as u64).to_le_bytes());
        }
        put_text(out, &catalog.identity);
        if let Some(seqno) = catalog.seqno {
            out.extend_from_slice(&seqno.to_le_bytes());
        }
    });
    out
}

/// The sections of a list while they are filled.
struct Parts<'a> {
    list: List,
    count: u32,
    sections: &'a mut Vec<(String, Vec<u8>)>,
}

impl<'a> Parts<'a> {
    const fn new(list: List, sections: &'a mut Vec<(String, Vec<u8>)>) -> Self {
        Self { list, count: 0, sections }
    }

    /// Adds a whole record to the last section, or to a new section if the last is full.
    fn record(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        let is_full = self.sections.last().is_none_or(|(_, part)| part.len() >= PART_BYTES);
        if self.count == 0 || is_full {
            self.sections.push((format!("{}.{}", self.list.name(), self.count), Vec::new()));
            self.count += 1;
        }
        if let Some((_, part)) = self.sections.last_mut() {
            put_record(part, put);
        }
    }
}

fn put_record(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    put(out);
    let len = u32::try_from(out.len() - at - 4).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&len.to_le_bytes());
    }
}

fn put_tree(out: &mut Vec<u8>, tree: &CatalogTree) {
    out.extend_from_slice(&0_u32.to_le_bytes());
    out.extend_from_slice(&tree.version_id.to_le_bytes());
    put_text(out, &tree.folder);
    let folders = u32::try_from(tree.folders.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&folders.to_le_bytes());
    for folder in &tree.folders {
        put_text(out, folder);
    }
}

fn put_file(out: &mut Vec<u8>, file: &CatalogFile) {
    let flag = |flag: u32, set: bool| if set { flag } else { 0 };
    let flags = flag(HAS_CHECKSUM, file.checksum.is_some())
        | flag(HAS_SHA256, file.sha256.is_some())
        | flag(IS_LINKABLE, file.linkable)
        | flag(HAS_ALLOCATED, file.allocated_bytes.is_some())
        | attribute_flags(&file.attributes);
    out.extend_from_slice(&flags.to_le_bytes());
    out.extend_from_slice(&file.tree.to_le_bytes());
    out.extend_from_slice(&[kind_code(&file.kind), method_code(file.method)]);
    if let crate::FileKind::Other(folder) = &file.kind {
        put_text(out, folder);
    }
    put_text(out, &file.name);
    out.extend_from_slice(&file.len.to_le_bytes());
    if let Some(checksum) = file.checksum {
        out.extend_from_slice(&checksum.to_le_bytes());
    }
    if let Some(sha256) = &file.sha256 {
        out.extend_from_slice(sha256);
    }
    if let Some(allocated) = file.allocated_bytes {
        out.extend_from_slice(&allocated.to_le_bytes());
    }
    put_attributes(out, &file.attributes);
}

fn put_folder(out: &mut Vec<u8>, folder: &CatalogFolder) {
    out.extend_from_slice(&attribute_flags(&folder.attributes).to_le_bytes());
    put_text(out, &folder.path);
    put_attributes(out, &folder.attributes);
}

fn attribute_flags(attributes: &Attributes) -> u32 {
    let Attributes { mode, owner, group } = attributes;
    [(HAS_MODE, mode), (HAS_OWNER, owner), (HAS_GROUP, group)]
        .into_iter()
        .filter(|(_, value)| value.is_some())
        .fold(0, |flags, (flag, _)| flags | flag)
}

fn put_attributes(out: &mut Vec<u8>, attributes: &Attributes) {
    for value in [attributes.mode, attributes.owner, attributes.group].into_iter().flatten() {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

#[derive(Debug)]
pub(crate) struct Decoder {
    catalog: Catalog,
    /// The number of records that the head announces, by list.
    announced: [u64; 3],
    /// The number of the next section, by list.
    next: [u32; 3],
}

impl Decoder {
    /// Decodes the head after its format number.
    pub(super) fn new(mut from: Cursor<'_>) -> Result<Self, Refusal> {
        let unknown = from.u64()? & !KNOWN_FEATURES;
        if unknown != 0 {
            return Err(Refusal::Features(unknown));
        }
        let mut record = from.record()?;
        if !from.is_empty() {
            return Err(CatalogDefect::Length.into());
        }
        let flags = record.u32()?;
        let created = Duration::from_millis(record.u64()?);
        let announced = [record.u64()?, record.u64()?, record.u64()?];
        let identity = record.text()?;
        let seqno = (flags & HAS_SEQNO != 0).then(|| record.u64()).transpose()?;
        let (format, trees, files, attributes) = (CATALOG_FORMAT, Vec::new(), Vec::new(), Vec::new());
        let catalog = Catalog { format, identity, seqno, created, trees, files, attributes };
        Ok(Self { catalog, announced, next: [0; 3] })
    }

    pub(super) fn section(
        &mut self,
        name: &str,
        payload: &[u8],
        take: TakeMemory<'_>,
    ) -> Result<(), CatalogDefect> {
        // Sections with other names come from later versions.
        let Some((list, nth)) = List::of(name) else { return Ok(()) };
        match self.next.get_mut(list as usize) {
            Some(next) if *next == nth => *next += 1,
            _ => return Err(CatalogDefect::Count),
        }
        let mut from = Cursor::new(payload);
        while !from.is_empty() {
            let mut record = from.record()?;
            match list {
                List::Trees => self.catalog.trees.push(take_tree(&mut record, take)?),
                List::Files => push_file(&mut self.catalog, take_file(&mut record)?, take)?,
                List::Folders => {
                    let folder = take_folder(&mut record)?;
                    take(folder.path.len())?;
                    self.catalog.attributes.push(folder);
                }
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Catalog, CatalogDefect> {
        let Catalog { trees, files, attributes, .. } = &self.catalog;
        let found = [trees.len(), files.len(), attributes.len()].map(|len| len as u64);
        if found == self.announced { Ok(self.catalog) } else { Err(CatalogDefect::Count) }
    }
}

fn take_tree(from: &mut Cursor<'_>, take: TakeMemory<'_>) -> Result<CatalogTree, CatalogDefect> {
    let _flags = from.u32()?;
    let version_id = from.u64()?;
    let folder = from.text()?;
    let mut tree = CatalogTree { folder, version_id, folders: Vec::new() };
    take_folders(from, &mut tree, take)?;
    Ok(tree)
}

fn take_file(from: &mut Cursor<'_>) -> Result<CatalogFile, CatalogDefect> {
    let flags = from.u32()?;
    let tree = from.u32()?;
    let [kind, method] = from.take()?;
    let method = method_of(method)?;
    let kind = take_kind(kind, from)?;
    let name = from.text()?;
    let len = from.u64()?;
    let checksum = (flags & HAS_CHECKSUM != 0).then(|| from.take().map(u128::from_le_bytes)).transpose()?;
    let sha256 = (flags & HAS_SHA256 != 0).then(|| from.take()).transpose()?;
    let allocated_bytes = (flags & HAS_ALLOCATED != 0).then(|| from.u64()).transpose()?;
    let attributes = take_attributes(flags, from)?;
    let linkable = flags & IS_LINKABLE != 0;
    let file = CatalogFile::new(tree, kind, name, len, method);
    Ok(CatalogFile { checksum, sha256, allocated_bytes, attributes, linkable, ..file })
}

fn take_folder(from: &mut Cursor<'_>) -> Result<CatalogFolder, CatalogDefect> {
    let flags = from.u32()?;
    let path = from.text()?;
    Ok(CatalogFolder { path, attributes: take_attributes(flags, from)? })
}

fn take_attributes(flags: u32, from: &mut Cursor<'_>) -> Result<Attributes, CatalogDefect> {
    let mut value = |flag: u32| (flags & flag != 0).then(|| from.u32()).transpose();
    let (mode, owner, group) = (value(HAS_MODE)?, value(HAS_OWNER)?, value(HAS_GROUP)?);
    match mode {
        Some(mode) if mode & !MODE_BITS != 0 => Err(CatalogDefect::Mode(mode)),
        _ => Ok(Attributes { mode, owner, group }),
    }
}
