//! [`FoundNames`]: a bounded list of names for an error message.

use std::{ffi::OsStr, fmt};

/// Maximum number of names that an error keeps.
const KEPT: usize = 1000;
/// Maximum number of names that a message shows.
const SHOWN: usize = 20;

/// Names found in a directory. `Display` shows the first 20 and the number of the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundNames {
    kept: Vec<String>,
    total: usize,
}

impl FoundNames {
    /// Iterates over the names in the order of the listing. Only the first thousand are kept.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().map(String::as_str)
    }

    /// Returns the number of names found, including any that were not kept.
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

/// Escapes control characters, so that the message stays on one line.
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
