//! The log: a write is stored once its record is in the log.
//!
//! This file uses `lsm-fs`, whose contract defines the sync that makes each change durable. Without the two syncs in
//! this file, a power cut would lose acknowledged writes. One sync covers the bytes of a record, the other the name of
//! the log.

use std::path::{Path, PathBuf};

use lsm_fs::{Fs, FsExt, FsFile, FsOpenOptions, SyncMode, parent_of};

use super::{
    Result,
    frame::{put_bytes, put_frame, take, take_bytes, take_frame},
};

/// The folder of the logs.
pub(crate) const LOG_FOLDER: &str = "wal";
/// The maximum length of a log at an open. This program and its tests write far less between two flushes.
const MAX_LEN: u64 = 1 << 30;

/// A key and its new value, or `None` for a deletion.
pub(crate) type Write = (Vec<u8>, Option<Vec<u8>>);

/// The log of this process. The next process never appends to it.
pub(crate) struct Log {
    pub(crate) id: u64,
    file: Box<dyn FsFile>,
    len: u64,
}

impl Log {
    /// Creates an empty log. When this returns, its name survives a crash, so a version may name it.
    pub(crate) fn create(fs: &dyn Fs, dir: &Path, id: u64) -> Result<Self> {
        let path = log_path(dir, id);
        let file = fs.open(&path, &FsOpenOptions::new().write(true).create_new(true))?;
        let _ = fs.sync_directory(parent_of(&path), SyncMode::Normal)?;
        Ok(Self { id, file, len: 0 })
    }

    /// Stores a write. When this returns, it survives a crash.
    ///
    /// After an error, the write may or may not survive, and nothing more may be appended: a later successful sync
    /// proves nothing about the bytes of the failed one.
    pub(crate) fn append(&mut self, (key, value): &Write) -> Result<()> {
        let mut body = vec![u8::from(value.is_some())];
        put_bytes(&mut body, key);
        body.extend(value.iter().flatten());
        let mut frame = Vec::new();
        put_frame(&mut frame, &body);
        self.file.write_at(&frame, self.len)?;
        self.file.sync_data(SyncMode::Normal)?;
        self.len += frame.len() as u64;
        Ok(())
    }
}

/// Reads the writes of a log, up to the first record that is incomplete or does not match its checksum. A record that a
/// crash cut off was never acknowledged.
pub(crate) fn replay(fs: &dyn Fs, dir: &Path, id: u64) -> Result<Vec<Write>> {
    let bytes = fs.read_to_vec(&log_path(dir, id), MAX_LEN)?;
    let mut rest = &*bytes;
    Ok(std::iter::from_fn(|| take_frame(&mut rest).and_then(decode)).collect())
}

fn decode(mut body: &[u8]) -> Option<Write> {
    let [has_value] = take(&mut body)?;
    let key = take_bytes(&mut body)?.to_vec();
    Some((key, (has_value == 1).then(|| body.to_vec())))
}

pub(crate) fn log_path(dir: &Path, id: u64) -> PathBuf {
    dir.join(LOG_FOLDER).join(id.to_string())
}
