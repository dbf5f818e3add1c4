//! [`Event`]: a change that can happen to a database between two steps of a backup.

use fjall::{AbstractTree, Database, Keyspace, KeyspaceCreateOptions};

use super::world::{Contents, World};

/// The length from which fjall rotates a journal, and the length of the values that fill it.
const JOURNAL_FULL: usize = 64_000_000;
const PIECE: usize = 4 << 20;

/// A change of the database in a [`Subject`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Put,
    Batch,
    Ingestion,
    Creation,
    Deletion,
    Clear,
    Flush,
    Compaction,
    Rotation,
}

impl Event {
    pub(super) const ALL: [Self; 9] = [
        Self::Put,
        Self::Batch,
        Self::Ingestion,
        Self::Creation,
        Self::Deletion,
        Self::Clear,
        Self::Flush,
        Self::Compaction,
        Self::Rotation,
    ];

    /// Returns `true` if the event waits while a backup has locked the map of keyspaces.
    pub(super) fn waits_for_map(self) -> bool {
        matches!(self, Self::Creation | Self::Deletion | Self::Flush | Self::Rotation)
    }

    /// Makes the change.
    pub(super) fn happen(self, subject: &Subject) {
        let Subject { db, a, b, c, doomed, .. } = subject;
        match self {
            Self::Put => a.insert("event", "put").unwrap(),
            Self::Batch => {
                let mut batch = db.batch();
                for keyspace in [a, b, c] {
                    batch.insert(keyspace, "event", "batch");
                }
                batch.commit().unwrap();
            }
            Self::Ingestion => {
                let mut ingestion = b.start_ingestion().unwrap();
                ingestion.write("event", "ingested").unwrap();
                ingestion.write("old", "ingested").unwrap();
                ingestion.finish().unwrap();
            }
            Self::Creation => {
                let new = db.keyspace("new", KeyspaceCreateOptions::default).unwrap();
                new.insert("event", "created").unwrap();
            }
            // Outside of fjall, this is the last handle of the keyspace.
            Self::Deletion => {
                let handle = doomed.lock().unwrap().take().unwrap();
                db.delete_keyspace(handle).unwrap();
            }
            Self::Clear => c.clear().unwrap(),
            Self::Flush => a.rotate_memtable_and_wait().unwrap(),
            Self::Compaction => {
                a.tree.flush_active_memtable(0).unwrap();
                a.major_compact().unwrap();
            }
            Self::Rotation => {
                let next = b.path().ancestors().nth(2).unwrap().join("1.jnl");
                assert!(!next.exists(), "the journal is rotated here and not before");
                b.insert("event", "rotated").unwrap();
                b.rotate_memtable_and_wait().unwrap();
                assert!(next.exists(), "the journal was full");
            }
        }
    }

    /// Makes the change in the contents that the database must have.
    pub(super) fn apply(self, contents: &mut Contents) {
        let mut put = |keyspace: &str, key: &str, value: &str| {
            contents.entry(keyspace.to_owned()).or_default().insert(key.into(), value.into());
        };
        match self {
            Self::Put => put("a", "event", "put"),
            Self::Batch => ["a", "b", "c"].into_iter().for_each(|keyspace| put(keyspace, "event", "batch")),
            Self::Ingestion => {
                put("b", "event", "ingested");
                put("b", "old", "ingested");
            }
            Self::Creation => put("new", "event", "created"),
            Self::Deletion => drop(contents.remove("doomed")),
            Self::Clear => contents.get_mut("c").unwrap().clear(),
            Self::Rotation => put("b", "event", "rotated"),
            Self::Flush | Self::Compaction => {}
        }
    }
}

/// The database of a test, and handles of its four keyspaces. Each has a key in a table and a key in the journal.
pub(super) struct Subject {
    pub(super) db: Database,
    pub(super) a: Keyspace,
    pub(super) b: Keyspace,
    pub(super) c: Keyspace,
    pub(super) doomed: std::sync::Mutex<Option<Keyspace>>,
}

impl Subject {
    /// Makes a database. If `is_full`, fills its journal, so that [`Event::Rotation`] rotates it.
    pub(super) fn new(world: &World, is_full: bool) -> Self {
        let db = world.open();
        // With a smaller memtable, fjall would flush while the journal is filled, and rotate the journal before the
        // event.
        let options = || KeyspaceCreateOptions::default().max_memtable_size(128 << 20);
        let keyspace = |name: &str| db.keyspace(name, options).unwrap();
        let [a, b, c, doomed] = ["a", "b", "c", "doomed"].map(keyspace);
        for keyspace in [&a, &b, &c, &doomed] {
            keyspace.insert("old", "table").unwrap();
            keyspace.rotate_memtable_and_wait().unwrap();
            keyspace.insert("new", "journal").unwrap();
        }
        if is_full {
            fill_journal(&b);
            b.remove("large").unwrap();
        }
        Self { db, a, b, c, doomed: std::sync::Mutex::new(Some(doomed)) }
    }

    /// Writes the key `mark`, after the event.
    pub(super) fn mark(&self) {
        self.a.insert("mark", "later").unwrap();
    }
}

/// Applies [`Subject::mark`] to contents.
pub(super) fn mark(contents: &mut Contents) {
    contents.get_mut("a").unwrap().insert("mark".into(), "later".into());
}

/// Fills the journal by writes to one key.
pub(super) fn fill_journal(keyspace: &Keyspace) {
    let mut state = 1_u64;
    // fjall compresses values in a journal, so zeros would not fill it.
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (state >> 33).to_le_bytes()[..4].to_vec()
    });
    let piece: Vec<u8> = noise.flatten().take(PIECE).collect();
    for _ in 0..JOURNAL_FULL.div_ceil(PIECE) {
        keyspace.insert("large", piece.as_slice()).unwrap();
    }
}
