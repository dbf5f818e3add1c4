//! [`Records`]: the batches of a journal, one after the other.
//!
//! A batch is a start marker, its items or a clear, and an end marker with their checksum. Each marker begins with a
//! byte from 1 to 4, as the table shows. A number in parentheses is the length of a field in bytes. Integers are
//! little-endian.
//!
//! | marker | bytes |
//! |---|---|
//! | start | 1, number of items (4), sequence number (8) |
//! | item | 2, type (1), compression (1), keyspace (8), lengths of key (2), value (4) and stored value (4), key, value |
//! | end | 3, XXH3-64 of all items (8), `FJL` and 3 |
//! | clear | 4, keyspace (8) |

use std::ops::Range;

use lsm_fs::FsFile;
use xxhash_rust::xxh3::Xxh3Default;

/// The number of bytes to read at a time.
const PIECE: usize = 256 << 10;

/// The last bytes of a batch.
pub(super) const TRAILER: [u8; 4] = *b"FJL\x03";

/// A complete batch with the right checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// The sequence number.
    pub(super) seqno: u64,
    /// The place of the batch in the file.
    pub(super) range: Range<u64>,
    /// The keyspace that the batch clears, if it is a clear. fjall writes each clear as a batch of its own.
    pub(super) clears: Option<u64>,
}

/// An item of a batch, or the marker of a clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) keyspace: u64,
    /// The place of the item in the file.
    pub(super) range: Range<u64>,
}

/// The next part of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A batch.
    Batch(Batch),
    /// The content ends here. Only preallocated zeros may follow.
    End,
    /// A batch begins here and does not end, or the next bytes are no batch. fjall cuts them off when it opens the
    /// database.
    Torn(Unread),
    /// A batch has a wrong checksum or a wrong number of items. fjall refuses to open such a journal.
    Damaged(Unread),
}

/// A batch that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unread {
    /// The start of the batch.
    pub(super) offset: u64,
    /// The sequence number, if the start marker is whole.
    pub(super) seqno: Option<u64>,
    /// The defect.
    pub(super) defect: &'static str,
}

/// A reader of batches.
pub(super) struct Records<'a> {
    file: &'a dyn FsFile,
    /// The position in the file of the first byte in the buffer.
    base: u64,
    buffer: Vec<u8>,
    /// The part of the buffer that was consumed.
    used: usize,
    items: Vec<Item>,
}

