//! Archives of `lsm-manifest` with numbered sections: `files.0`, `files.1` and so on.

use std::path::Path;

use lsm_manifest::{ManifestArchiveReader, ReadOptions, WriteOptions, encode_archive};

use super::REPOSITORY_FORMAT;
use super::cursor::{Cursor, put_u32, put_u64};
use crate::defect::Defect;

/// A section is closed once it holds this many bytes.
pub(super) const SECTION_FULL: usize = 8 << 20;

/// A section to write.
pub(super) type Section = (String, Vec<u8>);

/// Collects records into numbered sections.
#[derive(Debug)]
pub(super) struct Sections {
    name: &'static str,
    full: Vec<Section>,
    open: Vec<u8>,
}

impl Sections {
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, full: Vec::new(), open: Vec::new() }
    }

    /// Appends bytes that stay together.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.open.extend_from_slice(bytes);
        if self.open.len() >= SECTION_FULL {
            self.close();
        }
    }

    fn close(&mut self) {
        let name = format!("{}.{}", self.name, self.full.len());
        self.full.push((name, std::mem::take(&mut self.open)));
    }

    pub(super) fn finish(mut self) -> Vec<Section> {
        if !self.open.is_empty() {
            self.close();
        }
        self.full
    }
}

/// Encodes an archive. `name` appears only in errors.
pub(super) fn encode(name: &str, sections: &[Section]) -> Result<Vec<u8>, Defect> {
    let sections = sections.iter().map(|(name, payload)| (name.as_str(), payload.as_slice()));
    encode_archive(Path::new(name), &WriteOptions::new(), sections).map_err(damaged)
}

/// An archive in memory. Its sections are decoded one by one.
#[derive(Debug)]
pub(super) struct Archive(ManifestArchiveReader);

impl Archive {
    pub(super) fn open(name: &str, bytes: Vec<u8>) -> Result<Self, Defect> {
        let reader = ManifestArchiveReader::from_bytes(Path::new(name), bytes, &ReadOptions::new());
        reader.map(Self).map_err(damaged)
    }

    pub(super) fn section(&self, name: &str) -> Result<Vec<u8>, Defect> {
        Ok(self.0.read_section(name).map_err(damaged)?.payload)
    }

    /// Calls `act` with the payload of each section of a list, in order.
    pub(super) fn each(
        &self,
        name: &str,
        mut act: impl FnMut(&[u8]) -> Result<(), Defect>,
    ) -> Result<(), Defect> {
        let listed = self.0.footer().sections().iter();
        let listed = listed.filter(|entry| number_of(&entry.name, name)).count();
        for number in 0..listed {
            act(&self.section(&format!("{name}.{number}"))?)?;
        }
        Ok(())
    }

    /// Returns the range of the blocks of the sections of a list, which must lie side by side.
    pub(super) fn range(&self, name: &str) -> (u64, u64) {
        let listed = self.0.footer().sections().iter().filter(|entry| number_of(&entry.name, name));
        let (mut first, mut end) = (None, 0);
        for entry in listed {
            first.get_or_insert(entry.offset);
            end = entry.end();
        }
        let offset = first.unwrap_or(0);
        (offset, end.saturating_sub(offset))
    }
}

fn number_of(entry: &str, name: &str) -> bool {
    entry.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
}

pub(super) fn damaged(error: lsm_manifest::Error) -> Defect {
    Defect::Archive(Box::new(error))
}

/// The fields at the front of the sections `repository`, `head` and `catalog`.
pub(super) fn put_version(out: &mut Vec<u8>) {
    put_u32(out, REPOSITORY_FORMAT);
    put_u64(out, 0);
}

/// Refuses a format or a feature that this version does not know.
pub(super) fn take_version(from: &mut Cursor<'_>) -> Result<(), Defect> {
    match from.u32()? {
        REPOSITORY_FORMAT => {}
        format => return Err(Defect::Format(format)),
    }
    match from.u64()? {
        0 => Ok(()),
        features => Err(Defect::Features(features)),
    }
}
