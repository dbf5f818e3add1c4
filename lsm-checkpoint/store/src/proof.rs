//! The codecs and the rules, for the crate's own proof. Nothing here is covered by a promise.

pub use crate::{
    format::{BackupCatalog, Constants, Head, ObjectRef, PIECE, RefsPlace, StoredFile, StoredFolder, pieces},
    rules::Rules,
};
