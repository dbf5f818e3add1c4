//! Somebody else, at work just before or just after a call.

use std::{fmt, path::Path};

use lsm_fs::Op;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Before,
    After,
}

/// An act of somebody else, and the call that it comes before or after.
pub(super) struct Meddler<F> {
    when: When,
    op: Op,
    path: &'static str,
    act: Box<dyn Fn(&F) + Send + Sync>,
}

impl<F> fmt::Debug for Meddler<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} {}", self.when, self.op, self.path)
    }
}

impl<F> Meddler<F> {
    pub(super) fn new(
        when: When,
        op: Op,
        path: &'static str,
        act: impl Fn(&F) + Send + Sync + 'static,
    ) -> Self {
        Self { when, op, path, act: Box::new(act) }
    }

    pub(super) fn meddle(&self, when: When, op: Op, path: &Path, fs: &F) {
        if (self.when, self.op, Path::new(self.path)) == (when, op, path) {
            (self.act)(fs);
        }
    }
}
