//! The manifest of the tree: an archive of two sections.

use std::path::Path;

use lsm_fs::Fs;
use lsm_manifest::{
    DurableArchive, ManifestArchiveReader, ManifestArchiveWriter, WriteOptions, publish_current,
    version_file_name,
};

use super::{
    FileMeta, Result, RunMeta, Version,
    codec::{put, put_sum, take, take_sum},
};

/// A version as described by its manifest.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) id: u64,
    pub(super) seqno: u64,
    pub(super) runs: Vec<RunMeta>,
}

/// Writes the manifest of a version into a directory, and publishes it there.
pub(super) fn write(fs: &dyn Fs, dir: &Path, version: &Version) -> Result<()> {
    let archive = write_archive(fs, dir, version)?;
    match publish_current(&archive) {
        Ok(_) => Ok(()),
        Err(error @ lsm_manifest::Error::PublishedNotDurable { .. }) => Err(error.into()),
        Err(error) => {
            archive.discard()?;
            Err(error.into())
        }
    }
}

fn write_archive<'fs>(fs: &'fs dyn Fs, dir: &Path, version: &Version) -> Result<DurableArchive<'fs>> {
    let mut writer =
        ManifestArchiveWriter::create(fs, &dir.join(version_file_name(version.id)), WriteOptions::new())?;
    let mut seqno = Vec::new();
    put(&mut seqno, version.seqno);
    writer.add_section("seqno", &seqno)?;
    let mut runs = Vec::new();
    for run in &version.runs {
        put_file(&mut runs, Some(run.meta.table));
        put_file(&mut runs, run.meta.blob);
    }
    writer.add_section("runs", &runs)?;
    Ok(writer.finish()?)
}

pub(super) fn read(archive: &ManifestArchiveReader, id: u64) -> Result<Described> {
    let seqno = take(&mut &*archive.read_section("seqno")?.payload)?;
    let payload = archive.read_section("runs")?.payload;
    let mut rest = &*payload;
    let mut runs = Vec::new();
    while !rest.is_empty() {
        let table = take_file(&mut rest)?.ok_or("a run without a table")?;
        runs.push(RunMeta { table, blob: take_file(&mut rest)? });
    }
    Ok(Described { id, seqno, runs })
}

fn put_file(out: &mut Vec<u8>, file: Option<FileMeta>) {
    put(out, u64::from(file.is_some()));
    if let Some(FileMeta { id, len, checksum }) = file {
        put(out, id);
        put(out, len);
        put_sum(out, checksum);
    }
}

fn take_file(from: &mut &[u8]) -> Result<Option<FileMeta>> {
    if take(from)? == 0 {
        return Ok(None);
    }
    Ok(Some(FileMeta { id: take(from)?, len: take(from)?, checksum: take_sum(from)? }))
}
