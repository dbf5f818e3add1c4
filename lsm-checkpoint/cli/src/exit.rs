//! [`Exit`]: the exit codes.

/// The result of a run, as its caller sees it. The order is the order of weight: of several, the last one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// All was done, and all is sound.
    Done,
    /// The command line is wrong.
    Usage,
    /// A checkpoint or a manifest is unsound, or nothing is young enough.
    Unsound,
    /// Another process is at work.
    Busy,
    /// The request was refused, and nothing was changed.
    Refused,
    /// Input or output failed.
    Io,
    /// A signal ended the run.
    Cancelled,
}

impl Exit {
    /// The code, where a signal of this number may have ended the run.
    pub(crate) fn code(self, signal: Option<u8>) -> u8 {
        match self {
            Self::Done => 0,
            Self::Usage => 1,
            Self::Unsound => 2,
            Self::Busy => 3,
            Self::Refused => 4,
            Self::Io => 5,
            Self::Cancelled => 128 + signal.unwrap_or(2),
        }
    }
}