/// A reason why a batch cannot be read.
enum Stop {
    Torn(&'static str),
    Damaged(&'static str),
    Failed(lsm_fs::Error),
}

impl From<lsm_fs::Error> for Stop {
    fn from(error: lsm_fs::Error) -> Self {
        Self::Failed(error)
    }
}

const SHORT: Stop = Stop::Torn("the file ends inside a batch");

impl<'a> Records<'a> {
    /// Creates a reader that starts at a batch.
    pub(super) fn new(file: &'a dyn FsFile, offset: u64) -> Self {
        Self { file, base: offset, buffer: Vec::new(), used: 0, items: Vec::new() }
    }

    /// Reads the next batch. After anything but a batch, the reader is at an arbitrary position.
    pub(super) fn next(&mut self) -> lsm_fs::Result<Next> {
        let offset = self.position();
        let unread = |seqno, defect| Unread { offset, seqno, defect };
        match self.peek()? {
            None => return Ok(Next::End),
            Some(0) if self.is_zero_from(offset)? => return Ok(Next::End),
            Some(0) => return Ok(Next::Torn(unread(None, "bytes follow the end"))),
            Some(_) => {}
        }
        let mut seqno = None;
        match self.batch(&mut seqno) {
            Ok((seqno, clears)) => Ok(Next::Batch(Batch { seqno, range: offset..self.position(), clears })),
            Err(Stop::Torn(defect)) => Ok(Next::Torn(unread(seqno, defect))),
            Err(Stop::Damaged(defect)) => Ok(Next::Damaged(unread(seqno, defect))),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    /// Returns the items of the last batch.
    pub(super) fn items(&self) -> &[Item] {
        &self.items
    }

    fn batch(&mut self, found: &mut Option<u64>) -> Result<(u64, Option<u64>), Stop> {
        let [tag] = self.take()?;
        if tag != 1 {
            return Err(Stop::Torn("no batch begins here"));
        }
        let mut left = u32::from_le_bytes(self.take()?);
        let seqno = u64::from_le_bytes(self.take()?);
        *found = Some(seqno);
        let is_single = left == 1;
        let (mut hasher, mut clears) = (Xxh3Default::new(), None);
        self.items.clear();
        loop {
            let start = self.position();
            let [tag] = self.take()?;
            let keyspace = match tag {
                3 => break,
                2 | 4 if left == 0 => return Err(Stop::Damaged("a batch has too many items")),
                2 => self.item(&mut hasher)?,
                4 => {
                    let keyspace = self.take::<8>()?;
                    hasher.update(&[4]);
                    hasher.update(&keyspace);
                    *clears.insert(u64::from_le_bytes(keyspace))
                }
                _ => return Err(Stop::Torn("an unknown marker inside a batch")),
            };
            self.items.push(Item { keyspace, range: start..self.position() });
            left -= 1;
        }
        let checksum = u64::from_le_bytes(self.take()?);
        if self.take()? != TRAILER {
            return Err(Stop::Torn("a batch has no trailer"));
        }
        if left > 0 {
            return Err(Stop::Damaged("a batch lacks items"));
        }
        if hasher.digest() != checksum {
            return Err(Stop::Damaged("a batch has a wrong checksum"));
        }
        Ok((seqno, clears.filter(|_| is_single)))
    }

    /// Hashes an item, and returns its keyspace.
    fn item(&mut self, hasher: &mut Xxh3Default) -> Result<u64, Stop> {
        let head: [u8; 20] = self.take()?;
        let [kind, compression, id @ .., k0, k1, _, _, _, _, v0, v1, v2, v3] = head;
        if !matches!(kind, 0..=2 | 4) || compression > 1 {
            return Err(Stop::Torn("an item of an unknown type"));
        }
        hasher.update(&[2]);
        hasher.update(&head);
        let key = u64::from(u16::from_le_bytes([k0, k1]));
        let value = u64::from(u32::from_le_bytes([v0, v1, v2, v3]));
        self.pass(key + value, hasher)?;
        Ok(u64::from_le_bytes(id))
    }

    /// Hashes the next bytes and skips them.
    fn pass(&mut self, len: u64, hasher: &mut Xxh3Default) -> Result<(), Stop> {
        let mut left = len;
        while left > 0 {
            if self.rest().is_empty() && self.fill(1)? == 0 {
                return Err(SHORT);
            }
            let piece = usize::try_from(left).unwrap_or(usize::MAX).min(self.rest().len());
            hasher.update(self.rest().get(..piece).unwrap_or_default());
            self.used += piece;
            left -= piece as u64;
        }
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        if self.rest().len() < N && self.fill(N)? < N {
            return Err(SHORT);
        }
        let taken = self.rest().first_chunk::<N>().copied().ok_or(SHORT)?;
        self.used += N;
        Ok(taken)
    }

    fn peek(&mut self) -> lsm_fs::Result<Option<u8>> {
        if self.rest().is_empty() {
            let _ = self.fill(1)?;
        }
        Ok(self.rest().first().copied())
    }

    /// Reads until the buffer has `wanted` bytes or the file ends. Returns the number of bytes in the buffer.
    fn fill(&mut self, wanted: usize) -> lsm_fs::Result<usize> {
        self.buffer.drain(..self.used);
        self.base += self.used as u64;
        self.used = 0;
        while self.buffer.len() < wanted {
            let filled = self.buffer.len();
            self.buffer.resize(filled + PIECE, 0);
            let free = self.buffer.get_mut(filled..).unwrap_or_default();
            let read = self.file.read_at(free, self.base + filled as u64)?;
            self.buffer.truncate(filled + read);
            if read == 0 {
                break;
            }
        }
        Ok(self.buffer.len())
    }

    /// Returns `true` if the file has only zeros from this offset on. Holes are skipped.
    fn is_zero_from(&self, offset: u64) -> lsm_fs::Result<bool> {
        let (mut at, mut piece) = (offset, vec![0; PIECE]);
        while let Some(data) = self.file.next_data(at)? {
            at = data.start.max(at);
            while at < data.end {
                let read = self.file.read_at(&mut piece, at)?;
                if read == 0 {
                    return Ok(true);
                }
                if piece.get(..read).unwrap_or_default().iter().any(|&byte| byte != 0) {
                    return Ok(false);
                }
                at += read as u64;
            }
        }
        Ok(true)
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.used..).unwrap_or_default()
    }

    fn position(&self) -> u64 {
        self.base + self.used as u64
    }
}
