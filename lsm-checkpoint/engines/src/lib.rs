//! Checkpoints of real engines: an adapter for each engine, and the tools to test and demonstrate the adapters.
//!
//! [`coordinode_v5`], [`coordinode_v7`] and [`fjall`] are the adapters, and [`several`] joins the adapters of the trees
//! of one database. [`engine`] describes an open tree, and [`tree_v5`], [`tree_v7`] and [`tree_fjall`] open trees of
//! every [`kind`] with their [`options`]. [`fjall_database`] opens a whole database. [`owner`] gives trees an identity,
//! and [`load`] writes to them. [`oracle`] computes their expected contents. [`exam`] takes checkpoints, reopens them
//! and compares.

pub mod coordinode_v5;
pub mod coordinode_v7;
pub mod engine;
pub mod exam;
pub mod fjall;
pub mod fjall_database;
pub mod key_value;
pub mod kind;
pub mod load;
mod open;
pub mod options;
pub mod options_v5;
pub mod oracle;
pub mod owner;
mod readers;
pub mod several;
pub mod tree_fjall;
pub mod tree_v5;
pub mod tree_v7;
