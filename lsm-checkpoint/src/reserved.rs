//! The names that the protocol uses at the top level of a target. No file or folder of an engine may have one there.

/// The name of the catalog, the file that lists a checkpoint's contents.
pub const CATALOG_FILE: &str = "CHECKPOINT";

/// The name of the marker in a target that is being made or removed file by file.
pub(crate) const MARKER_FILE: &str = ".checkpoint-unpublished";

/// The suffix of a staged directory's name, after the name of its target.
pub(crate) const STAGED_SUFFIX: &str = ".checkpoint-staged";
