//! The bytes of the engine: log lines, tables, blobs, manifests.

use std::{fmt::Write as _, path::Path, sync::Arc};

use lsm_checkpoint::BoxError;

/// A write. `None` is a deletion.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) seqno: u64,
    pub(super) key: Vec<u8>,
    pub(super) value: Option<Vec<u8>>,
}

#[derive(Debug)]
pub(super) struct Table {
    pub(super) id: u64,
    pub(super) entries: Vec<Entry>,
    /// Length and checksum.
    pub(super) data: (u64, u128),
    pub(super) blob: Option<(u64, u128)>,
}

#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) id: u64,
    pub(super) seqno: u64,
    pub(super) log: u64,
    pub(super) next_id: u64,
    pub(super) identity: u64,
    /// The number of times that the tree was opened.
    pub(super) opened: u64,
    /// The directory that it was written in. A correct engine ignores it.
    pub(super) dir: Option<String>,
    pub(super) tables: Vec<Arc<Table>>,
}

pub(super) fn hash(bytes: &[u8]) -> u128 {
    xxhash_rust::xxh3::xxh3_128(bytes)
}

impl Entry {
    /// Encodes a line of the log, with a checksum that shows if the line is complete.
    pub(super) fn line(&self) -> String {
        let value = self.value.as_ref().map_or_else(|| "-".to_owned(), |value| hex(value));
        let line = format!("{} {} {value}", self.seqno, hex(&self.key));
        format!("{line} {:x}\n", hash(line.as_bytes()))
    }

    fn parse(line: &str) -> Option<Self> {
        let (line, sum) = line.rsplit_once(' ')?;
        if format!("{:x}", hash(line.as_bytes())) != sum {
            return None;
        }
        let mut words = line.split(' ');
        let seqno = words.next()?.parse().ok()?;
        let key = unhex(words.next()?)?;
        let value = words.next()?;
        let value = if value == "-" { None } else { Some(unhex(value)?) };
        Some(Self { seqno, key, value })
    }

    /// Returns the complete lines of a log and their length in bytes.
    pub(super) fn replay(log: &[u8]) -> (Vec<Self>, u64) {
        let (mut entries, mut len) = (Vec::new(), 0);
        for line in log.split_inclusive(|&byte| byte == b'\n') {
            let Some(entry) = std::str::from_utf8(line).ok().and_then(|l| Self::parse(l.strip_suffix('\n')?))
            else {
                break;
            };
            entries.push(entry);
            len += line.len() as u64;
        }
        (entries, len)
    }

    /// Encodes a table and the blob file of its long values.
    pub(super) fn encode(entries: &[Self], blob_len: usize) -> (Vec<u8>, Vec<u8>) {
        let (mut rows, mut blob) = (String::new(), Vec::new());
        for entry in entries {
            let mut entry = entry.clone();
            if let Some(value) = entry.value.as_mut().filter(|value| value.len() >= blob_len) {
                let at = format!("@{} {}", blob.len(), value.len());
                blob.append(value);
                *value = at.into_bytes();
            }
            rows += &entry.line();
        }
        (rows.into_bytes(), blob)
    }

    pub(super) fn decode(rows: &[u8], blob: Option<&[u8]>) -> Result<Vec<Self>, BoxError> {
        let (mut entries, len) = Self::replay(rows);
        if len != rows.len() as u64 {
            return Err("a table is damaged".into());
        }
        for value in entries.iter_mut().filter_map(|entry| entry.value.as_mut()) {
            if let Some(at) = std::str::from_utf8(value).ok().and_then(|text| text.strip_prefix('@')) {
                let (start, len) = at.split_once(' ').ok_or("a reference is damaged")?;
                let (start, len): (usize, usize) = (start.parse()?, len.parse()?);
                let bytes = blob.and_then(|blob| blob.get(start..start + len)).ok_or("a blob is missing")?;
                *value = bytes.to_vec();
            }
        }
        Ok(entries)
    }
}

impl Version {
    pub(super) fn first(dir: &Path) -> Self {
        let identity = u64::try_from(hash(dir.as_os_str().as_encoded_bytes()) >> 64).unwrap();
        Self { id: 0, seqno: 0, log: 0, next_id: 0, identity, opened: 0, dir: None, tables: Vec::new() }
    }

    /// Returns the numbers of its tables and of its log.
    pub(super) fn ids(&self) -> impl Iterator<Item = u64> {
        self.tables.iter().map(|table| table.id).chain([self.log])
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let Self { id, seqno, log, next_id, identity, opened, dir, tables } = self;
        let mut text = format!("{id} {seqno} {log} {next_id} {identity} {opened}\n");
        writeln!(text, "{}", dir.as_deref().unwrap_or("")).unwrap();
        for Table { id, data, blob, .. } in tables.iter().map(|table| &**table) {
            let (blob_len, blob_sum) = blob.unwrap_or_default();
            writeln!(text, "{id} {} {} {blob_len} {blob_sum}", data.0, data.1).unwrap();
        }
        let sum = format!("{:x}\n", hash(text.as_bytes()));
        (text + &sum).into_bytes()
    }

    /// Decodes the version without loading its tables.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, BoxError> {
        let text = std::str::from_utf8(bytes)?.trim_end_matches('\n');
        let end = text.rfind('\n').ok_or("a manifest is cut off")? + 1;
        if format!("{:x}", hash(&text.as_bytes()[..end])) != text[end..] {
            return Err("a manifest is damaged".into());
        }
        let mut lines = text[..end].lines();
        let head = lines.next().unwrap().split(' ').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
        let dir = lines.next().filter(|dir| !dir.is_empty()).map(str::to_owned);
        let mut tables = Vec::new();
        for line in lines {
            let row = line.split(' ').map(str::parse).collect::<Result<Vec<u128>, _>>()?;
            let blob = (u64::try_from(row[3])?, row[4]);
            let (id, data) = (u64::try_from(row[0])?, (u64::try_from(row[1])?, row[2]));
            tables.push(Arc::new(Table {
                id,
                entries: Vec::new(),
                data,
                blob: (blob.0 > 0).then_some(blob),
            }));
        }
        let [id, seqno, log, next_id, identity, opened] = head[..] else {
            return Err("a manifest is cut".into());
        };
        Ok(Self { id, seqno, log, next_id, identity, opened, dir, tables })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}
