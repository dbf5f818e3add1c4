//! An open archive file: reads of its two footers and its blocks, each bounded by the length of the file.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use byteorder::{ByteOrder, LittleEndian};
use lsm_fs::{Fs, FsFile, FsFileExt, FsOpenOptions, ReadRequest};

use crate::{
    BlockIdentity, CryptError, Damage, Defect, EncryptionProvider, Error, FooterPayload, ReadOptions, Result,
    block::{self, BlockHeader, BlockType, DecodedBlock},
    format::{BLOCK_HEADER_LEN, FOOTER_BLOCK_MAX, FOOTER_FIXED_LEN, HEAD_LEN, SIZE_HINT_LEN},
};

/// The longest archive that is read whole when it is opened. Linux reads ahead by this much by default
/// (`VM_READAHEAD_PAGES` in `include/linux/pagemap.h`), so a shorter read would save no I/O.
const SMALL: u64 = 128 * 1024;

/// The length of the shortest possible archive: head, footer without entries, size hint.
const SHORTEST: u64 = (HEAD_LEN + BLOCK_HEADER_LEN + FOOTER_FIXED_LEN + SIZE_HINT_LEN) as u64;

#[derive(Debug)]
pub(crate) struct ArchiveFile {
    source: Source,
    /// Path for error messages.
    pub(crate) path: PathBuf,
    pub(crate) len: u64,
    encryption: Option<Arc<dyn EncryptionProvider>>,
}

/// The bytes of an archive.
#[derive(Debug)]
enum Source {
    /// The whole archive.
    Memory(Vec<u8>),
    /// A file that is too long to keep in memory, or that could not be read in one call.
    File(Box<dyn FsFile>),
}

/// One of the two copies of the footer.
#[derive(Debug)]
pub(crate) struct FooterCopy {
    pub(crate) footer: FooterPayload,
    /// The block as the writer produced it.
    pub(crate) block: Vec<u8>,
    /// The block on disk differs from `block`, in its payload or in its parity.
    pub(crate) restorable: bool,
    /// Parity had to restore the payload.
    pub(crate) healed: bool,
}

impl ArchiveFile {
    pub(crate) fn open(fs: &dyn Fs, path: &Path, options: &ReadOptions) -> Result<Self> {
        let file = fs.open(path, &FsOpenOptions::new().read(true))?;
        let len = file.metadata()?.len;
        let encryption = options.encryption.clone();
        let mut archive = Self { source: Source::File(file), path: path.to_path_buf(), len, encryption };
        if len <= SMALL {
            // If one sector is bad, reading in parts limits the failure to the part that holds it.
            match archive.read(0, len) {
                Ok(whole) => archive.source = Source::Memory(whole),
                Err(failure) => log::warn!("{failure}; reading the archive in parts"),
            }
        }
        Ok(archive)
    }

    pub(crate) fn of_bytes(path: &Path, bytes: Vec<u8>, options: &ReadOptions) -> Self {
        let len = bytes.len() as u64;
        let encryption = options.encryption.clone();
        Self { source: Source::Memory(bytes), path: path.to_path_buf(), len, encryption }
    }

    pub(crate) fn has_key(&self) -> bool {
        self.encryption.is_some()
    }

    /// Reads the footer behind the sections.
    pub(crate) fn read_tail(&self) -> Result<FooterCopy> {
        if self.len < SHORTEST {
            return Err(self.damaged(self.len, Defect::FileTooShort));
        }
        let hint_at = self.len - SIZE_HINT_LEN as u64;
        // One read fetches the size hint and the longest footer that can precede it.
        let from = hint_at.saturating_sub(u64::from(FOOTER_BLOCK_MAX)).max(HEAD_LEN as u64);
        let bytes = self.read(from, self.len - from)?;
        let (room, hint) = bytes
            .split_last_chunk::<SIZE_HINT_LEN>()
            .ok_or_else(|| self.damaged(hint_at, Defect::SizeHint))?;
        let size = LittleEndian::read_u32(hint) as usize;
        let slot = room
            .len()
            .checked_sub(size)
            .and_then(|start| room.get(start..))
            .filter(|slot| slot.len() >= BLOCK_HEADER_LEN)
            .ok_or_else(|| self.damaged(hint_at, Defect::SizeHint))?;
        let offset = hint_at - slot.len() as u64;
        let copy = self.decode_footer(slot, offset)?;
        if copy.footer.sections_end() != offset {
            return Err(self.damaged(offset, Defect::SectionPlace));
        }
        Ok(copy)
    }

    /// Reads the copy of the footer in the head. Fails with [`Defect::NoMirror`] if the head holds only zeros.
    pub(crate) fn read_mirror(&self) -> Result<FooterCopy> {
        if self.len < HEAD_LEN as u64 {
            return Err(self.damaged(self.len, Defect::FileTooShort));
        }
        let head = self.read(0, HEAD_LEN as u64)?;
        if head.iter().all(|&byte| byte == 0) {
            return Err(self.damaged(0, Defect::NoMirror));
        }
        let too_long = || self.damaged(0, Defect::BlockLength);
        let header_bytes = head.first_chunk().ok_or_else(too_long)?;
        let header = BlockHeader::decode(header_bytes, BlockType::ManifestFooter)
            .map_err(|damage| Error::damaged(&self.path, damage))?;
        let (slot, padding) = usize::try_from(header.block_len())
            .ok()
            .filter(|&len| len <= FOOTER_BLOCK_MAX as usize)
            .and_then(|len| head.split_at_checked(len))
            .ok_or_else(too_long)?;
        let copy = self.decode_footer(slot, 0)?;
        if padding.iter().any(|&byte| byte != 0) {
            return Err(self.damaged(slot.len() as u64, Defect::MirrorPadding));
        }
        if !copy.footer.has_mirror() {
            return Err(self.damaged(0, Defect::MirrorFlag));
        }
        if copy.footer.sections_end() > self.len {
            return Err(self.damaged(self.len, Defect::SectionBeyondFile));
        }
        Ok(copy)
    }

