//! Encodes and decodes a catalog.

use lsm_fs::Permissions;

use super::super::{
    PIECE, Sha256,
    archive::{self, Archive, SECTION_FULL, Sections, put_version, take_version},
    cursor::{Cursor, put_record, put_text, put_u32, put_u64},
    paths::PATH_MAX,
    pieces,
    refs::{self, REFS},
    sha256,
};
use super::{BackupCatalog, RefsPlace, StoredFile, StoredFolder};
use crate::{
    defect::Defect,
    id::{BackupId, RepositoryId},
};

pub(super) const FILE: &str = "catalog";
pub(super) const HEAD: &str = "catalog";
pub(super) const CHECKPOINT: &str = "checkpoint";
pub(super) const FILES: &str = "files";
pub(super) const FOLDERS: &str = "folders";
pub(super) const PIECES: &str = "pieces";

const WITH_OBJECT: u32 = 1;
const WITH_CHECKSUM: u32 = 2;
const WITH_PERMISSIONS: u32 = 1 << 16;

pub(super) fn encode(catalog: &BackupCatalog) -> Result<(Vec<u8>, RefsPlace), Defect> {
    let counts = [catalog.refs.len(), catalog.files.len(), catalog.folders.len(), catalog.checkpoint.len()];
    let head = head(catalog.repository, catalog.backup, counts);
    // The references come first, so that one ranged read fetches them.
    let mut sections = refs::encode(&catalog.refs);
    sections.push((HEAD.to_owned(), head));
    let (mut checkpoint, mut files) = (Sections::new(CHECKPOINT), Sections::new(FILES));
    let (mut digests, mut folders) = (Sections::new(PIECES), Sections::new(FOLDERS));
    catalog.checkpoint.chunks(SECTION_FULL).for_each(|chunk| checkpoint.push(chunk));
    for file in &catalog.files {
        files.push(&file_record(file));
        file.pieces.iter().for_each(|piece| digests.push(piece));
    }
    for folder in &catalog.folders {
        folders.push(&folder_record(folder));
    }
    for list in [checkpoint, files, digests, folders] {
        sections.extend(list.finish());
    }
    let bytes = archive::encode(FILE, &sections)?;
    let (offset, len) = Archive::open(FILE, bytes.clone())?.range(REFS);
    let blocks = range(&bytes, offset, len).ok_or(Defect::Section)?;
    let sha256 = sha256(blocks);
    Ok((bytes, RefsPlace { offset, len, sha256 }))
}

/// Makes the section with the numbers of references, files, directories and bytes of `CHECKPOINT`.
pub(super) fn head(repository: RepositoryId, backup: BackupId, counts: [usize; 4]) -> Vec<u8> {
    let mut head = Vec::new();
    put_version(&mut head);
    put_record(&mut head, |out| {
        put_u32(out, 0);
        out.extend_from_slice(&repository.0);
        out.extend_from_slice(&backup.0);
        for count in counts {
            put_u64(out, count as u64);
        }
        put_u64(out, PIECE);
    });
    head
}

pub(super) fn file_record(file: &StoredFile) -> Vec<u8> {
    let mut record = Vec::new();
    put_record(&mut record, |out| put_file(out, file));
    record
}

pub(super) fn folder_record(folder: &StoredFolder) -> Vec<u8> {
    let mut record = Vec::new();
    put_record(&mut record, |out| put_folder(out, folder));
    record
}

fn range(bytes: &[u8], offset: u64, len: u64) -> Option<&[u8]> {
    let (start, len) = (usize::try_from(offset).ok()?, usize::try_from(len).ok()?);
    bytes.get(start..start.checked_add(len)?)
}

fn put_file(out: &mut Vec<u8>, file: &StoredFile) {
    let with_checksum = file.checksum.map_or(0, |_| WITH_CHECKSUM);
    put_u32(out, file.object.map_or(0, |_| WITH_OBJECT) | with_checksum | with_permissions(file.permissions));
    put_text(out, &file.path);
    put_u64(out, file.len);
    if let Some(object) = file.object {
        put_u32(out, object);
    }
    if let Some(checksum) = file.checksum {
        out.extend_from_slice(&checksum.to_le_bytes());
    }
    put_permissions(out, file.permissions);
}

fn put_folder(out: &mut Vec<u8>, folder: &StoredFolder) {
    put_u32(out, with_permissions(folder.permissions));
    put_text(out, &folder.path);
    put_permissions(out, folder.permissions);
}

