//! The proof of the protocol on the real code.
//!
//! Each scenario is a few clients on one repository. The search serves their requests in every order, loses answers and
//! lets requests land late. After every step the invariants hold. A rule of the protocol that is turned off breaks one.

mod clients;
pub(crate) mod environment;
mod invariants;
mod rules;
mod scenarios;
mod schedule;
mod searches;
pub(crate) mod source;
