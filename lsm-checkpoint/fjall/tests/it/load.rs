//! Backups under load, compared with an oracle that knows the order of commits.
//!
//! Each writer has a lane: a sequence of operations whose outcome is a function of their number. Every operation leaves
//! a trace in the contents, so a restored database shows how many operations of each lane it holds. A clock stamps the
//! begin and the end of each operation. A restored database must hold
//!
//! - for each lane, exactly the outcome of its first operations
//! - every operation that ended before the backup began
//! - every operation that ended before an operation began that the database holds
//! - every operation whose sequence numbers are below the cut, and none whose numbers are not
//!
//! The lane of clears is exempt from the third rule and from the first half of the fourth. After a clear its keyspace
//! is empty, and does not show the number of the clear.

mod check;
mod lane;
mod run;

pub(crate) use run::{backups, run};