    fn decode_footer(&self, slot: &[u8], offset: u64) -> Result<FooterCopy> {
        let damaged = |damage: Damage| Error::damaged(&self.path, damage.shifted(offset));
        let decoded = block::decode(slot, BlockType::ManifestFooter).map_err(damaged)?;
        let block = decoded.as_written(slot);
        let restorable = block != slot;
        if decoded.healed {
            log::warn!("{}: the footer at offset {offset} was restored by its parity", self.path.display());
        }
        let DecodedBlock { header, payload, healed } = decoded;
        let plain = self.unseal(&header, payload, offset)?;
        let footer = FooterPayload::decode(&plain)
            .map_err(|damage| damaged(damage.shifted(BLOCK_HEADER_LEN as u64)))?;
        Ok(FooterCopy { footer, block, restorable, healed })
    }

    /// Decrypts a payload whose checksum has been verified.
    pub(crate) fn unseal(&self, header: &BlockHeader, payload: Vec<u8>, offset: u64) -> Result<Vec<u8>> {
        let file = || self.path.clone();
        let provider = match (&self.encryption, header.encrypted) {
            (None, false) => return Ok(payload),
            (None, true) => return Err(Error::KeyRequired { file: file(), offset }),
            (Some(_), false) => return Err(Error::NotEncrypted { file: file(), offset }),
            (Some(provider), true) => provider,
        };
        let identity = BlockIdentity::manifest(header.block_type);
        let plain = provider.open(&identity, payload).map_err(|source| match source {
            CryptError::Rejected => Error::Rejected { file: file(), offset },
            source => Error::Encryption { file: file(), offset, source },
        })?;
        if plain.len() as u64 != u64::from(header.plain_len) {
            return Err(self.damaged(offset, Defect::PlainLength));
        }
        Ok(plain)
    }

    /// Reads a range, after checking it against the length of the file.
    pub(crate) fn read(&self, offset: u64, len: u64) -> Result<Vec<u8>> {
        let fits = offset.checked_add(len).is_some_and(|end| end <= self.len);
        let len = usize::try_from(len).ok().filter(|_| fits);
        let len = len.ok_or_else(|| self.damaged(offset, Defect::SectionBeyondFile))?;
        let mut bytes = vec![0; len];
        self.read_into(&mut bytes, offset)?;
        Ok(bytes)
    }

    /// Fills the buffer from `offset` on.
    pub(crate) fn read_into(&self, bytes: &mut [u8], offset: u64) -> Result<()> {
        match &self.source {
            Source::File(file) => Ok(file.read_exact_at(bytes, offset, &self.path)?),
            Source::Memory(_) => {
                let found = self.in_memory(offset, bytes.len());
                bytes.copy_from_slice(found.ok_or_else(|| self.damaged(offset, Defect::SectionBeyondFile))?);
                Ok(())
            }
        }
    }

    /// Fills several buffers with one request to the filesystem. Bytes beyond the end of the file stay as they are. For
    /// an archive in memory, the list of requests must be empty.
    pub(crate) fn read_many(&self, requests: &mut [ReadRequest<'_>]) -> Result<()> {
        match &self.source {
            Source::File(file) if !requests.is_empty() => file.read_many(requests)?,
            Source::File(_) => {}
            Source::Memory(_) => debug_assert!(requests.is_empty(), "{} reads of memory", requests.len()),
        }
        Ok(())
    }

    /// Returns a range of an archive that is in memory.
    pub(crate) fn in_memory(&self, offset: u64, len: usize) -> Option<&[u8]> {
        match &self.source {
            Source::Memory(whole) => whole.get(usize::try_from(offset).ok()?..)?.get(..len),
            Source::File(_) => None,
        }
    }

    pub(crate) fn damaged(&self, offset: u64, what: Defect) -> Error {
        Error::damaged(&self.path, Damage::new(offset, what))
    }

    /// Chooses the error to report when both footers are unreadable. A missing key or an unsupported version takes
    /// precedence over apparent damage, because it may be the cause of that damage.
    pub(crate) fn no_footer(&self, tail: Error, mirror: Error) -> Error {
        match (tail, mirror) {
            (
                Error::Corrupt { offset: tail_at, what: tail, .. },
                Error::Corrupt { offset: mirror_at, what: mirror, .. },
            ) => Error::NoFooter {
                file: self.path.clone(),
                tail: Damage::new(tail_at, tail),
                mirror: Damage::new(mirror_at, mirror),
            },
            (Error::Corrupt { .. }, mirror) => mirror,
            (tail, _) => tail,
        }
    }
}
