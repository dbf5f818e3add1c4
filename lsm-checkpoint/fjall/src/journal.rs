//! The journals of a database: their records, their files, and the parts of them that a backup keeps.

mod excerpt;
mod excerpt_fs;
mod held;
mod piece;
mod record;
mod scan;
mod shelf;
mod void;

pub(crate) use excerpt::Excerpt;
pub(crate) use excerpt_fs::ExcerptFs;
pub(crate) use scan::{Bounds, Persisted, Tail};
pub(crate) use shelf::Shelf;
