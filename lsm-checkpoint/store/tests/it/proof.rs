//! The proof of the protocol on the real code.
//!
//! A scenario has a few clients on one repository. The search serves their requests in every order up to a bound, loses
//! answers, and lets requests land late. After every step the invariants must hold. If a rule of the protocol is turned
//! off, one of them breaks.

mod clients;
pub(crate) mod environment;
mod invariants;
mod rules;
mod scenarios;
mod schedule;
mod searches;
pub(crate) mod source;
