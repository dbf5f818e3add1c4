//! [`Lane`]: the operations of one writer.

use std::collections::BTreeMap;

use fjall::{Keyspace, KeyspaceCreateOptions, OptimisticTxDatabase};

use super::super::world::Contents;

/// The number of keys that a lane cycles through.
const KEYS: u64 = 48;

/// The number of the last key that is ingested after a clear.
const INGESTED: u64 = 3;

/// The kind of a lane's operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A put into one keyspace.
    Put,
    /// A batch over three keyspaces.
    Batch,
    /// A transaction over two keyspaces.
    Transaction,
    /// A batch that removes a key and writes another.
    Remove,
    /// A put of a separated value.
    Blob,
    /// An ingestion.
    Ingestion,
    /// A keyspace is made, gets a table, is used, and is deleted two operations later.
    Keyspaces,
    /// A keyspace is cleared and filled again, first with ingested keys.
    Clear,
}

impl Kind {
    pub(super) const ALL: [Self; 8] = [
        Self::Put,
        Self::Batch,
        Self::Transaction,
        Self::Remove,
        Self::Blob,
        Self::Ingestion,
        Self::Keyspaces,
        Self::Clear,
    ];

    /// Returns the number of operations of all lanes together for each operation of this lane. Ingestions and keyspaces
    /// are throttled, because they make runs faster than fjall compacts them.
    pub(super) fn interval(self) -> u64 {
        match self {
            Self::Ingestion => 400,
            Self::Keyspaces => 300,
            Self::Clear => 60,
            _ => 1,
        }
    }
}

/// The handles of a database.
pub(super) struct Handles {
    pub(super) db: OptimisticTxDatabase,
    plain: [Keyspace; 3],
    blobs: Keyspace,
    bulk: Keyspace,
    scratch: Keyspace,
}

impl Handles {
    pub(super) fn new(db: OptimisticTxDatabase) -> Self {
        let inner = db.inner();
        let small = || KeyspaceCreateOptions::default().max_memtable_size(256 << 10);
        let separated = || small().with_kv_separation(Some(fjall::KvSeparationOptions::default()));
        let plain = ["x", "y", "z"].map(|name| inner.keyspace(name, small).unwrap());
        let blobs = inner.keyspace("blobs", separated).unwrap();
        let [bulk, scratch] = ["bulk", "scratch"].map(|name| inner.keyspace(name, small).unwrap());
        Self { db, plain, blobs, bulk, scratch }
    }

    /// Returns the number of tables, and of finished compactions.
    pub(super) fn compacted(&self) -> String {
        let all = self.plain.iter().chain([&self.blobs, &self.bulk, &self.scratch]);
        let tables: usize = all.map(Keyspace::table_count).sum();
        format!("{tables} tables after {} compactions", self.db.inner().compactions_completed())
    }

    /// Does operation `n` of a lane.
    pub(super) fn act(&self, kind: Kind, n: u64) {
        let (db, value) = (self.db.inner(), value(kind, n));
        match kind {
            Kind::Put => self.plain[0].insert(key(kind, n), value).unwrap(),
            Kind::Batch => {
                let mut batch = db.batch();
                self.plain.iter().for_each(|keyspace| batch.insert(keyspace, key(kind, n), value.as_slice()));
                batch.commit().unwrap();
            }
            Kind::Transaction => {
                let mut tx = self.db.write_tx().unwrap();
                for keyspace in &self.plain[1..] {
                    tx.insert(keyspace, key(kind, n), value.as_slice());
                }
                tx.commit().unwrap().unwrap();
            }
            Kind::Remove => {
                let mut batch = db.batch();
                batch.remove(&self.plain[2], key(kind, n + KEYS / 2));
                batch.insert(&self.plain[2], key(kind, n), value.as_slice());
                batch.commit().unwrap();
            }
            Kind::Blob => self.blobs.insert(key(kind, n), value).unwrap(),
            Kind::Ingestion => {
                let mut ingestion = self.bulk.start_ingestion().unwrap();
                for part in 0..3 {
                    ingestion.write(key(kind, part), value.as_slice()).unwrap();
                }
                ingestion.finish().unwrap();
            }
            Kind::Keyspaces => {
                let made = db.keyspace(&name(n), KeyspaceCreateOptions::default).unwrap();
                let mut ingestion = made.start_ingestion().unwrap();
                ingestion.write("table", value.as_slice()).unwrap();
                ingestion.finish().unwrap();
                made.insert("self", value.as_slice()).unwrap();
                let mut batch = db.batch();
                batch.insert(&made, "self", value.as_slice());
                batch.insert(&self.plain[0], key(kind, 0), value.as_slice());
                batch.commit().unwrap();
                if n > 2 {
                    let old = db.keyspace(&name(n - 2), || panic!("{} is gone", n - 2)).unwrap();
                    db.delete_keyspace(old).unwrap();
                }
            }
            Kind::Clear => {
                if n.is_multiple_of(KEYS) {
                    self.scratch.clear().unwrap();
                }
                if n % KEYS > INGESTED {
                    return self.scratch.insert(key(kind, n), value).unwrap();
                }
                let mut ingestion = self.scratch.start_ingestion().unwrap();
                ingestion.write(key(kind, n), value).unwrap();
                ingestion.finish().unwrap();
            }
        }
    }

