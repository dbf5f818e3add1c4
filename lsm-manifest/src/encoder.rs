//! Archives as bytes, independent of any file: [`Encoder`] and [`encode_archive`].

mod gathered;

use std::path::{Path, PathBuf};

use gathered::Gathered;

use crate::{
    BlockIdentity, Error, FooterPayload, NameProblem, Result, TocEntry, WriteOptions,
    block::{BlockForm, BlockHeader, BlockType},
    ecc,
    footer::{encoded_len, is_section_name, size_hint},
    format::{BLOCK_HEADER_LEN, FOOTER_BLOCK_MAX, HEAD_LEN, SECTION_BLOCK_MAX},
};

/// Encodes an archive with these sections, in this order. The bytes are the same as a
/// [`ManifestArchiveWriter`](crate::ManifestArchiveWriter) writes to a file.
///
/// `file` appears only in error messages and is never opened. Use [`ManifestArchiveReader::from_bytes`] to read the
/// archive.
///
/// # Errors
///
/// - [`InvalidName`](Error::InvalidName): a section name is empty, too long, or already taken.
/// - [`TooManySections`](Error::TooManySections): the footer has no room for all the sections.
/// - [`SectionTooLong`](Error::SectionTooLong): the block of a section would exceed 16 MiB.
/// - [`Encryption`](Error::Encryption): the provider failed to seal a block.
///
/// # Examples
///
/// ```
/// use lsm_manifest::{ManifestArchiveReader, ReadOptions, WriteOptions, encode_archive};
/// use std::path::Path;
///
/// # fn main() -> lsm_manifest::Result<()> {
/// let name = Path::new("v7, from the replica");
/// let bytes = encode_archive(name, &WriteOptions::new(), [("tables", &b"..."[..])])?;
/// let archive = ManifestArchiveReader::from_bytes(name, bytes, &ReadOptions::new())?;
/// assert_eq!(archive.read_section("tables")?.payload, b"...");
/// # Ok(())
/// # }
/// ```
///
/// [`ManifestArchiveReader::from_bytes`]: crate::ManifestArchiveReader::from_bytes
pub fn encode_archive<'a>(
    file: &Path,
    options: &WriteOptions,
    sections: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<Vec<u8>> {
    let mut encoder = Encoder::new(file, options.clone());
    for (name, payload) in sections {
        encoder.begin_section(name)?;
        let fits = encoder.push(payload);
        encoder.finish_section(name, fits)?;
    }
    encoder.finish()?;
    Ok(encoder.take())
}

/// Builds an archive section by section. Completed bytes can be taken at any time.
#[derive(Debug)]
pub(crate) struct Encoder {
    /// Path for error messages.
    file: PathBuf,
    options: WriteOptions,
    sections: Vec<TocEntry>,
    /// The bytes of the archive from offset `taken` on.
    gathered: Gathered,
    taken: u64,
}

/// The result of completing an archive.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) footer: FooterPayload,
    /// The mirror, which the caller writes at offset 0. `None` if there is no mirror, or if the gathered bytes still
    /// include the head and so the mirror.
    pub(crate) late_mirror: Option<Vec<u8>>,
}

impl Encoder {
    pub(crate) fn new(file: &Path, options: WriteOptions) -> Self {
        // The head is all zeros until the footer is known.
        let gathered = Gathered::new(vec![0; HEAD_LEN]);
        Self { file: file.to_path_buf(), options, sections: Vec::new(), gathered, taken: 0 }
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    pub(crate) fn options(&self) -> &WriteOptions {
        &self.options
    }

    pub(crate) fn sections(&self) -> &[TocEntry] {
        &self.sections
    }

    /// Returns the offset of the bytes that [`take`](Self::take) returns next.
    pub(crate) fn offset(&self) -> u64 {
        self.taken
    }

    /// Returns the number of completed bytes that were not taken yet.
    pub(crate) fn complete_len(&self) -> usize {
        self.gathered.complete_len()
    }

    /// Takes the completed bytes. Write them at [`offset`](Self::offset), as it was before this call.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let bytes = self.gathered.take();
        self.taken += bytes.len() as u64;
        bytes
    }

    /// Checks the name of a section and starts its block. Discards an unfinished section.
    pub(crate) fn begin_section(&mut self, name: &str) -> Result<()> {
        self.check_name(name)?;
        self.gathered.begin_block();
        Ok(())
    }

    /// Reserves memory for a payload of this length.
    pub(crate) fn reserve(&mut self, payload: usize) {
        self.gathered.reserve(payload);
    }

    /// Appends to the payload of the section. Returns `false` and appends nothing if the payload would become too long.
    pub(crate) fn push(&mut self, payload: &[u8]) -> bool {
        let fits = self.gathered.block_len() + payload.len() <= SECTION_BLOCK_MAX as usize;
        if fits {
            self.gathered.push(payload);
        }
        fits
    }

