//! A store that steps: each request waits until a search serves it.
//!
//! The search drives the real code. Futures cannot be hashed or copied, so the state of a client is the list of its
//! answers so far. The same answers lead to the same next request, because randomness, clock and parallelism are
//! parameters. To give a client another answer, the search replays it from the start.

pub(crate) mod client;
mod independent;
pub(crate) mod levels;
pub(crate) mod names;
pub(crate) mod search;
pub(crate) mod store;
mod tests;
pub(crate) mod trace;
pub(crate) mod world;
