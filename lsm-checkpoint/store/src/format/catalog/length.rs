//! [`CatalogLength`]: the length of a catalog that is yet to be made.

use super::{
    super::{
        CATALOG_MAX,
        archive::{self, SECTION_FULL},
        pieces,
        refs::{REF_LEN, REFS},
    },
    StoredFile, StoredFolder,
    codec::{self, CHECKPOINT, FILE, FILES, FOLDERS, HEAD, PIECES},
};
use crate::{
    defect::Defect,
    id::{BackupId, RepositoryId},
};

/// The length of a digest.
const DIGEST: u64 = 32;

/// Counts the bytes of a catalog, whose objects and digests need not be known.
#[derive(Debug)]
pub(crate) struct CatalogLength {
    refs: Count,
    checkpoint: u64,
    files: Count,
    /// The bytes of the digests, whose sections are always full, except the last.
    digests: u64,
    folders: Count,
}

/// The bytes of a list, and its sections. A section is closed as by [`archive::Sections`].
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    bytes: u64,
    closed: u64,
    open: usize,
}

impl Count {
    fn push(&mut self, len: usize) {
        self.bytes = self.bytes.saturating_add(len as u64);
        self.open += len;
        if self.open >= SECTION_FULL {
            (self.closed, self.open) = (self.closed + 1, 0);
        }
    }

    const fn sections(self) -> u64 {
        self.closed + if self.open > 0 { 1 } else { 0 }
    }
}

impl CatalogLength {
    /// Begins with the length of the file `CHECKPOINT`.
    pub(crate) fn new(checkpoint: usize) -> Self {
        let (refs, files, folders) = Default::default();
        Self { refs, checkpoint: checkpoint as u64, files, digests: 0, folders }
    }

    /// Adds a file. Its digests may be left out: their number follows from its length.
    pub(crate) fn add_file(&mut self, file: &StoredFile) {
        if file.object.is_some() {
            self.refs.push(REF_LEN);
        }
        self.files.push(codec::file_record(file).len());
        self.digests = self.digests.saturating_add(pieces(file.len).saturating_mul(DIGEST));
    }

    pub(crate) fn add_folder(&mut self, folder: &StoredFolder) {
        self.folders.push(codec::folder_record(folder).len());
    }

    /// Returns the length of the object. If its records alone are too long, returns their length.
    ///
    /// # Errors
    ///
    /// There are more files than an archive can hold.
    pub(crate) fn finish(self) -> Result<u64, Defect> {
        let parts = [self.refs.bytes, self.checkpoint, self.files.bytes, self.digests, self.folders.bytes];
        let records = parts.into_iter().fold(0, u64::saturating_add);
        if records > CATALOG_MAX {
            return Ok(records);
        }
        let full = SECTION_FULL as u64;
        let lists = [
            (REFS, self.refs.sections()),
            (CHECKPOINT, self.checkpoint.div_ceil(full)),
            (FILES, self.files.sections()),
            (PIECES, self.digests.div_ceil(full)),
            (FOLDERS, self.folders.sections()),
        ];
        // Everything around the records depends only on the names of the sections.
        let head = codec::head(RepositoryId([0; 16]), BackupId([0; 16]), [0; 4]);
        let names =
            lists.into_iter().flat_map(|(list, count)| (0..count).map(move |at| format!("{list}.{at}")));
        let mut sections = vec![(HEAD.to_owned(), head)];
        sections.extend(names.map(|name| (name, Vec::new())));
        Ok(archive::encode(FILE, &sections)?.len() as u64 + records)
    }
}

#[cfg(test)]
mod tests {
    use lsm_fs::Permissions;

    use super::*;
    use crate::{
        format::{BackupCatalog, ObjectRef},
        id::{Nonce, WriterId},
        key::ObjectName,
    };

    fn catalog(files: u32, len: u64) -> BackupCatalog {
        let name = ObjectName { writer: WriterId([1; 16]), nonce: Nonce([2; 16]) };
        let permissions = Some(Permissions { mode: 0o640, owner: 1, group: 2 });
        let file = |at: u32| StoredFile {
            path: format!("tables/{at}"),
            len,
            object: (len > 0).then_some(at),
            checksum: at.is_multiple_of(2).then_some(7),
            pieces: vec![[3; 32]; usize::try_from(pieces(len)).unwrap()],
            permissions: permissions.filter(|_| at.is_multiple_of(3)),
        };
        let folder = |path: &str| StoredFolder { path: path.to_owned(), permissions };
        BackupCatalog {
            repository: RepositoryId([4; 16]),
            backup: BackupId([5; 16]),
            checkpoint: vec![6; usize::try_from(files).unwrap() * 50],
            refs: (0..files).filter(|_| len > 0).map(|_| ObjectRef { name, len }).collect(),
            files: (0..files).map(file).collect(),
            folders: [folder(""), folder("tables")].into(),
        }
    }

    /// Several sections of references, files and digests.
    #[test]
    fn the_length_is_known_before_the_objects() {
        for (files, len) in [(0, 0), (1, 0), (1, 1), (7, 5 << 20), (250_000, 9), (2, 300_000 << 20)] {
            let catalog = catalog(files, len);
            let mut length = CatalogLength::new(catalog.checkpoint.len());
            for file in &catalog.files {
                length.add_file(&StoredFile { pieces: Vec::new(), ..file.clone() });
            }
            catalog.folders.iter().for_each(|folder| length.add_folder(folder));
            let encoded = catalog.encode().unwrap().0.len() as u64;
            assert_eq!(length.finish().unwrap(), encoded, "{files} files of {len} bytes");
        }
    }
}
