//! [`Notes`]: the promises of a workload.

/// The promises that the workload had made before the crash: the notes of [`MemFs::note`](crate::MemFs::note), in
/// order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes(pub(crate) Vec<String>);

impl Notes {
    /// Returns whether this note was made.
    #[must_use]
    pub fn contains(&self, note: &str) -> bool {
        self.0.iter().any(|n| n == note)
    }

    /// Returns the last note.
    #[must_use]
    pub fn last(&self) -> Option<&str> {
        self.0.last().map(String::as_str)
    }

    /// Iterates over the notes, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Returns the number of notes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no notes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_read_in_order() {
        let notes = Notes(vec!["first".into(), "second".into()]);
        assert!(notes.contains("first") && !notes.contains("fir"));
        assert_eq!(notes.last(), Some("second"));
        assert_eq!(notes.iter().collect::<Vec<_>>(), ["first", "second"]);
        assert_eq!((notes.len(), notes.is_empty()), (2, false));
        assert_eq!((Notes::default().last(), Notes::default().is_empty()), (None, true));
    }
}
