//! Tight space: both versions of coordinode's engine cut tables in place, by punching holes into their inodes.

mod fixture;
mod tight_fs;
mod v5;
mod v7;
