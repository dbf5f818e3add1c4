//! [`Live`]: an open tree together with all that was written to it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{
    Failure,
    history::History,
    subject::{Contents, Tree},
};
use crate::BoxError;

/// An open tree, and its history.
pub(super) struct Live {
    tree: Box<dyn Tree>,
    history: Mutex<History>,
    long_value: usize,
}

/// The keys that are written again and again.
const KEYS: usize = 7;

impl Live {
    pub(super) fn new(tree: Box<dyn Tree>, history: History, long_value: usize) -> Self {
        Self { tree, history: Mutex::new(history), long_value }
    }

    pub(super) fn tree(&self) -> &dyn Tree {
        &*self.tree
    }

    pub(super) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a value that was never written before, a short one.
    pub(super) fn put(&self) -> Result<(), BoxError> {
        let at = self.history().len();
        self.put_value(at, format!("value {at}").as_bytes())
    }

    /// Writes a value that the engine keeps apart.
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

    /// Deletes the first key, if there is one.
    pub(super) fn delete(&self) -> Result<(), BoxError> {
        let first = self.history().contents().into_keys().next();
        let Some(key) = first else { return Ok(()) };
        let number = self.tree.delete(&key)?;
        self.history().add(&key, None, number);
        Ok(())
    }

    /// Writes, and has every table and every blob file replaced and deleted.
    pub(super) fn churn(&self) -> Result<(), BoxError> {
        self.put()?;
        self.put_long()?;
        self.tree.flush()?;
        self.put()?;
        self.tree.flush()?;
        self.tree.compact()
    }

    /// Tables, long values, deletions, and nothing in memory.
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

    /// Holds the tree against its history.
    pub(super) fn check(&self, moment: &str) -> Result<(), Failure> {
        let found = contents(self.tree(), moment)?;
        let history = self.history();
        history
            .find(&found, history.len()..=history.len())
            .map(drop)
            .map_err(|wrong| Failure::Violated(format!("the engine's own tree is wrong {moment}: {wrong}")))
    }
}

/// The records of a tree that was opened somewhere.
pub(super) fn contents(tree: &dyn Tree, place: &str) -> Result<Contents, Failure> {
    tree.contents().map_err(|error| {
        Failure::Violated(format!("the engine cannot list the tree {place}: {}", chain(&*error)))
    })
}

/// An error with its causes.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}
