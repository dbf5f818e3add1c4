//! Another process that acts just before or just after a call.

use std::{fmt, path::Path};

use lsm_fs::Op;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Before,
    After,
}

/// An action of another process, and the call before or after which it happens.
pub(super) struct Meddler {
    when: When,
    op: Op,
    path: &'static str,
    act: Box<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for Meddler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} {}", self.when, self.op, self.path)
    }
}

impl Meddler {
    pub(super) fn new(
        when: When,
        op: Op,
        path: &'static str,
        act: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self { when, op, path, act: Box::new(act) }
    }

    pub(super) fn meddle(&self, when: When, op: Op, path: &Path) {
        if (self.when, self.op, Path::new(self.path)) == (when, op, path) {
            (self.act)();
        }
    }
}
