//! Sorted tables, and the blob files of their long values. A finished file is never modified.
//!
//! This file uses `lsm-fs` to write a file, sync it, and sync its folder. Without these syncs, a version could name a
//! table that a power cut has emptied or removed, and a checkpoint would link it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::{Fs, FsExt, SyncMode, parent_of};
use lsm_manifest::{BLOBS_FOLDER, TABLES_FOLDER};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    Result,
    frame::{put_bytes, put_frame, take, take_bytes, take_frame, take_u64},
};

/// Keys with their values. `None` marks a deletion.
pub(crate) type Rows = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Values of at least this length go to the blob file.
const BLOB_LEN: usize = 64;

/// The kinds of a row: a deletion, a value in the table, and a value in the blob file.
const DELETED: u8 = 0;
const INLINE: u8 = 1;
const IN_BLOB: u8 = 2;

/// The length of a file and the XXH3-128 of its bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) len: u64,
    pub(crate) checksum: u128,
}

/// The description of a table in the manifest. Its blob file, if there is one, has the same number.
#[derive(Clone, Copy)]
pub(crate) struct TableMeta {
    pub(crate) id: u64,
    pub(crate) table: Contents,
    pub(crate) blob: Option<Contents>,
}

/// An open table. All rows are in memory, which a real engine could not afford.
pub(crate) struct Table {
    pub(crate) meta: TableMeta,
    pub(crate) rows: Rows,
}

impl Table {
    /// Writes rows to new files. When this returns, the files and their names survive a crash.
    pub(crate) fn write(fs: &dyn Fs, dir: &Path, id: u64, rows: Rows) -> Result<Arc<Self>> {
        let (table, blob) = encode(&rows);
        write_durable(fs, &table_path(dir, id), &table)?;
        if !blob.is_empty() {
            write_durable(fs, &blob_path(dir, id), &blob)?;
        }
        let blob = (!blob.is_empty()).then(|| Contents::of(&blob));
        Ok(Arc::new(Self { meta: TableMeta { id, table: Contents::of(&table), blob }, rows }))
    }

    /// Opens a table. Its files must match the description in the manifest.
    pub(crate) fn open(fs: &dyn Fs, dir: &Path, meta: TableMeta) -> Result<Arc<Self>> {
        let table = read_checked(fs, &table_path(dir, meta.id), meta.table)?;
        let blob = match meta.blob {
            Some(contents) => read_checked(fs, &blob_path(dir, meta.id), contents)?,
            None => Vec::new(),
        };
        Ok(Arc::new(Self { meta, rows: decode(&table, &blob).collect() }))
    }
}

/// Merges the rows of several tables, oldest first. Keeps the newest value of each key, or its deletion.
pub(crate) fn merge(tables: &[Arc<Table>]) -> Rows {
    tables.iter().flat_map(|table| table.rows.clone()).collect()
}

/// Encodes a table and its blob file.
fn encode(rows: &Rows) -> (Vec<u8>, Vec<u8>) {
    let (mut table, mut blob) = (Vec::new(), Vec::new());
    for (key, value) in rows {
        let mut body = Vec::new();
        put_bytes(&mut body, key);
        match value {
            None => body.push(DELETED),
            Some(bytes) if bytes.len() < BLOB_LEN => {
                body.push(INLINE);
                body.extend(bytes);
            }
            Some(bytes) => {
                body.push(IN_BLOB);
                body.extend((bytes.len() as u64).to_le_bytes());
                blob.extend(bytes);
            }
        }
        put_frame(&mut table, &body);
    }
    (table, blob)
}

/// Decodes the rows of a table. The blob file holds its values in the order of their keys.
fn decode(mut table: &[u8], mut blob: &[u8]) -> impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)> {
    std::iter::from_fn(move || {
        let mut body = take_frame(&mut table)?;
        let key = take_bytes(&mut body)?.to_vec();
        let value = match take(&mut body)? {
            [DELETED] => None,
            [INLINE] => Some(body.to_vec()),
            _ => {
                let len = usize::try_from(take_u64(&mut body)?).ok()?;
                let (value, rest) = blob.split_at_checked(len)?;
                blob = rest;
                Some(value.to_vec())
            }
        };
        Some((key, value))
    })
}

pub(crate) fn table_path(dir: &Path, id: u64) -> PathBuf {
    dir.join(TABLES_FOLDER).join(id.to_string())
}

pub(crate) fn blob_path(dir: &Path, id: u64) -> PathBuf {
    dir.join(BLOBS_FOLDER).join(id.to_string())
}

impl Contents {
    fn of(bytes: &[u8]) -> Self {
        Self { len: bytes.len() as u64, checksum: xxh3_128(bytes) }
    }
}

/// Makes the bytes of a new file durable, and then its name. These are two syncs of two inodes.
fn write_durable(fs: &dyn Fs, path: &Path, bytes: &[u8]) -> Result<()> {
    fs.write_new(path, bytes, SyncMode::Normal)?;
    let _ = fs.sync_directory(parent_of(path), SyncMode::Normal)?;
    Ok(())
}

fn read_checked(fs: &dyn Fs, path: &Path, expected: Contents) -> Result<Vec<u8>> {
    let bytes = fs.read_to_vec(path, expected.len)?;
    if Contents::of(&bytes) == expected {
        return Ok(bytes);
    }
    Err(format!("{}: not the file that the manifest describes; restore a checkpoint", path.display()).into())
}
