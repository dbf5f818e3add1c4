//! The verbs. Each has a file.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod copy;
pub(crate) mod diff;
pub(crate) mod du;
pub(crate) mod each;
pub(crate) mod list;
pub(crate) mod manifest;
pub(crate) mod prune;
pub(crate) mod remove;
pub(crate) mod restore;
pub(crate) mod rules;
pub(crate) mod show;
#[cfg(feature = "store")]
pub(crate) mod store;
pub(crate) mod sweep;
pub(crate) mod transfer;
pub(crate) mod verify;
