//! [`DurabilityViolation`]: a call that broke a rule.

use std::{
    error, fmt,
    path::{Path, PathBuf},
};

use lsm_fs::Op;

use super::undurable::{Undurable, UndurablePart, list};
use lsm_fs::intercept::Call;

/// A call that breaks a rule: after it, a crash could leave a pointer without a file that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DurabilityViolation {
    /// The operation.
    pub op: Op,
    /// The path of the call, or the first of two.
    pub path: PathBuf,
    /// The second path of a call that takes two.
    pub other_path: Option<PathBuf>,
    /// The path of the rule.
    pub pointer: PathBuf,
    /// The parts that a crash could lose or that the call removes. Paths are those from before the call.
    pub undurable: Vec<Undurable>,
}

impl fmt::Display for DurabilityViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { op, pointer, undurable, .. } = self;
        if undurable
            .iter()
            .all(|found| matches!(found.part, UndurablePart::Removed | UndurablePart::RemovedEarly))
        {
            return write!(f, "{op} removes files that {} names: {}", pointer.display(), list(undurable));
        }
        write!(
            f,
            "{op} could make {} durable before the files it names: {}",
            pointer.display(),
            list(undurable)
        )
    }
}

impl error::Error for DurabilityViolation {}

impl DurabilityViolation {
    pub(super) fn new(call: &Call<'_>, pointer: &Path, undurable: Vec<Undurable>) -> Self {
        Self {
            op: call.op,
            path: call.path.to_path_buf(),
            other_path: call.other_path.map(Path::to_path_buf),
            pointer: pointer.to_path_buf(),
            undurable,
        }
    }
}