    /// Clears `scratch`, because after a clear, fjall loses ingested data at its next open.
    pub(super) fn end(&self) {
        self.scratch.clear().unwrap();
    }
}

fn key(kind: Kind, n: u64) -> String {
    format!("{kind:?}/{:02}", n % KEYS)
}

fn name(n: u64) -> String {
    format!("made/{n}")
}

/// Returns the value that an operation writes. It begins with the number of the operation.
fn value(kind: Kind, n: u64) -> Vec<u8> {
    let len = if kind == Kind::Blob { 1500 } else { 20 + n % 200 };
    let mut value = n.to_le_bytes().to_vec();
    value.resize(usize::try_from(len).unwrap(), b'.');
    value
}

/// The expected contents after the first operations of a lane.
pub(super) struct Lane {
    pub(super) kind: Kind,
    done: u64,
    state: Contents,
}

impl Lane {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, done: 0, state: Contents::new() }
    }

    /// Applies the operations up to number `to`.
    fn advance(&mut self, to: u64) {
        let kind = self.kind;
        let keyspaces: &[&str] = match kind {
            Kind::Put => &["x"],
            Kind::Batch => &["x", "y", "z"],
            Kind::Transaction => &["y", "z"],
            Kind::Remove => &["z"],
            Kind::Blob => &["blobs"],
            Kind::Ingestion => &["bulk"],
            Kind::Keyspaces => &["x"],
            Kind::Clear => &["scratch"],
        };
        for n in self.done + 1..=to {
            for keyspace in keyspaces {
                let pairs = self.state.entry((*keyspace).to_owned()).or_default();
                let (keys, removed) = match kind {
                    Kind::Ingestion => (vec![key(kind, 0), key(kind, 1), key(kind, 2)], None),
                    Kind::Keyspaces => (vec![key(kind, 0)], None),
                    Kind::Remove => (vec![key(kind, n)], Some(key(kind, n + KEYS / 2))),
                    _ => (vec![key(kind, n)], None),
                };
                if kind == Kind::Clear && n.is_multiple_of(KEYS) {
                    pairs.clear();
                }
                removed.map(|key| pairs.remove(key.as_bytes()));
                pairs.extend(keys.into_iter().map(|key| (key.into_bytes(), value(kind, n))));
            }
        }
        self.done = self.done.max(to);
    }

    /// Returns the number of operations of this lane that a restored database holds. Fails if the contents match no
    /// number.
    ///
    /// After a clear and before the next write, the keyspace is empty, and does not show the number of the clear. Then
    /// `least` is returned.
    pub(super) fn count(&mut self, copy: &Contents, least: u64) -> Result<u64, String> {
        let prefix = format!("{:?}/", self.kind);
        let mut found = Contents::new();
        for (keyspace, pairs) in copy.iter().filter(|(keyspace, _)| !keyspace.starts_with("made/")) {
            let own = pairs.iter().filter(|(key, _)| key.starts_with(prefix.as_bytes()));
            let own: BTreeMap<_, _> = own.map(|(key, value)| (key.clone(), value.clone())).collect();
            if !own.is_empty() {
                found.insert(keyspace.clone(), own);
            }
        }
        let values = found.values().flat_map(BTreeMap::values);
        let last = values.map(|value| u64::from_le_bytes(value[..8].try_into().unwrap())).max();
        let Some(last) = last else {
            return if self.kind == Kind::Clear { Ok(least) } else { Ok(0) };
        };
        if last < self.done {
            return Err(format!("{:?}: operation {last} is the last, an earlier copy held more", self.kind));
        }
        self.advance(last);
        if found != self.state {
            return Err(format!(
                "{:?}: not the outcome of the first {last} operations: {found:?}",
                self.kind
            ));
        }
        if self.kind == Kind::Keyspaces { made(copy, last).map(|()| last) } else { Ok(last) }
    }
}

/// Checks the keyspaces that the lane makes and deletes, in a database that holds its operations up to `last`.
fn made(copy: &Contents, last: u64) -> Result<(), String> {
    let names: Vec<u64> = copy.keys().filter_map(|name| name.strip_prefix("made/")?.parse().ok()).collect();
    let wrong = names.iter().find(|&&n| n + 2 < last || n > last + 1);
    let lost = (last.saturating_sub(1).max(1)..=last).find(|n| !names.contains(n));
    let other = names.iter().find(|&&n| {
        let expected = value(Kind::Keyspaces, n);
        let found = ["table", "self"].map(|key| copy[&name(n)].get(key.as_bytes()));
        // The newest keyspace may exist without being used yet.
        found != [Some(&expected); 2] && (n <= last || found[1].is_some())
    });
    match (wrong, lost, other) {
        (None, None, None) => Ok(()),
        _ => {
            Err(format!("keyspaces {names:?} after {last}: {wrong:?} is wrong, {lost:?} is lost, {other:?}"))
        }
    }
}
