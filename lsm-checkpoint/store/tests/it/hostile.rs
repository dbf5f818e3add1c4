//! Hostile repositories. Each call returns a clear error or the right bytes, deletes no object of a backup, and writes
//! only to its target.

mod claims;
mod damage;
mod garden;
mod strangers;
