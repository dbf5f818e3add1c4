//! Helpers and archives for tests.

use std::path::{Path, PathBuf};

use lsm_fs::{Fs, FsExt, FsOpenOptions, StdFs};
use lsm_fs_mem::MemFs;
use lsm_manifest::{
    DurableArchive, ManifestArchiveReader, ManifestArchiveWriter, ReadOptions, Result, WriteOptions,
};

/// A limit far above the length of any file in the tests.
pub(crate) const LIMIT: u64 = 1 << 30;

/// The directory for tests that do not need a real one.
pub(crate) const DIR: &str = "/db";

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The archives of a real engine: folder and version.
pub(crate) const FIXTURES: [(&str, u64); 6] = [
    ("v5-plain-5", 0),
    ("v5-plain-5.ckpt", 5),
    ("v5-blob-5", 0),
    ("v5-blob-5.ckpt", 5),
    ("v5-ecc-5.ckpt", 5),
    ("v6-plain-5.ckpt", 5),
];

pub(crate) fn read_file(path: &Path) -> Vec<u8> {
    StdFs.read_to_vec(path, LIMIT).unwrap()
}

/// Replaces a file's bytes.
pub(crate) fn put_file(fs: &dyn Fs, path: &Path, bytes: &[u8]) {
    let options = FsOpenOptions::new().write(true).create(true).truncate(true);
    fs.open(path, &options).unwrap().write_at(bytes, 0).unwrap();
}

pub(crate) fn mem_fs() -> MemFs {
    let fs = MemFs::new();
    fs.create_dir(Path::new(DIR)).unwrap();
    fs
}

pub(crate) fn version_path(version: u64) -> PathBuf {
    Path::new(DIR).join(format!("v{version}"))
}

pub(crate) fn current_path() -> PathBuf {
    Path::new(DIR).join("current")
}

pub(crate) type Sections = Vec<(String, Vec<u8>)>;

pub(crate) fn read_all(reader: &ManifestArchiveReader) -> Result<Sections> {
    let names: Vec<_> = reader.footer().sections().iter().map(|entry| entry.name.as_str()).collect();
    let sections = reader.read_sections(&names)?;
    Ok(names.iter().map(|&name| name.to_owned()).zip(sections.into_iter().map(|s| s.payload)).collect())
}

pub(crate) fn open(fs: &dyn Fs, path: &Path) -> Result<ManifestArchiveReader> {
    ManifestArchiveReader::open(fs, path, &ReadOptions::new())
}

pub(crate) fn write<'fs>(
    fs: &'fs dyn Fs,
    path: &Path,
    options: WriteOptions,
    sections: &[(&str, &[u8])],
) -> Result<DurableArchive<'fs>> {
    let mut writer = ManifestArchiveWriter::create(fs, path, options)?;
    for (name, payload) in sections {
        writer.add_section(name, payload)?;
    }
    writer.finish()
}

/// Sections of several lengths: one byte, none, and longer than one parity shard.
pub(crate) const SECTIONS: [(&str, &[u8]); 4] = [
    ("format_version", &[5]),
    ("tables", b"seven levels of tables, and the ids and checksums of all that lie in them"),
    ("nothing", &[]),
    ("comparator_name", b"default"),
];

/// The file that consists of these sections.
pub(crate) fn archive_bytes(options: WriteOptions, sections: &[(&str, &[u8])]) -> Vec<u8> {
    let fs = mem_fs();
    write(&fs, &version_path(1), options, sections).map(drop).unwrap();
    fs.read_to_vec(&version_path(1), LIMIT).unwrap()
}

pub(crate) fn owned(sections: &[(&str, &[u8])]) -> Sections {
    sections.iter().map(|(name, payload)| ((*name).to_owned(), payload.to_vec())).collect()
}
