//! [`Oracle`]: what a tree has to hold, known without looking at it.
//!
//! Operation `n` of a run is a function of `n`, and its sequence number is `n`. Operations are applied one after the
//! other, so that what a checkpoint holds must be the outcome of the first `m` of them: with `m` no less than the last
//! that was acknowledged before the checkpoint began, no less than the sequence number that the checkpoint states, and
//! no more than the last that had begun when its version was captured.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use lsm_checkpoint::BoxError;

use crate::engine::Engine;

/// The operations of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How many keys there are.
    pub keys: u64,
    /// The length of the largest value.
    pub value_size: usize,
}

/// An operation writes or removes one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The key's number.
    pub key: u64,
    /// Whether it is removed.
    pub removes: bool,
}

/// Every so many operations one removes.
const REMOVE_EVERY: u64 = 8;

impl Plan {
    /// Operation `n`; they count from one.
    #[must_use]
    pub fn operation(&self, n: u64) -> Operation {
        let hash = mix(n);
        Operation { key: hash % self.keys, removes: (hash >> 32).is_multiple_of(REMOVE_EVERY) }
    }

    /// The bytes of a key.
    #[must_use]
    pub fn key(&self, key: u64) -> [u8; 12] {
        let mut bytes = *b"key-........";
        bytes[4..].copy_from_slice(&key.to_be_bytes());
        bytes
    }

    /// The bytes that operation `n` writes: no two operations write the same.
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
    pub fn apply(&self, engine: &dyn Engine, n: u64) {
        let operation = self.operation(n);
        let key = self.key(operation.key);
        if operation.removes {
            engine.remove(&key, n);
        } else {
            engine.insert(&key, &self.value(n), n);
        }
    }
}

/// What is known of a tree while it is written to.
#[derive(Debug, Default)]
pub struct Oracle {
    issued: AtomicU64,
    acknowledged: AtomicU64,
}

impl Oracle {
    /// Notes that an operation begins, and returns its number. One at a time.
    pub fn begin(&self) -> u64 {
        self.issued.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Notes that an operation has returned.
    pub fn acknowledge(&self, n: u64) {
        self.acknowledged.store(n, Ordering::SeqCst);
    }

    /// The last operation that has begun.
    #[must_use]
    pub fn issued(&self) -> u64 {
        self.issued.load(Ordering::SeqCst)
    }

    /// The last operation that has returned.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }
}

/// The outcome of the first operations: by key, the operation that wrote it; 0 if it is not there.
#[derive(Clone, Debug)]
pub struct State {
    plan: Plan,
    done: u64,
    writer_of: Vec<u64>,
}

impl State {
    /// Of no operation.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self { plan, done: 0, writer_of: vec![0; usize::try_from(plan.keys).unwrap_or(0)] }
    }

    /// Goes on to the outcome of the first `n`.
    pub fn advance(&mut self, n: u64) {
        while self.done < n {
            self.step();
        }
    }

    /// One operation more; returns its key.
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

/// What was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Keys that were asked for.
    pub keys: u64,
    /// Those of them that were there.
    pub present: u64,
    /// The tree holds the outcome of so many operations, and perhaps of some more that changed nothing.
    pub operations: u64,
}

/// Why a tree is not what it should be.
#[derive(Debug)]
pub enum Mismatch {
    /// A value that no operation has written to this key.
    Foreign {
        /// The key's number.
        key: u64,
    },
    /// No number of operations has this outcome: something is lost, invented, or of another time than the rest.
    Mixture {
        /// At least so many should be there.
        acknowledged: u64,
        /// At most so many.
        issued: u64,
        /// The latest that has left a value.
        latest: u64,
    },
    /// A scan finds other keys than were asked for one by one.
    Count {
        /// Found one by one.
        found: u64,
        /// Counted by the scan.
        counted: u64,
    },
}

impl std::error::Error for Mismatch {}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign { key } => write!(f, "key {key} holds what was never written to it"),
            Self::Mixture { acknowledged, issued, latest } => {
                write!(f, "no outcome of {acknowledged} to {issued} operations; the latest found is {latest}")
            }
            Self::Count { found, counted } => write!(f, "{found} keys are there, a scan counts {counted}"),
        }
    }
}

/// Compares every key of a tree with what it should be: the outcome of the first `m` operations, with `m` in
/// `acknowledged..=issued`. `known` is the outcome of no more than `acknowledged`, to begin with.
///
/// # Errors
///
/// [`Mismatch`], or what the engine says.
pub fn compare(
    engine: &dyn Engine,
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

/// The operation that has written this value to this key.
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
