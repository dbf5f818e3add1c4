//! Archives to test with.

use std::path::{Path, PathBuf};

use lsm_fs::{Fs, FsExt, FsOpenOptions, StdFs};
use lsm_manifest::{ManifestArchiveReader, ManifestArchiveWriter, ReadOptions, Result, WriteOptions};

/// Far more than any file here.
const LIMIT: u64 = 1 << 30;

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The archives of a real engine: directory and version.
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

/// Replaces a file's bytes, if they are others.
pub(crate) fn put_file(fs: &dyn Fs, path: &Path, bytes: &[u8]) {
    let options = FsOpenOptions::new().write(true).create(true).truncate(true);
    fs.open(path, &options).unwrap().write_at(bytes, 0).unwrap();
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

pub(crate) fn write(
    fs: &dyn Fs,
    path: &Path,
    options: WriteOptions,
    sections: &[(&str, &[u8])],
) -> Result<()> {
    let mut writer = ManifestArchiveWriter::create(fs, path, options)?;
    for (name, payload) in sections {
        writer.add_section(name, payload)?;
    }
    writer.finish().map(drop)
}
