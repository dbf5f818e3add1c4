//! The settings of a sweep, and the caller's code that it runs.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::foreign::ForeignSync;
use crate::{
    crash::Budget,
    mem_fs::MemFs,
    profile::{CrashModel, Profile},
};

/// Code of the caller that runs after a crash or a kill: the recovery, or the next process.
pub(super) type FollowUp<'a> = Box<dyn FnMut(&MemFs) -> Result<(), String> + 'a>;

/// The settings of a sweep.
pub(super) struct Settings<'a> {
    pub(super) models: Vec<CrashModel>,
    pub(super) budget: Budget,
    pub(super) seed: u64,
    pub(super) foreign: Vec<ForeignSync>,
    pub(super) recover: Option<FollowUp<'a>>,
    pub(super) after_kill: Option<FollowUp<'a>>,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Self {
            models: Profile::ALL.map(CrashModel::new).to_vec(),
            budget: Budget::from_env(),
            seed: 0,
            foreign: Vec::new(),
            recover: None,
            after_kill: None,
        }
    }
}

/// Returns the result of a caller's closure. A panic becomes an error.
pub(super) fn guarded<C: fmt::Display>(check: impl FnOnce() -> Result<(), C>) -> Result<(), String> {
    match catch_unwind(AssertUnwindSafe(|| check().map_err(|e| e.to_string()))) {
        Ok(result) => result,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(format!("panic: {}", text.unwrap_or("with no message")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        assert_eq!(guarded(|| Ok::<(), String>(())), Ok(()));
        assert_eq!(guarded(|| Err("no")), Err("no".to_owned()));
        assert_eq!(
            guarded(|| -> Result<(), String> { panic!("{} failed", 1) }),
            Err("panic: 1 failed".to_owned())
        );
        assert_eq!(guarded(|| -> Result<(), String> { panic!("plain") }), Err("panic: plain".to_owned()));
    }
}
