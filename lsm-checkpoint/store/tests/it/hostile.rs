//! Hostile repositories. Each verb ends as `expected` says: with a clear error, or with the right result. It deletes no
//! object that a backup needs, and a restore writes only to its target.

mod claims;
mod damage;
mod ends;
mod expected;
mod garden;
mod strangers;
mod tour;
