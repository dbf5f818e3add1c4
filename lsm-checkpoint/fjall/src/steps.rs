//! [`Steps`]: the steps of a capture, after which a test can act, and the safeguards, which a test can turn off.

/// A step of a capture. An action after a step happens before the next step begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// All journals are open and were read, and the journal's buffer is in its file.
    JournalsOpened,
    /// The version of each keyspace was read. The map of keyspaces is locked.
    VersionsRead,
    /// The sequence number was read. The map of keyspaces is locked.
    NumberRead,
    /// The versions were read again, and the files of keyspace 0 are open.
    Captured,
    /// The journal's buffer is in its file.
    Persisted,
    /// The journals were listed again, and the new ones are open.
    JournalsListed,
    /// The journals were read again, and the parts of them that the backup keeps are known.
    JournalsCut,
}

/// The protections of a capture. A test turns one off and expects a wrong backup.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Safeguards {
    /// Leave out the end of the journals, after the last record that belongs to the backup.
    pub(crate) cut_journals: bool,
    /// Read the versions again after the sequence number, and start over if one has changed.
    pub(crate) read_versions_again: bool,
    /// Leave out clears and the records that they make void. A replay of a clear loses the data ingested after it.
    pub(crate) leave_out_clears: bool,
    /// Hold the handles of keyspaces until their files are in the backup.
    pub(crate) hold_keyspaces: bool,
}

impl Safeguards {
    /// All safeguards.
    pub(crate) const ALL: Self =
        Self { cut_journals: true, read_versions_again: true, leave_out_clears: true, hold_keyspaces: true };
}

/// The options of a capture that only tests set.
#[derive(Clone, Copy)]
pub(crate) struct Steps<'a> {
    pub(crate) after: Option<&'a dyn Fn(Step)>,
    pub(crate) safeguards: Safeguards,
}

impl Steps<'_> {
    /// The options of every capture outside of tests.
    pub(crate) const fn plain() -> Self {
        Self { after: None, safeguards: Safeguards::ALL }
    }

    /// Runs the action of the test after a step.
    pub(crate) fn end(&self, step: Step) {
        if let Some(after) = self.after {
            after(step);
        }
    }
}
