//! The codecs and the rules, for the crate's own proof. This module is not part of the public API.

pub use crate::{
    format::{BackupCatalog, Constants, Head, ObjectRef, PIECE, RefsPlace, StoredFile, StoredFolder, pieces},
    rules::Rules,
};
