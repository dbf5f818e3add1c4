//! [`FoundNames`].

use std::{ffi::OsStr, fmt};

/// So many names an error keeps.
const KEPT: usize = 1000;
/// So many of them its message shows.
const SHOWN: usize = 20;

/// Names found in a directory. `Display` shows the first 20 and the number of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundNames {
    kept: Vec<String>,
    total: usize,
}

impl FoundNames {
    /// The names, sorted as the directory lists them; at most the first thousand.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().map(String::as_str)
    }

    /// The number of names, with those that are not kept.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.total
    }

    pub(crate) fn push(&mut self, name: &OsStr) {
        self.total += 1;
        if self.kept.len() < KEPT {
            self.kept.push(name.to_string_lossy().into_owned());
        }
    }
}

/// Escapes line breaks and the like, because a message is one line.
impl fmt::Display for FoundNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.kept.iter().take(SHOWN).enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{}", name.escape_debug())?;
        }
        match self.total.saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
