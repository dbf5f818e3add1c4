//! The manifest of a tree as lsm-tree 3.1 writes it: an archive `v{N}` with a list of tables and a list of blob files,
//! and `current`, which names the archive.

use std::{
    io::{self, Cursor, Write},
    path::Path,
};

use xxhash_rust::xxh3::xxh3_128;

use crate::{Error, Result};

/// The file that names the version.
pub(crate) const CURRENT: &str = "current";

/// The maximum number of runs in a level, because the format counts them in one byte.
pub(crate) const RUNS_MAX: usize = 255;

/// A table or a blob file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) id: u64,
    /// The XXH3-128 of the file.
    pub(crate) checksum: u128,
    /// The sequence number of the ingestion that made the table, or 0.
    pub(crate) global_seqno: u64,
}

/// The contents of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) version_id: u64,
    pub(crate) is_blob_tree: bool,
    /// The tables, by level and run.
    pub(crate) levels: Vec<Vec<Vec<Listed>>>,
    pub(crate) blobs: Vec<Listed>,
    /// The statistics of unused blobs, in lsm-tree's encoding.
    pub(crate) gc_stats: Vec<u8>,
}

/// Returns the name of the archive of a version.
pub(crate) fn file_name(version_id: u64) -> String {
    format!("v{version_id}")
}

impl Manifest {
    /// Encodes the archive and `current`. No level may have more than [`RUNS_MAX`] runs.
    pub(crate) fn encode(&self) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let narrow = |count: usize| u8::try_from(count).map_err(io::Error::other);
        let wide = |count: usize| u32::try_from(count).map_err(io::Error::other);
        let level_count = narrow(self.levels.len())?;
        let mut tables = vec![level_count];
        for level in &self.levels {
            tables.push(narrow(level.len())?);
            for run in level {
                tables.extend(wide(run.len())?.to_le_bytes());
                for table in run {
                    table.encode(&mut tables);
                    tables.extend(table.global_seqno.to_le_bytes());
                }
            }
        }
        let mut blobs = wide(self.blobs.len())?.to_le_bytes().to_vec();
        for blob in &self.blobs {
            blob.encode(&mut blobs);
        }
        let mut archive = sfa::Writer::from_writer(Cursor::new(Vec::new()));
        for (name, payload) in [
            ("format_version", &[3][..]),
            ("tree_type", &[u8::from(self.is_blob_tree)]),
            ("level_count", &[level_count]),
            ("filter_hash_type", &[0]),
            ("tables", &tables),
            ("blob_files", &blobs),
            ("blob_gc_stats", &self.gc_stats),
        ] {
            archive.start(name)?;
            archive.write_all(payload)?;
        }
        let archive = archive.into_inner().map_err(io::Error::other)?.into_inner();
        let digest = xxh3_128(&archive).to_le_bytes();
        let current = [&self.version_id.to_le_bytes()[..], &digest, &[0]].concat();
        Ok((archive, current))
    }

    /// Decodes an archive. `path` is for messages.
    pub(crate) fn decode(version_id: u64, archive: &[u8], path: &Path) -> Result<Self> {
        let unreadable = |defect: &'static str| Error::damaged(path, defect);
        let reader = sfa::Reader::from_reader(&mut Cursor::new(archive))
            .map_err(|error| Error::damaged(path, format!("not a manifest: {error:?}")))?;
        let section = |name: &[u8]| -> Result<&[u8]> {
            let entry = reader.toc().section(name).ok_or_else(|| unreadable("a section is missing"))?;
            let range = usize::try_from(entry.pos()).ok().zip(usize::try_from(entry.len()).ok());
            let bytes = range.and_then(|(at, len)| archive.get(at..)?.get(..len));
            bytes.ok_or_else(|| unreadable("a section extends past the end"))
        };
        let mut tables = Bytes(section(b"tables")?);
        let mut blobs = Bytes(section(b"blob_files")?);
        let manifest = Self {
            version_id,
            is_blob_tree: section(b"tree_type")? == [1],
            levels: tables.levels().ok_or_else(|| unreadable("the list of tables is cut off"))?,
            blobs: blobs.blobs().ok_or_else(|| unreadable("the list of blob files is cut off"))?,
            gc_stats: section(b"blob_gc_stats")?.to_vec(),
        };
        // If a count has overflowed its byte, entries are left over.
        if !tables.0.is_empty() || !blobs.0.is_empty() {
            return Err(unreadable("a list is longer than its count; a level has more than 255 runs"));
        }
        Ok(manifest)
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &Listed> {
        self.levels.iter().flatten().flatten()
    }
}

/// Decodes `current`: the number and the checksum of the archive.
pub(crate) fn decode_current(bytes: &[u8]) -> Option<(u64, u128)> {
    let mut bytes = Bytes(bytes);
    let decoded = (u64::from_le_bytes(bytes.take()?), u128::from_le_bytes(bytes.take()?));
    (bytes.0 == [0]).then_some(decoded)
}

impl Listed {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.id.to_le_bytes());
        // The type of the checksum.
        bytes.push(0);
        bytes.extend(self.checksum.to_le_bytes());
    }
}

/// Bytes that are consumed from the front.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn listed(&mut self) -> Option<Listed> {
        let id = u64::from_le_bytes(self.take()?);
        let [kind] = self.take()?;
        let checksum = u128::from_le_bytes(self.take()?);
        (kind == 0).then_some(Listed { id, checksum, global_seqno: 0 })
    }

    fn table(&mut self) -> Option<Listed> {
        let listed = self.listed()?;
        Some(Listed { global_seqno: u64::from_le_bytes(self.take()?), ..listed })
    }

    fn levels(&mut self) -> Option<Vec<Vec<Vec<Listed>>>> {
        let [levels] = self.take()?;
        (0..levels)
            .map(|_| {
                let [runs] = self.take()?;
                (0..runs)
                    .map(|_| {
                        let tables = u32::from_le_bytes(self.take()?);
                        (0..tables).map(|_| self.table()).collect()
                    })
                    .collect()
            })
            .collect()
    }

    fn blobs(&mut self) -> Option<Vec<Listed>> {
        let blobs = u32::from_le_bytes(self.take()?);
        (0..blobs).map(|_| self.listed()).collect()
    }
}
