//! An open archive file: its two footers and the blocks in it, each read within the file's own length.

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

/// An archive of this length at most is read at one go when it is opened; it is what a read-ahead brings in anyway.
const SMALL: u64 = 128 * 1024;

/// No archive is shorter: head, an empty footer, size hint.
const SHORTEST: u64 = (HEAD_LEN + BLOCK_HEADER_LEN + FOOTER_FIXED_LEN + SIZE_HINT_LEN) as u64;

#[derive(Debug)]
pub(crate) struct ArchiveFile {
    source: Source,
    /// Named in errors.
    pub(crate) path: PathBuf,
    pub(crate) len: u64,
    encryption: Option<Arc<dyn EncryptionProvider>>,
}

/// The bytes of an archive.
#[derive(Debug)]
enum Source {
    /// All of it.
    Memory(Vec<u8>),
    /// A file that is too large to be kept, or of which some cannot be read.
    File(Box<dyn FsFile>),
}

/// One of the two copies of the footer.
#[derive(Debug)]
pub(crate) struct FooterCopy {
    pub(crate) footer: FooterPayload,
    /// The block as it was first written.
    pub(crate) block: Vec<u8>,
    /// Whether what lies on disk is another, in its payload or its parity.
    pub(crate) restorable: bool,
    /// Whether the payload itself had to be restored.
    pub(crate) healed: bool,
}

impl ArchiveFile {
    pub(crate) fn open(fs: &dyn Fs, path: &Path, options: &ReadOptions) -> Result<Self> {
        let file = fs.open(path, &FsOpenOptions::new().read(true))?;
        let len = file.metadata()?.len;
        let encryption = options.encryption.clone();
        let mut archive = Self { source: Source::File(file), path: path.to_path_buf(), len, encryption };
        if len <= SMALL {
            // One bad sector does not take the rest with it: each part is then read, and fails, by itself.
            match archive.read(0, len) {
                Ok(whole) => archive.source = Source::Memory(whole),
                Err(failure) => log::warn!("{failure}; read in parts"),
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

    /// The footer behind the sections.
    pub(crate) fn read_tail(&self) -> Result<FooterCopy> {
        if self.len < SHORTEST {
            return Err(self.damaged(self.len, Defect::FileTooShort));
        }
        let hint_at = self.len - SIZE_HINT_LEN as u64;
        // Everything the footer can lie in, and the hint, at one go.
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

    /// The copy in the head; [`Defect::NoMirror`] if the head holds zeros.
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
            log::warn!("{}: the footer at offset {offset} was healed by its parity", self.path.display());
        }
        let DecodedBlock { header, payload, healed } = decoded;
        let plain = self.unseal(&header, payload, offset)?;
        let footer = FooterPayload::decode(&plain)
            .map_err(|damage| damaged(damage.shifted(BLOCK_HEADER_LEN as u64)))?;
        Ok(FooterCopy { footer, block, restorable, healed })
    }

    /// Opens a payload whose checksum is good.
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

    /// Reads a range that the caller has checked against the file's length.
    pub(crate) fn read(&self, offset: u64, len: u64) -> Result<Vec<u8>> {
        let fits = offset.checked_add(len).is_some_and(|end| end <= self.len);
        let len = usize::try_from(len).ok().filter(|_| fits);
        let len = len.ok_or_else(|| self.damaged(offset, Defect::SectionBeyondFile))?;
        let mut bytes = vec![0; len];
        self.read_into(&mut bytes, offset)?;
        Ok(bytes)
    }

    /// Fills a buffer.
    pub(crate) fn read_into(&self, bytes: &mut [u8], offset: u64) -> Result<()> {
        match &self.source {
            Source::File(file) => Ok(file.read_exact_at(bytes, offset, &self.path)?),
            Source::Memory(_) => {
                let found = self.at_hand(offset, bytes.len());
                bytes.copy_from_slice(found.ok_or_else(|| self.damaged(offset, Defect::SectionBeyondFile))?);
                Ok(())
            }
        }
    }

    /// Fills many buffers with one request to the filesystem; beyond the file's end they are left as they are. Of an
    /// archive in memory nothing is left to be read.
    pub(crate) fn read_many(&self, requests: &mut [ReadRequest<'_>]) -> Result<()> {
        match &self.source {
            Source::File(file) if !requests.is_empty() => file.read_many(requests)?,
            Source::File(_) => {}
            Source::Memory(_) => debug_assert!(requests.is_empty(), "{} reads of memory", requests.len()),
        }
        Ok(())
    }

    /// A range of an archive that is in memory.
    pub(crate) fn at_hand(&self, offset: u64, len: usize) -> Option<&[u8]> {
        match &self.source {
            Source::Memory(whole) => whole.get(usize::try_from(offset).ok()?..)?.get(..len),
            Source::File(_) => None,
        }
    }

    pub(crate) fn damaged(&self, offset: u64, what: Defect) -> Error {
        Error::damaged(&self.path, Damage::new(offset, what))
    }

    /// What to report when neither footer can be read: rather what calls for a key or a newer version than what looks
    /// like damage because of it.
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
