//! The names that the protocol itself uses at the root of a target. No file of a checkpoint may have one.

/// The name of the catalog, the file that lists a checkpoint's contents.
pub const CATALOG_FILE: &str = "CHECKPOINT";

/// The name of the file in a target that is being made or removed piece by piece.
pub(crate) const MARKER_FILE: &str = ".checkpoint-unpublished";

/// The end of a staged directory's name, behind the name of its target.
pub(crate) const STAGED_SUFFIX: &str = ".checkpoint-staged";
