//! [`LiveTree`]: an open tree together with its history.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{
    Failure,
    history::History,
    subject::{Contents, Tree},
};
use crate::BoxError;

/// An open tree and its history.
pub(super) struct LiveTree {
    tree: Box<dyn Tree>,
    history: Mutex<History>,
    long_value: usize,
}

/// The number of keys, which are written repeatedly.
const KEYS: usize = 7;

impl LiveTree {
    pub(super) fn new(tree: Box<dyn Tree>, history: History, long_value: usize) -> Self {
        Self { tree, history: Mutex::new(history), long_value }
    }

    pub(super) fn tree(&self) -> &dyn Tree {
        &*self.tree
    }

    pub(super) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a short value that was never written before.
    pub(super) fn put(&self) -> Result<(), BoxError> {
        let at = self.history().len();
        self.put_value(at, format!("value {at}").as_bytes())
    }

    /// Writes a value that is long enough to be stored separately.
    pub(super) fn put_long(&self) -> Result<(), BoxError> {
        let at = self.history().len();
        let mut value = format!("long value {at} ").into_bytes();
        value.resize(self.long_value.max(value.len()), b'.');
        self.put_value(at, &value)
    }

    fn put_value(&self, at: usize, value: &[u8]) -> Result<(), BoxError> {
        let key = format!("key {}", at % KEYS).into_bytes();
        let number = self.tree.put(&key, value)?;
        self.history().add(&key, Some(value), number);
        Ok(())
    }

    /// Deletes the first key, if one exists.
    pub(super) fn delete(&self) -> Result<(), BoxError> {
        let first = self.history().contents().into_keys().next();
        let Some(key) = first else { return Ok(()) };
        let number = self.tree.delete(&key)?;
        self.history().add(&key, None, number);
        Ok(())
    }

    /// Writes, flushes and compacts, so that every table and every blob file is replaced and deleted.
    pub(super) fn churn(&self) -> Result<(), BoxError> {
        self.put()?;
        self.put_long()?;
        self.tree.flush()?;
        self.put()?;
        self.tree.flush()?;
        self.tree.compact()
    }

    /// Fills the tree with tables, long values and deletions, and leaves nothing in memory.
    pub(super) fn fill(&self) -> Result<(), BoxError> {
        for _ in 0..3 {
            self.put()?;
            self.put_long()?;
            self.put()?;
            self.tree.flush()?;
        }
        self.delete()?;
        self.tree.flush()
    }

    /// Compares the tree with its history.
    pub(super) fn check(&self, moment: &str) -> Result<(), Failure> {
        let found = contents(self.tree(), moment)?;
        let history = self.history();
        history
            .find(&found, history.len()..=history.len())
            .map(drop)
            .map_err(|wrong| Failure::Violated(format!("the engine's own tree is wrong {moment}: {wrong}")))
    }
}

/// Returns the records of a tree.
pub(super) fn contents(tree: &dyn Tree, place: &str) -> Result<Contents, Failure> {
    tree.contents().map_err(|error| {
        Failure::Violated(format!("the engine cannot list the tree {place}: {}", chain(&*error)))
    })
}

/// Formats an error with its causes.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}
