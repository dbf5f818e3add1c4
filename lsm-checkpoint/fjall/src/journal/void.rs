//! [`Voids`]: the records that a clear has made void.
//!
//! fjall replays every clear that it finds in a journal, at each open, and so removes data that was ingested after the
//! clear. Besides, no table has the number of a clear, so later writes may get lower numbers. If their journal is
//! sealed, an assertion of fjall fails at the next open. So an online backup leaves out each clear and all earlier
//! records of its keyspace. That is right if the captured tables hold nothing from before the clear:
//!
//! - A clear of the first reading has emptied its keyspace before the tables were captured. Sequence numbers do not
//!   matter here. They could not be compared, because fjall may use the number of a clear again after a restart.
//! - A later clear may be unfinished, because fjall draws its number and writes its record before it empties the
//!   tables. This process has written it, so its number can be compared. All earlier records and tables have lower
//!   numbers. If the captured tables hold a higher number, they are from after the clear. If there are no tables,
//!   nothing in them is from before it. Otherwise the backup starts again, and the clear is in the next first reading.
//!
//! Only the last clear of each keyspace matters, because it makes the earlier ones void, too.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use lsm_fs::FsFile;
use xxhash_rust::xxh3::Xxh3Default;

use super::{
    piece::{Piece, Pieces},
    record::{Batch, Item, Next, Records, TRAILER},
    scan::{Bounds, Clear, Persisted, Scan},
};

/// The number of bytes to hash at a time.
const BUFFER: usize = 256 << 10;

/// The last clear of each keyspace.
#[derive(Debug, Default)]
pub(super) struct Voids {
    /// For the id of each keyspace, the number of the journal, and the offset at which the clear ends.
    last: HashMap<u64, (u64, u64)>,
}

/// The treatment of the last clear of a keyspace in the backup.
enum Treatment {
    /// Leave it out, with all earlier records of its keyspace.
    Void,
    /// Keep it.
    Keep,
    /// Start again, because the captured tables may hold data from before the clear.
    StartAgain,
}

impl Treatment {
    fn of(clear: &Clear, persisted: Persisted) -> Self {
        match persisted {
            // fjall would replay the clear in the source, too.
            Persisted::Unknown => Self::Keep,
            Persisted::NoTables => Self::Void,
            Persisted::UpTo(highest) if clear.is_past || highest > clear.seqno => Self::Void,
            Persisted::UpTo(_) => Self::StartAgain,
        }
    }
}

impl Voids {
    /// Finds the last clear of each keyspace in the backup. The journals must come in the order of their numbers. If
    /// a clear may be unfinished, returns the id of its keyspace.
    pub(super) fn of<'a>(scans: impl Iterator<Item = (u64, &'a Scan)>, bounds: &Bounds) -> Result<Self, u64> {
        let mut clears = HashMap::new();
        for (number, scan) in scans.filter(|_| bounds.leaves_out_clears) {
            clears.extend(scan.clears().map(|clear| (clear.keyspace, (number, clear))));
        }
        let mut last = HashMap::new();
        for (keyspace, (number, clear)) in clears {
            let Some(&persisted) = bounds.persisted.get(&keyspace) else { continue };
            match Treatment::of(clear, persisted) {
                Treatment::Void => drop(last.insert(keyspace, (number, clear.range.end))),
                Treatment::Keep => {}
                Treatment::StartAgain => return Err(keyspace),
            }
        }
        Ok(Self { last })
    }

    /// Returns the offset in a journal before which the records of a keyspace are void.
    fn until(&self, journal: u64, keyspace: u64) -> u64 {
        match self.last.get(&keyspace) {
            Some(&(number, _)) if journal < number => u64::MAX,
            Some(&(number, end)) if journal == number => end,
            _ => 0,
        }
    }

    /// Returns the parts of a journal before the offset `end`, without void records, and without the clears at the
    /// places `batches`.
    pub(super) fn leave_out(
        &self,
        (number, file): (u64, &dyn FsFile),
        end: u64,
        batches: impl Iterator<Item = Range<u64>>,
    ) -> lsm_fs::Result<Vec<Piece>> {
        let mut pieces = Pieces::default();
        let last = self.last.keys().map(|&keyspace| self.until(number, keyspace)).max();
        let last = last.unwrap_or_default().min(end);
        let holes: BTreeMap<u64, u64> = batches.map(|hole| (hole.start, hole.end)).collect();
        let mut records = Records::new(file, 0);
        let mut from = 0;
        while from < last {
            let Next::Batch(batch) = records.next()? else {
                debug_assert!(false, "an earlier reading found a batch here");
                break;
            };
            from = batch.range.end;
            if holes.contains_key(&batch.range.start) {
                continue;
            }
            let is_kept = |item: &&Item| batch.range.start >= self.until(number, item.keyspace);
            let kept: Vec<_> = records.items().iter().filter(is_kept).collect();
            if kept.len() == records.items().len() {
                pieces.file(batch.range);
            } else if !kept.is_empty() {
                shorten(file, &batch, &kept, &mut pieces)?;
            }
        }
        for (&start, &hole_end) in holes.range(from..) {
            pieces.file(from..start);
            from = hole_end;
        }
        pieces.file(from..end);
        Ok(pieces.into_vec())
    }
}

/// Adds a batch that holds only these items: a new start marker, the items, and a new end marker with their checksum.
fn shorten(file: &dyn FsFile, batch: &Batch, items: &[&Item], pieces: &mut Pieces) -> lsm_fs::Result<()> {
    let count = u32::try_from(items.len()).unwrap_or(u32::MAX).to_le_bytes();
    pieces.new_bytes(&[&[1][..], &count, &batch.seqno.to_le_bytes()].concat());
    let mut hasher = Xxh3Default::new();
    for item in items {
        hash(file, item.range.clone(), &mut hasher)?;
        pieces.file(item.range.clone());
    }
    pieces.new_bytes(&[&[3][..], &hasher.digest().to_le_bytes(), &TRAILER].concat());
    Ok(())
}

/// Hashes a part of a file.
fn hash(file: &dyn FsFile, range: Range<u64>, hasher: &mut Xxh3Default) -> lsm_fs::Result<()> {
    let (mut at, mut buffer) = (range.start, vec![0; BUFFER]);
    while at < range.end {
        let len = usize::try_from(range.end - at).unwrap_or(usize::MAX).min(BUFFER);
        let read = file.read_at(buffer.get_mut(..len).unwrap_or_default(), at)?;
        if read == 0 {
            debug_assert!(false, "an earlier reading found these bytes");
            break;
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
        at += read as u64;
    }
    Ok(())
}