    /// Completes the section. `fits` is `true` if every `push` succeeded.
    pub(crate) fn finish_section(&mut self, name: &str, fits: bool) -> Result<()> {
        let header = if fits { self.complete_block(BlockType::Manifest)? } else { None };
        let size = u32::try_from(self.gathered.block_len());
        let size = size.ok().filter(|&size| size <= SECTION_BLOCK_MAX);
        let (Some(header), Some(size)) = (header, size) else { return Err(self.too_long(name)) };
        self.list(name, size, header.checksum);
        self.gathered.settle(&[]);
        Ok(())
    }

    /// Adds a section that is neither sealed nor has parity. Only its header is gathered. The caller writes the payload
    /// behind the completed bytes.
    pub(crate) fn add_header_of(&mut self, name: &str, payload: &[u8]) -> Result<()> {
        self.check_name(name)?;
        let plain_len = u32::try_from(payload.len()).map_err(|_| self.too_long(name))?;
        let size = u32::try_from(payload.len().saturating_add(BLOCK_HEADER_LEN)).ok();
        let size = size.filter(|&size| size <= SECTION_BLOCK_MAX).ok_or_else(|| self.too_long(name))?;
        let form = BlockForm { block_type: BlockType::Manifest, parity: false, encrypted: false, plain_len };
        let header = form.header_of(payload).ok_or_else(|| self.too_long(name))?;
        self.list(name, size, header.checksum);
        self.gathered.append(&header.encode());
        Ok(())
    }

    /// Advances the offset by the bytes that the caller wrote behind the taken bytes.
    pub(crate) fn skip(&mut self, written: u64) {
        self.taken += written;
    }

    /// Appends the footer and the size hint, and fills in the mirror if the head was not taken yet.
    pub(crate) fn finish(&mut self) -> Result<Finished> {
        let footer = FooterPayload::new(self.options.mirror, self.sections.clone())
            .map_err(|what| Error::Corrupt { file: self.file.clone(), offset: self.end(), what })?;
        self.gathered.begin_block();
        self.gathered.push(&footer.encode());
        let header = self.complete_block(BlockType::ManifestFooter)?;
        let block = self.gathered.block().to_vec();
        // `check_name` has ensured that the footer fits. Only a provider that exceeds its own `max_overhead` gets here.
        if header.is_none() || block.len() > FOOTER_BLOCK_MAX as usize {
            return Err(self.too_many("of the footer"));
        }
        self.gathered.settle(&size_hint(&block));
        let head_is_here = self.taken == 0;
        let late_mirror = match (self.options.mirror, head_is_here) {
            (false, _) => None,
            (true, false) => Some(block),
            (true, true) => {
                self.gathered.patch(&block);
                None
            }
        };
        Ok(Finished { footer, late_mirror })
    }

    fn check_name(&self, name: &str) -> Result<()> {
        let taken = self.sections.iter().any(|entry| entry.name == name);
        let problem = match is_section_name(name) {
            true if !taken => None,
            true => Some(NameProblem::Duplicate),
            false if name.is_empty() => Some(NameProblem::Empty),
            false => Some(NameProblem::TooLong),
        };
        if let Some(problem) = problem {
            return Err(Error::InvalidName { name: name.to_owned(), problem });
        }
        let names = self.sections.iter().map(|entry| entry.name.as_str());
        let payload = encoded_len(names.chain([name])) + self.overhead();
        let parity = if self.options.parity { ecc::parity_len(payload as u64) } else { 0 };
        if (BLOCK_HEADER_LEN + payload) as u64 + parity > u64::from(FOOTER_BLOCK_MAX) {
            return Err(self.too_many(name));
        }
        Ok(())
    }

    fn overhead(&self) -> usize {
        self.options.encryption.as_ref().map_or(0, |provider| provider.max_overhead())
    }

    fn list(&mut self, name: &str, size: u32, checksum: u128) {
        let entry = TocEntry { name: name.to_owned(), offset: self.end(), size, checksum };
        self.sections.push(entry);
    }

    fn too_many(&self, name: &str) -> Error {
        Error::TooManySections { file: self.file.clone(), name: name.to_owned() }
    }

    fn too_long(&self, name: &str) -> Error {
        Error::SectionTooLong { file: self.file.clone(), name: name.to_owned() }
    }

    /// Turns the pending payload into a block. Returns `None` if the payload exceeds `u32::MAX` bytes.
    fn complete_block(&mut self, block_type: BlockType) -> Result<Option<BlockHeader>> {
        let payload = self.gathered.payload();
        let Ok(plain_len) = u32::try_from(payload.len()) else { return Ok(None) };
        let parity = self.options.parity;
        let encrypted = self.options.encryption.is_some();
        if let Some(provider) = &self.options.encryption {
            let sealed = provider.seal(&BlockIdentity::manifest(block_type), payload).map_err(|source| {
                Error::Encryption { file: self.file.clone(), offset: self.end(), source }
            })?;
            self.gathered.begin_block();
            self.gathered.push(&sealed);
        }
        Ok(self.gathered.complete_block(BlockForm { block_type, parity, encrypted, plain_len }))
    }

    /// Returns the offset at which the next block begins.
    fn end(&self) -> u64 {
        self.taken + self.gathered.complete_len() as u64
    }
}
