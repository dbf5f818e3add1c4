//! Hostile repositories: a clear error or the right bytes, nothing deleted, nothing outside the target.

mod claims;
mod damage;
mod garden;
mod strangers;