fn with_permissions(permissions: Option<Permissions>) -> u32 {
    permissions.map_or(0, |_| WITH_PERMISSIONS)
}

fn put_permissions(out: &mut Vec<u8>, permissions: Option<Permissions>) {
    if let Some(Permissions { mode, owner, group }) = permissions {
        [mode, owner, group].into_iter().for_each(|number| put_u32(out, number));
    }
}

pub(super) fn decode(bytes: Vec<u8>) -> Result<BackupCatalog, Defect> {
    let archive = Archive::open(FILE, bytes)?;
    let head = archive.section(HEAD)?;
    let mut from = Cursor::new(&head);
    take_version(&mut from)?;
    let mut record = from.record()?;
    let _flags = record.u32()?;
    let (repository, backup) = (RepositoryId(record.take()?), BackupId(record.take()?));
    let counts = [record.u64()?, record.u64()?, record.u64()?, record.u64()?];
    if record.u64()? != PIECE || !from.is_empty() {
        return Err(Defect::Records);
    }
    let mut refs = Vec::new();
    archive.each(REFS, |payload| refs::decode(payload, &mut refs))?;
    let mut checkpoint = Vec::new();
    archive.each(CHECKPOINT, |payload| {
        checkpoint.extend_from_slice(payload);
        Ok(())
    })?;
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    archive.each(FILES, |payload| records(payload, take_file, &mut files))?;
    archive.each(FOLDERS, |payload| records(payload, take_folder, &mut folders))?;
    let found = [refs.len(), files.len(), folders.len(), checkpoint.len()].map(|count| count as u64);
    if counts != found {
        return Err(Defect::Records);
    }
    hand_out_pieces(&archive, &mut files)?;
    Ok(BackupCatalog { repository, backup, checkpoint, refs, files, folders })
}

fn records<T>(
    payload: &[u8],
    take: fn(&mut Cursor<'_>) -> Result<T, Defect>,
    items: &mut Vec<T>,
) -> Result<(), Defect> {
    let mut from = Cursor::new(payload);
    while !from.is_empty() {
        items.push(take(&mut from.record()?)?);
    }
    Ok(())
}

fn take_file(from: &mut Cursor<'_>) -> Result<StoredFile, Defect> {
    let flags = from.u32()?;
    let (path, len) = (from.text(PATH_MAX)?, from.u64()?);
    let object = from.optional(flags & WITH_OBJECT != 0, Cursor::u32)?;
    let take_checksum = |from: &mut Cursor<'_>| from.take().map(u128::from_le_bytes);
    let checksum = from.optional(flags & WITH_CHECKSUM != 0, take_checksum)?;
    let permissions = from.optional(flags & WITH_PERMISSIONS != 0, take_permissions)?;
    Ok(StoredFile { path, len, object, checksum, pieces: Vec::new(), permissions })
}

fn take_folder(from: &mut Cursor<'_>) -> Result<StoredFolder, Defect> {
    let flags = from.u32()?;
    let path = from.text(PATH_MAX)?;
    Ok(StoredFolder { path, permissions: from.optional(flags & WITH_PERMISSIONS != 0, take_permissions)? })
}

fn take_permissions(from: &mut Cursor<'_>) -> Result<Permissions, Defect> {
    let (mode, owner, group) = (from.u32()?, from.u32()?, from.u32()?);
    if mode > 0o7777 { Err(Defect::Records) } else { Ok(Permissions { mode, owner, group }) }
}

/// Gives each file as many digests as its length has pieces. The number of stored digests bounds the memory, so a
/// forged length allocates nothing.
fn hand_out_pieces(archive: &Archive, files: &mut [StoredFile]) -> Result<(), Defect> {
    let wanted = files.iter().fold(0_u64, |sum, file| sum.saturating_add(pieces(file.len)));
    let mut digests: Vec<Sha256> = Vec::new();
    archive.each(PIECES, |payload| {
        let mut from = Cursor::new(payload);
        while !from.is_empty() {
            digests.push(from.take()?);
        }
        Ok(())
    })?;
    if digests.len() as u64 != wanted {
        return Err(Defect::Records);
    }
    let mut digests = digests.into_iter();
    for file in files {
        let count = usize::try_from(pieces(file.len)).map_err(|_| Defect::Records)?;
        file.pieces = digests.by_ref().take(count).collect();
    }
    Ok(())
}
