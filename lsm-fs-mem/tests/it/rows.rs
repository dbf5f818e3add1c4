//! States that the rows of the two tables of the guide refuse or allow.

mod forced;
mod ordered;

use lsm_fs_mem::Profile;

/// A state that a rule refuses, or allows.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// The profiles that refuse the state. All others admit it.
    pub(crate) profiles: &'static [Profile],
    pub(crate) start: &'static str,
    pub(crate) calls: &'static str,
    pub(crate) state: &'static str,
}

const ALL: &[Profile] = &Profile::ALL;

/// The first cells of the rows of a table, each with its states.
type Table = [(&'static str, &'static [Row]); 4];

/// The tables, by the first cell of their header.
pub(crate) const TABLES: [(&str, Table); 2] =
    [("sync of", forced::TABLE), ("kind of change", ordered::TABLE)];

/// Iterates over the states of all rows.
pub(crate) fn rows() -> impl Iterator<Item = Row> {
    let rows = TABLES.into_iter().flat_map(|(_, table)| table).flat_map(|(_, rows)| rows);
    rows.copied()
}
