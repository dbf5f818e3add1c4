//! The history of an engine, to compare with its checkpoints.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::{Engine, Result, View, seqno};

#[derive(Debug, Default)]
pub(crate) struct Oracle {
    history: Mutex<Vec<Record>>,
}

#[derive(Clone, Debug)]
struct Record {
    seqno: u64,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
}

impl Oracle {
    /// Writes to the engine and to the history in the same order.
    pub(crate) fn write(&self, engine: &Engine, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        match value {
            Some(value) => engine.put(key, value)?,
            None => engine.delete(key)?,
        }
        // Every writer holds the lock, so this is the number of its write.
        let seqno = seqno(engine);
        history.push(Record { seqno, key: key.to_vec(), value: value.map(<[u8]>::to_vec) });
        Ok(())
    }

    /// Returns the live records at a sequence number.
    pub(crate) fn at(&self, seqno: u64) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = BTreeMap::new();
        for record in history.iter().filter(|record| record.seqno <= seqno) {
            match &record.value {
                Some(value) => state.insert(record.key.clone(), value.clone()),
                None => state.remove(&record.key),
            };
        }
        state
    }

    /// Checks that a view holds exactly the records that were live at its own sequence number, which must be at least
    /// `at_least`.
    pub(crate) fn check(&self, view: &View, at_least: u64) -> Result<()> {
        let seqno = view.seqno;
        if seqno < at_least {
            return Err(format!("records up to {at_least} were visible, the tree ends at {seqno}").into());
        }
        let (found, expected) = (view.scan(), self.at(seqno));
        if found == expected {
            return Ok(());
        }
        let differs = |key: &&Vec<u8>| found.get(*key) != expected.get(*key);
        let first = found.keys().chain(expected.keys()).find(differs);
        let key = first.map(|key| String::from_utf8_lossy(key).into_owned()).unwrap_or_default();
        Err(format!(
            "at {seqno}, key {key} is not what was written: {} of {} records",
            found.len(),
            expected.len()
        )
        .into())
    }
}

/// Deterministic operations of one writer: keys that are overwritten and deleted, values short and long.
#[derive(Debug)]
pub(crate) struct Workload {
    random: u64,
    keys: u64,
}

impl Workload {
    pub(crate) fn new(seed: u64, keys: u64) -> Self {
        Self { random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, keys }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// Writes this number of records.
    pub(crate) fn write(&mut self, engine: &Engine, oracle: &Oracle, count: u64) -> Result<()> {
        for _ in 0..count {
            let key = format!("key {:06}", self.next() % self.keys);
            let random = self.next();
            let len = if random.is_multiple_of(5) { 64 + random % 200 } else { random % 40 };
            let value = format!("{random:016x} ").repeat(20);
            let value = &value.as_bytes()[..usize::try_from(len).unwrap_or_default()];
            oracle.write(engine, key.as_bytes(), (!random.is_multiple_of(7)).then_some(value))?;
        }
        Ok(())
    }
}
