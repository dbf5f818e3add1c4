//! [`Cut`]: a database at one moment.
//!
//! Every record of a journal has a sequence number. A writer takes the journal's mutex before it draws the number, and
//! releases it after the record is written and visible. So the records of one process are ordered by number. A backup
//! is cut at a number S: of the writes of this process, it holds all below S and no others.
//!
//! 1. Open all journals, and read them. An open file stays readable if fjall removes its name. Everything in this first
//!    reading belongs to the backup, whatever its number, because this process may reuse numbers of an earlier process.
//!    Persist the journal, which waits for the current writer. So each clear that was read has emptied its keyspace.
//! 2. Lock the map of keyspaces, so that none is created or deleted. Pin the version of each keyspace (its list of
//!    tables), read S, and read the versions again. If one changed, repeat this. After 16 readings, start again with
//!    step 1. Open the files of keyspace 0, fjall's list of keyspaces.
//! 3. Unlock the map, and persist the journal. This waits for the current writer, so every record below S is in a file.
//! 4. Open the new journals. If one was made and removed meanwhile, start again at 1.
//! 5. Keep the journals up to the last record below S, or to the end of the first reading if that is later. Leave out
//!    the clears, and the earlier records of their keyspaces. If the pinned version of a keyspace may precede its last
//!    clear, start again at 1: the writer of that clear has not emptied the keyspace yet.
//!
//! Tables of the pinned versions hold only numbers below S. Ingestions, and the creation and deletion of keyspaces, are
//! in no journal, but each takes a number. If the number is below S, the pinned versions or the files of keyspace 0
//! hold the change. Otherwise only records at or above S can depend on it, and these are cut off. When fjall opens a
//! restored database, it skips a record that is both in a table and in a journal.

use std::{
    collections::HashMap,
    path::Path,
    time::{Duration, Instant},
};

use fjall::{Database, PersistMode};
use lsm_checkpoint::Capture;

use crate::{
    Changing, Error, Result,
    journal::{Bounds, Excerpt, Shelf, Tail},
    root::{KEYSPACES, Root, folder_of},
    steps::{Step, Steps},
    stored::{OpenTree, StoredTree},
    tree::PinnedKeyspace,
};

/// The maximum number of readings of the versions under one lock of the map. A reading takes microseconds.
const READINGS: u32 = 16;

/// A captured database.
pub(crate) struct Cut {
    pub(crate) capture: Capture<'static>,
    pub(crate) costs: Costs,
}

/// The figures of a capture, which [`BackupInfo`](crate::BackupInfo) reports.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Costs {
    /// The number S: all writes below it are in the backup. `None` if the database was closed.
    pub(crate) below: Option<u64>,
    pub(crate) attempts: u32,
    /// The longest time for which the map of keyspaces was locked.
    pub(crate) pause: Duration,
    pub(crate) journals: u64,
    pub(crate) journal_bytes: u64,
}

/// The keyspaces at one moment.
struct Moment {
    below: u64,
    keyspaces: Vec<PinnedKeyspace>,
    meta: OpenTree,
}

/// Captures a database, in at most this many attempts.
pub(crate) fn capture(db: &Database, dir: &Path, attempts: u32, steps: &Steps<'_>) -> Result<Cut> {
    let mut costs = Costs::default();
    loop {
        costs.attempts += 1;
        match attempt(db, dir, steps, &mut costs)? {
            Ok(capture) => return Ok(Cut { capture, costs }),
            Err(changing) if costs.attempts >= attempts => {
                return Err(Error::KeptChanging { changing, attempts: costs.attempts });
            }
            Err(_) => {}
        }
    }
}

/// Makes one attempt. If a part of the database changed meanwhile, returns that part.
fn attempt(
    db: &Database,
    dir: &Path,
    steps: &Steps<'_>,
    costs: &mut Costs,
) -> Result<Result<Capture<'static>, Changing>> {
    let mut shelf = match Shelf::open(dir)? {
        Ok(shelf) => shelf,
        Err(number) => return Ok(Err(Changing::Journal(number))),
    };
    let persist = || Ok(db.persist(PersistMode::Buffer)?);
    shelf.read_past()?;
    persist()?;
    steps.end(Step::JournalsOpened);
    let Moment { below, keyspaces, meta } = match Moment::take(db, dir, steps, &mut costs.pause)? {
        Ok(moment) => moment,
        Err(changing) => return Ok(Err(changing)),
    };
    steps.end(Step::Captured);
    persist()?;
    steps.end(Step::Persisted);
    if let Some(number) = shelf.add_new()? {
        return Ok(Err(Changing::Journal(number)));
    }
    steps.end(Step::JournalsListed);
    let mut capture = Capture::new().tree(folder_of(0), meta.snapshot()?);
    let (mut names, mut persisted) = (HashMap::new(), HashMap::new());
    for keyspace in keyspaces {
        let keyspace = keyspace.capture(steps.safeguards.hold_keyspaces)?;
        let _ = names.insert(keyspace.id, keyspace.name);
        let _ = persisted.insert(keyspace.id, keyspace.persisted);
        capture = capture.tree(folder_of(keyspace.id), keyspace.snapshot);
    }
    let bounds = Bounds {
        below,
        persisted,
        cuts: steps.safeguards.cut_journals,
        leaves_out_clears: steps.safeguards.leave_out_clears,
    };
    let journals = match shelf.cut(&bounds, &Tail::Live(&persist))? {
        Ok(journals) => journals,
        Err(id) => return Ok(Err(Changing::Keyspace(names.remove(&id).unwrap_or_default()))),
    };
    steps.end(Step::JournalsCut);
    costs.below = Some(below);
    costs.journals = journals.len() as u64;
    costs.journal_bytes = journals.iter().map(Excerpt::len).sum();
    Ok(Ok(Root::new(journals, below).complete(capture)))
}

impl Moment {
    /// Captures all keyspaces while none can be created or deleted.
    ///
    /// Calls of `db` that wait for the journal's mutex are forbidden here, because a worker that holds it may be
    /// waiting for the map.
    fn take(
        db: &Database,
        dir: &Path,
        steps: &Steps<'_>,
        pause: &mut Duration,
    ) -> Result<Result<Self, Changing>> {
        let map = db.supervisor.keyspaces.read().map_err(|_| Error::Poisoned)?;
        let start = Instant::now();
        let mut readings = 0;
        let (below, mut keyspaces) = loop {
            readings += 1;
            let keyspaces: Vec<_> = map.values().map(PinnedKeyspace::new).collect();
            steps.end(Step::VersionsRead);
            let below = db.seqno();
            steps.end(Step::NumberRead);
            let changed = keyspaces.iter().find(|keyspace| !keyspace.is_current());
            match changed.filter(|_| steps.safeguards.read_versions_again) {
                None => break (below, keyspaces),
                Some(changed) if readings == READINGS => {
                    *pause = start.elapsed().max(*pause);
                    return Ok(Err(Changing::Keyspace(changed.keyspace.name().to_string())));
                }
                Some(_) => {}
            }
        };
        keyspaces.sort_by_key(|keyspace| keyspace.keyspace.id());
        let folder = dir.join(KEYSPACES).join("0");
        let meta =
            StoredTree::read(&folder)?.ok_or_else(|| Error::damaged(&folder, "keyspace 0 is missing"))?;
        let meta = meta.open()?;
        drop(map);
        *pause = start.elapsed().max(*pause);
        Ok(Ok(Self { below, keyspaces, meta }))
    }
}
