//! The rows of the matrix, and the contents of their trees.

use std::collections::BTreeMap;

/// An option of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opt {
    Comparator,
    Encryption,
    Parity,
    /// Parity of another scheme, over a block's stripes.
    Stripes,
    NoMirror,
    Blobs,
    RangeTombstones,
    TightSpace,
    LevelRoutes,
    Dictionary,
    Filters,
    /// Turns on sequence numbers in indexes, zone maps, checksums of records, hash indexes, locators and partitions of
    /// filters, and turns off checksums of the manifest's records.
    BlockFormats,
    /// Writes each version as a whole manifest instead of an edit in a log.
    NoLog,
    /// Tables that were made from sorted records. Their sequence number stands in the manifest alone.
    Ingested,
}

impl Opt {
    /// All options of this build. Dictionaries need the feature `zstd`.
    pub(super) fn all() -> Vec<Self> {
        let mut all = vec![
            Self::Comparator,
            Self::Encryption,
            Self::Parity,
            Self::Stripes,
            Self::NoMirror,
            Self::Blobs,
            Self::RangeTombstones,
            Self::TightSpace,
            Self::LevelRoutes,
            Self::Filters,
            Self::BlockFormats,
            Self::NoLog,
            Self::Ingested,
        ];
        if cfg!(feature = "zstd") {
            all.push(Self::Dictionary);
        }
        all
    }
}

/// A set of options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row(Vec<Opt>);

impl Row {
    pub(super) fn has(&self, option: Opt) -> bool {
        self.0.contains(&option)
    }

    /// Returns a row without options.
    pub(super) const fn of_none() -> Self {
        Self(Vec::new())
    }

    pub(super) fn of_one(option: Opt) -> Self {
        Self(vec![option])
    }

    /// Returns a row without options, a row for each option and for each pair, and a row of all.
    pub(super) fn of(options: &[Opt]) -> Vec<Self> {
        let mut rows = vec![Self(Vec::new()), Self(options.to_vec())];
        for (at, &one) in options.iter().enumerate() {
            rows.push(Self(vec![one]));
            rows.extend(options[at + 1..].iter().map(|&other| Self(vec![one, other])));
        }
        rows
    }
}

/// An open tree.
pub(super) trait Store {
    fn insert(&self, key: &[u8], value: &[u8], seqno: u64);
    fn remove(&self, key: &[u8], seqno: u64);
    /// Removes the keys from `from` up to but not including `to`, in the tree's order.
    fn remove_range(&self, from: &[u8], to: &[u8], seqno: u64);
    fn remove_prefix(&self, prefix: &[u8], seqno: u64);
    /// Makes a table of records, which are in the tree's order. All of them get this number, the next one.
    fn ingest(&self, records: &[(Vec<u8>, Vec<u8>)], seqno: u64);
    fn flush(&self);
    fn compact(&self);
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;
    /// Returns all records in the tree's order.
    fn scan(&self) -> Vec<(Vec<u8>, Vec<u8>)>;
    fn scan_prefix(&self, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)>;
}

const KEYS: u64 = 300;

fn key(n: u64) -> Vec<u8> {
    format!("key{n:04}").into_bytes()
}

/// The expected contents of a tree.
#[derive(Clone, Default)]
pub(super) struct Model {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    seqno: u64,
    rounds: u64,
}

impl Model {
    /// Writes to a tree and flushes it. A round replaces, removes and adds keys.
    pub(super) fn round(&mut self, row: &Row, store: &dyn Store) {
        self.rounds += 1;
        for n in 0..KEYS {
            self.seqno += 1;
            let key = key((n * 7 + self.rounds * 13) % KEYS);
            if (n + self.rounds).is_multiple_of(9) {
                store.remove(&key, self.seqno);
                self.records.remove(&key);
            } else if !(n + self.rounds).is_multiple_of(5) {
                let len = 16 + usize::try_from(n * 31 % 112).unwrap();
                let value = format!("{:08}{:08}", self.rounds, n).into_bytes().repeat(8)[..len].to_vec();
                store.insert(&key, &value, self.seqno);
                self.records.insert(key, value);
            }
        }
        if row.has(Opt::RangeTombstones) {
            self.remove_ranges(row, store);
        }
        store.flush();
        if row.has(Opt::Ingested) {
            self.ingest(row, store);
        }
    }

    /// Replaces some keys and adds some by a table of their own.
    fn ingest(&mut self, row: &Row, store: &dyn Store) {
        self.seqno += 1;
        let record = |n| (key(n), format!("{:08}{n:08}", self.rounds).into_bytes().repeat(6));
        let mut records: Vec<_> = (50 * self.rounds..50 * self.rounds + 40).map(record).collect();
        self.records.extend(records.iter().cloned());
        if row.has(Opt::Comparator) {
            records.reverse();
        }
        store.ingest(&records, self.seqno);
    }

    fn remove_ranges(&mut self, row: &Row, store: &dyn Store) {
        let (low, high) = (key(100 + self.rounds), key(120 + self.rounds));
        self.seqno += 1;
        if row.has(Opt::Comparator) {
            store.remove_range(&high, &low, self.seqno);
            self.records.retain(|key, _| *key <= low || *key > high);
            return;
        }
        store.remove_range(&low, &high, self.seqno);
        self.records.retain(|key, _| *key < low || *key >= high);
        self.seqno += 1;
        let prefix = key(200 + 10 * self.rounds)[..6].to_vec();
        store.remove_prefix(&prefix, self.seqno);
        self.records.retain(|key, _| !key.starts_with(&prefix));
    }

    /// Fills a tree with tables on several levels, and with replaced and removed keys.
    pub(super) fn filled(row: &Row, store: &dyn Store) -> Self {
        let mut model = Self::default();
        model.round(row, store);
        model.round(row, store);
        store.compact();
        model.round(row, store);
        model
    }

    /// Compares every key of a tree.
    pub(super) fn check(&self, row: &Row, store: &dyn Store) {
        for n in 0..KEYS {
            assert_eq!(store.get(&key(n)), self.records.get(&key(n)).cloned(), "{row:?}: key {n}");
        }
        let in_order = |prefix: &[u8]| {
            let records = self.records.iter().filter(|(key, _)| key.starts_with(prefix));
            let mut records: Vec<_> = records.map(|(key, value)| (key.clone(), value.clone())).collect();
            if row.has(Opt::Comparator) {
                records.reverse();
            }
            records
        };
        assert_eq!(store.scan(), in_order(b""), "{row:?}: a scan");
        if !row.has(Opt::Comparator) {
            assert_eq!(store.scan_prefix(b"key00"), in_order(b"key00"), "{row:?}: a scan of a prefix");
        }
    }
}
