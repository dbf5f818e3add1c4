//! Strict mode: an inode that failed a sync gets no further name.

use std::io;

use lsm_fs::errno;

use super::errors::os;
use crate::micro::Ino;

/// The strict mode of a machine. If it is on, poisoned inodes get no further names, and each refusal is recorded.
#[derive(Clone, Debug)]
pub(super) struct PoisonedNames {
    is_refusing: bool,
    violations: Vec<String>,
}

impl PoisonedNames {
    pub(super) const fn new(is_refusing: bool) -> Self {
        Self { is_refusing, violations: Vec::new() }
    }

    pub(super) const fn is_refusing(&self) -> bool {
        self.is_refusing
    }

    pub(super) fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Refuses a name for an inode with failed syncs if the mode is strict.
    pub(super) fn check(&mut self, ino: Ino, failed_syncs: u32) -> io::Result<()> {
        if !self.is_refusing || failed_syncs == 0 {
            return Ok(());
        }
        self.violations.push(format!("inode {ino} was given a name after its sync had failed"));
        Err(os(errno::EIO))
    }
}
