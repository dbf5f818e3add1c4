//! Counts the steps of the loops over trees and files. Tests check that an operation on four times as many trees takes
//! about four times as many steps.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// Counts steps of this thread. Does nothing outside of tests.
#[inline]
pub(crate) fn steps(taken: usize) {
    #[cfg(test)]
    STEPS.set(STEPS.get() + taken as u64);
    #[cfg(not(test))]
    let _ = taken;
}

/// Returns the number of steps that a piece of work takes on this thread.
#[cfg(test)]
pub(crate) fn steps_of(work: impl FnOnce()) -> u64 {
    let before = STEPS.get();
    work();
    STEPS.get() - before
}

#[cfg(all(test, not(loom)))]
mod tests;
