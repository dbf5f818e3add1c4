//! [`History`]: all writes to a tree, which bound the contents of its copies.

use std::{collections::BTreeSet, ops::RangeInclusive};

use super::subject::Contents;

/// A write, with the sequence number from the engine.
#[derive(Clone, Debug)]
struct Write {
    key: Vec<u8>,
    /// `None` for a deletion.
    value: Option<Vec<u8>>,
    number: Option<u64>,
}

/// The writes to one tree, in order. No value is written twice.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    writes: Vec<Write>,
}

impl History {
    pub(super) fn len(&self) -> usize {
        self.writes.len()
    }

    pub(super) fn add(&mut self, key: &[u8], value: Option<&[u8]>, number: Option<u64>) {
        self.writes.push(Write { key: key.to_vec(), value: value.map(<[u8]>::to_vec), number });
    }

    /// Returns the first `len` writes.
    pub(super) fn prefix(&self, len: usize) -> Self {
        Self { writes: self.writes.iter().take(len).cloned().collect() }
    }

    /// Returns the number of the last write.
    pub(super) fn last_number(&self) -> Option<u64> {
        self.writes.last().and_then(|write| write.number)
    }

    /// Returns the contents after all writes.
    pub(super) fn contents(&self) -> Contents {
        let mut contents = Contents::new();
        for Write { key, value, .. } in &self.writes {
            match value {
                Some(value) => drop(contents.insert(key.clone(), value.clone())),
                None => drop(contents.remove(key)),
            }
        }
        contents
    }

    /// Finds the number of writes, within bounds, that result in these contents. The error describes the difference.
    pub(super) fn find(&self, found: &Contents, bounds: RangeInclusive<usize>) -> Result<usize, String> {
        let (least, most) = (*bounds.start(), *bounds.end());
        let is = |len: &usize| self.prefix(*len).contents() == *found;
        // Prefer the latest match, because an empty tree looks the same at several moments.
        if let Some(len) = bounds.rev().find(is) {
            return Ok(len);
        }
        if let Some(len) = (0..=self.len()).find(is) {
            return match len < least {
                true => Err(format!(
                    "it holds the first {len} writes, but {least} were visible before the call: {} is missing",
                    self.shown(len)
                )),
                false => Err(format!(
                    "it holds {len} writes, but only {most} had been made at the capture: {} is too new",
                    self.shown(most)
                )),
            };
        }
        let wanted = self.prefix(least).contents();
        Err(format!("it holds no state that the tree ever had: {}", self.difference(&wanted, found)))
    }

    /// Describes the first record that differs.
    fn difference(&self, wanted: &Contents, found: &Contents) -> String {
        let keys: BTreeSet<_> = wanted.keys().chain(found.keys()).collect();
        let differs = keys.into_iter().find(|key| wanted.get(*key) != found.get(*key));
        let Some(key) = differs else { return "later writes without earlier ones".to_owned() };
        let name = String::from_utf8_lossy(key);
        match (wanted.get(key), found.get(key)) {
            (Some(_), None) => format!("{name} is missing"),
            (None, Some(_)) => format!("{name} exists, but was deleted or not written yet"),
            (_, Some(value)) => {
                match self.writes.iter().rposition(|write| write.value.as_ref() == Some(value)) {
                    Some(at) => format!("{name} has the value of write {}", at + 1),
                    None => format!("{name} has a value that was never written"),
                }
            }
            (None, None) => String::new(),
        }
    }

    /// Formats a write for a message, counting from one.
    fn shown(&self, at: usize) -> String {
        match self.writes.get(at) {
            Some(write) => format!("write {} ({})", at + 1, String::from_utf8_lossy(&write.key)),
            None => format!("write {}, which was never made", at + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_of_the_writes_is_found_and_a_mixture_is_not() {
        let mut history = History::default();
        history.add(b"a", Some(b"1"), Some(1));
        history.add(b"b", Some(b"2"), Some(2));
        history.add(b"a", None, Some(3));
        let state = |len| history.prefix(len).contents();
        assert_eq!(history.find(&state(2), 1..=3), Ok(2));
        assert!(history.find(&state(1), 2..=3).unwrap_err().contains("write 2 (b) is missing"));
        assert!(history.find(&state(3), 1..=2).unwrap_err().contains("write 3 (a) is too new"));
        let mixture = Contents::from([(b"b".to_vec(), b"1".to_vec())]);
        assert!(history.find(&mixture, 0..=3).unwrap_err().contains("b exists, but was deleted"));
        let later = Contents::from([(b"a".to_vec(), b"1".to_vec()), (b"b".to_vec(), b"1".to_vec())]);
        assert!(history.find(&later, 2..=3).unwrap_err().contains("b has the value of write 1"));
        assert_eq!(history.last_number(), Some(3));
    }
}
