//! [`Shelf`]: the open journals of a database.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::{Fs, FsOpenOptions, StdFs};

use super::{
    excerpt::Excerpt,
    held::{Journal, file_name},
    scan::{Bounds, Scan, Tail},
    void::Voids,
};
use crate::{Error, Result};

/// The open journals of a database, by number.
#[derive(Debug)]
pub(crate) struct Shelf {
    dir: PathBuf,
    journals: BTreeMap<u64, Arc<Journal>>,
    /// The results of the first reading, by the number of the journal.
    scans: BTreeMap<u64, Scan>,
}

impl Shelf {
    /// Opens all journals. If the newest one is removed meanwhile, returns its number.
    ///
    /// If an older journal is removed meanwhile, its writes are in tables, so it is not needed. The newest one must be
    /// open: [`missing`](Self::missing) counts on from its number.
    pub(crate) fn open(dir: &Path) -> Result<Result<Self, u64>> {
        let mut shelf = Self { dir: dir.to_path_buf(), journals: BTreeMap::new(), scans: BTreeMap::new() };
        let listed = numbers(dir)?;
        let Some(&newest) = listed.last() else {
            return Err(Error::NotADatabase { dir: shelf.dir, reason: "it has no journal".to_owned() });
        };
        for number in listed {
            if !shelf.add(number)? && number == newest {
                return Ok(Err(newest));
            }
        }
        Ok(Ok(shelf))
    }

    /// Reads the journals for the first time. Everything in them belongs to the backup, whatever its sequence number.
    ///
    /// Sequence numbers of two processes cannot be compared. At an open, fjall continues after the highest number in
    /// its tables and memtables, and the number of a clear is in neither. So this process may reuse numbers of an
    /// earlier one.
    pub(crate) fn read_past(&mut self) -> Result<()> {
        for (&number, journal) in &self.journals {
            self.scans.entry(number).or_default().read_past(&*journal.file)?;
        }
        Ok(())
    }

    /// Opens the journals that were made since the shelf was opened. If one was made and removed meanwhile, returns its
    /// number.
    pub(crate) fn add_new(&mut self) -> Result<Option<u64>> {
        let listed = numbers(&self.dir)?;
        for &number in &listed {
            if !self.journals.contains_key(&number) && !self.add(number)? {
                return Ok(Some(number));
            }
        }
        Ok(self.missing(&listed))
    }

    /// Returns the number of a journal that was made and removed since the journals were first listed. It shows as a
    /// gap in the numbers. fjall removes the oldest journal first. So if a journal before the gap still exists, the gap
    /// was there before, and fjall accepts it.
    fn missing(&self, listed: &[u64]) -> Option<u64> {
        let oldest = listed.iter().min().copied();
        let mut numbers = self.journals.keys().copied();
        let mut expected = numbers.next()? + 1;
        for number in numbers {
            if number > expected && oldest.is_none_or(|oldest| oldest > expected) {
                return Some(expected);
            }
            expected = number + 1;
        }
        None
    }

    /// Opens a journal. Returns `false` if it does not exist.
    fn add(&mut self, number: u64) -> Result<bool> {
        let path = self.dir.join(file_name(number));
        match StdFs.open(&path, &FsOpenOptions::new().read(true)) {
            Ok(file) => {
                let _ = self.journals.insert(number, Arc::new(Journal { path, file }));
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the journals, and returns the parts that belong to the backup. Only the last journal can end early. If a
    /// clear may be unfinished, returns the id of its keyspace.
    pub(crate) fn cut(
        &mut self,
        bounds: &Bounds,
        tail: &Tail<'_, Error>,
    ) -> Result<Result<Vec<Excerpt>, u64>> {
        let last = self.journals.keys().next_back().copied().unwrap_or_default();
        let mut scans = Vec::with_capacity(self.journals.len());
        for (&number, journal) in &self.journals {
            let mut scan = self.scans.remove(&number).unwrap_or_default();
            scan.go_on(&*journal.file, bounds.limit())?;
            settle(journal, &mut scan, bounds, tail, number == last)?;
            scans.push((number, journal, scan));
        }
        let Some(cut) = scans.iter().rposition(|(_, _, scan)| scan.end > 0) else {
            // Keep an empty journal, because without any journal fjall would restart at sequence number 0.
            let newest = scans.pop().map(|(number, journal, _)| Excerpt::new(number, journal, Vec::new()));
            return Ok(Ok(newest.into_iter().collect()));
        };
        scans.truncate(cut + 1);
        scans.iter_mut().take(cut).for_each(|(_, _, scan)| scan.end = scan.content_end);
        let voids = match Voids::of(scans.iter().map(|(number, _, scan)| (*number, scan)), bounds) {
            Ok(voids) => voids,
            Err(keyspace) => return Ok(Err(keyspace)),
        };
        let excerpts = scans.iter().map(|(number, journal, scan)| {
            let strangers = scan.clears_of_strangers(bounds);
            let pieces = voids.leave_out((*number, &*journal.file), scan.end, strangers)?;
            Ok(Excerpt::new(*number, journal, pieces))
        });
        excerpts.collect::<Result<_>>().map(Ok)
    }
}

/// Decides if an unreadable batch is an error.
fn settle(
    journal: &Journal,
    scan: &mut Scan,
    bounds: &Bounds,
    tail: &Tail<'_, Error>,
    is_last: bool,
) -> Result<()> {
    let Some((unread, is_refused)) = scan.stop.clone() else { return Ok(()) };
    let is_settled = match tail {
        // fjall drops an incomplete batch, and refuses a damaged one.
        Tail::Closed => !is_refused,
        Tail::Live(_) if !is_last => false,
        // A writer is at work on this batch, and it does not belong to the backup.
        Tail::Live(_) if unread.seqno.is_some_and(|seqno| seqno >= bounds.below) => true,
        // All batches below the bound were complete before the journal was read. So this one is either a later batch
        // that was only partly visible, and complete after the wait, or it is damaged.
        Tail::Live(wait) => {
            wait()?;
            scan.go_on(&*journal.file, bounds.limit())?;
            scan.content_end > unread.offset
        }
    };
    if is_settled {
        return Ok(());
    }
    let (path, defect) = (journal.path.clone(), unread.defect.to_owned());
    Err(Error::DamagedJournal { path, offset: unread.offset, defect })
}

/// Returns the numbers of the journals in a directory, in order.
fn numbers(dir: &Path) -> Result<Vec<u64>> {
    let entries = StdFs.read_dir(dir)?;
    let names = entries.iter().filter_map(|entry| entry.name.to_str());
    let mut numbers: Vec<u64> =
        names.filter_map(|name| name.strip_suffix(".jnl")).filter_map(|number| number.parse().ok()).collect();
    numbers.sort_unstable();
    Ok(numbers)
}
