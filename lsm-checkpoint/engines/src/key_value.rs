//! [`KeyValue`]: the operations that the workload needs, of a tree or of a whole database.

use lsm_checkpoint::BoxError;

/// An open tree, or an open database.
pub trait KeyValue: Send + Sync {
    /// Writes a value. `seqno` is larger than the number of every earlier write.
    fn insert(&self, key: &[u8], value: &[u8], seqno: u64);

    /// Removes a key.
    fn remove(&self, key: &[u8], seqno: u64);

    /// Returns the value of a key.
    ///
    /// # Errors
    ///
    /// The error of the engine, as for all methods below.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BoxError>;

    /// Counts the keys with a scan.
    ///
    /// # Errors
    ///
    /// See [`get`](Self::get).
    fn count(&self) -> Result<usize, BoxError>;

    /// Writes the memtables to tables.
    ///
    /// # Errors
    ///
    /// See [`get`](Self::get).
    fn flush(&self) -> Result<(), BoxError>;

    /// Compacts the levels that need it.
    ///
    /// # Errors
    ///
    /// See [`get`](Self::get).
    fn compact(&self) -> Result<(), BoxError>;

    /// Compacts everything.
    ///
    /// # Errors
    ///
    /// See [`get`](Self::get).
    fn compact_all(&self) -> Result<(), BoxError>;
}
