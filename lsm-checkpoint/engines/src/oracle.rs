//! [`Plan`], [`Oracle`] and [`State`]: the expected contents of a tree, known without reading the tree.
//!
//! Operation `n` of a run is a function of `n`, and its sequence number is `n`. Operations are applied one after the
//! other, so a correct checkpoint holds the outcome of the first `m` operations for some `m`. The bounds on `m` are:
//!
//! - at least the last operation that was acknowledged before the checkpoint began
//! - at least the sequence number that the checkpoint states
//! - at most the last operation that had begun when the version was captured

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use lsm_checkpoint::BoxError;

use crate::key_value::KeyValue;

/// The operations of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The number of keys.
    pub keys: u64,
    /// The length of the largest value.
    pub value_size: usize,
}

/// An operation, which writes or removes one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The number of the key.
    pub key: u64,
    /// `true` if the operation removes the key.
    pub removes: bool,
}

/// On average, one of this many operations removes a key.
const REMOVE_EVERY: u64 = 8;

impl Plan {
    /// Returns operation `n`. The first operation is 1.
    #[must_use]
    pub fn operation(&self, n: u64) -> Operation {
        let hash = mix(n);
        Operation { key: hash % self.keys, removes: (hash >> 32).is_multiple_of(REMOVE_EVERY) }
    }

    /// Returns the bytes of a key.
    #[must_use]
    pub fn key(&self, key: u64) -> [u8; 12] {
        let mut bytes = *b"key-........";
        bytes[4..].copy_from_slice(&key.to_be_bytes());
        bytes
    }

    /// Returns the bytes that operation `n` writes. No two operations write the same bytes.
    #[must_use]
    pub fn value(&self, n: u64) -> Vec<u8> {
        let short = usize::try_from(mix(!n) % 4).unwrap_or(0) * self.value_size / 8;
        let len = (self.value_size - short).max(8);
        let mut bytes = n.to_le_bytes().to_vec();
        let mut state = n;
        while bytes.len() < len {
            state = mix(state);
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }

    /// Applies operation `n` to a tree.
    pub fn apply(&self, engine: &dyn KeyValue, n: u64) {
        let operation = self.operation(n);
        let key = self.key(operation.key);
        if operation.removes {
            engine.remove(&key, n);
        } else {
            engine.insert(&key, &self.value(n), n);
        }
    }
}

/// A record of the operations that have begun and that have returned.
#[derive(Debug, Default)]
pub struct Oracle {
    issued: AtomicU64,
    acknowledged: AtomicU64,
}

impl Oracle {
    /// Records that an operation begins, and returns its number. The caller runs one operation at a time.
    pub fn begin(&self) -> u64 {
        self.issued.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Records that an operation has returned.
    pub fn acknowledge(&self, n: u64) {
        self.acknowledged.store(n, Ordering::SeqCst);
    }

    /// Returns the last operation that has begun.
    #[must_use]
    pub fn issued(&self) -> u64 {
        self.issued.load(Ordering::SeqCst)
    }

    /// Returns the last operation that has returned.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }
}

/// The outcome of the first operations: for each key, the operation that wrote it, or 0 if the key does not exist.
#[derive(Clone, Debug)]
pub struct State {
    plan: Plan,
    done: u64,
    writer_of: Vec<u64>,
}

impl State {
    /// Creates the state before the first operation.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self { plan, done: 0, writer_of: vec![0; usize::try_from(plan.keys).unwrap_or(0)] }
    }

    /// Advances to the outcome of the first `n` operations.
    pub fn advance(&mut self, n: u64) {
        while self.done < n {
            self.step();
        }
    }

    /// Applies one more operation and returns its key.
    fn step(&mut self) -> usize {
        self.done += 1;
        let operation = self.plan.operation(self.done);
        let key = usize::try_from(operation.key).unwrap_or(0);
        if let Some(writer) = self.writer_of.get_mut(key) {
            *writer = if operation.removes { 0 } else { self.done };
        }
        key
    }
}

/// The result of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The number of keys that were read.
    pub keys: u64,
    /// The number of keys that exist.
    pub present: u64,
    /// The number of operations whose outcome the tree holds. Later operations that change nothing are not counted.
    pub operations: u64,
}

/// A difference between a tree and its expected contents.
#[derive(Debug)]
pub enum Mismatch {
    /// A key has a value that no operation wrote to it.
    Foreign {
        /// The number of the key.
        key: u64,
    },
    /// No number of operations has this outcome. A write is lost, invented, or from another moment than the rest.
    Mixture {
        /// The least number of operations that the tree should hold.
        acknowledged: u64,
        /// The greatest number of operations that the tree may hold.
        issued: u64,
        /// The latest operation that left a value.
        latest: u64,
    },
    /// A scan counts more or fewer keys than the lookups found.
    Count {
        /// The number of keys that the lookups found.
        found: u64,
        /// The number of keys that the scan counted.
        counted: u64,
    },
}

impl std::error::Error for Mismatch {}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign { key } => write!(f, "key {key} has a value that was never written to it"),
            Self::Mixture { acknowledged, issued, latest } => {
                write!(f, "no outcome of {acknowledged} to {issued} operations; the latest found is {latest}")
            }
            Self::Count { found, counted } => write!(f, "{found} keys are there, a scan counts {counted}"),
        }
    }
}

/// Searches for an `m` in `acknowledged..=issued` such that every key of the tree has the outcome of the first `m`
/// operations. The search starts from `known`, which must not be further than `acknowledged`.
///
/// # Errors
///
/// [`Mismatch`], or the error of the engine.
pub fn compare(
    engine: &dyn KeyValue,
    known: &State,
    acknowledged: u64,
    issued: u64,
) -> Result<Compared, BoxError> {
    let plan = known.plan;
    let mut found = Vec::with_capacity(known.writer_of.len());
    for key in 0..plan.keys {
        found.push(match engine.get(&plan.key(key))? {
            Some(value) => writer(&plan, key, &value).ok_or(Mismatch::Foreign { key })?,
            None => 0,
        });
    }
    let present = found.iter().filter(|&&writer| writer != 0).count() as u64;
    let counted = engine.count()? as u64;
    if present != counted {
        return Err(Mismatch::Count { found: present, counted }.into());
    }
    let mut state = known.clone();
    state.advance(acknowledged);
    let mut wrong = state.writer_of.iter().zip(&found).filter(|(should, is)| should != is).count();
    while wrong > 0 && state.done < issued {
        let next = usize::try_from(plan.operation(state.done + 1).key).unwrap_or(0);
        let was_wrong = state.writer_of.get(next) != found.get(next);
        let key = state.step();
        let is_wrong = state.writer_of.get(key) != found.get(key);
        wrong = wrong + usize::from(is_wrong) - usize::from(was_wrong);
    }
    if wrong > 0 {
        let latest = found.iter().copied().max().unwrap_or(0);
        return Err(Mismatch::Mixture { acknowledged, issued, latest }.into());
    }
    Ok(Compared { keys: plan.keys, present, operations: state.done })
}

/// Returns the operation that wrote this value to this key.
fn writer(plan: &Plan, key: u64, value: &[u8]) -> Option<u64> {
    let n = u64::from_le_bytes(value.first_chunk::<8>().copied()?);
    let operation = plan.operation(n);
    (n > 0 && operation.key == key && !operation.removes && plan.value(n) == value).then_some(n)
}

/// The finaliser of SplitMix64.
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
