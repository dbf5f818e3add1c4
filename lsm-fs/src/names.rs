//! The two directories of a batch of links or clones, and the names in them.

use std::{ffi::OsStr, io, ops::ControlFlow, path::Path};

use crate::Result;

/// Receives the result of each link or clone of a batch, by its index. `Break` ends the batch.
pub type LinkReport<'a> = &'a mut dyn FnMut(usize, Result<()>) -> ControlFlow<()>;

/// The source and target directories of a batch of links or clones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirPair<'a> {
    /// The directory that holds the existing names.
    pub from: &'a Path,
    /// The directory that receives the new names.
    pub to: &'a Path,
}

/// The name of a file in the source directory, and its new name in the target directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamePair<'a> {
    /// The existing name.
    pub from: &'a OsStr,
    /// The new name.
    pub to: &'a OsStr,
}

impl<'a> NamePair<'a> {
    /// Creates a pair of two names. Each must be a single path component.
    pub fn new<S: AsRef<OsStr> + ?Sized>(from: &'a S, to: &'a S) -> Self {
        Self { from: from.as_ref(), to: to.as_ref() }
    }

    /// Creates a pair with the same name on both sides.
    pub fn same<S: AsRef<OsStr> + ?Sized>(name: &'a S) -> Self {
        Self::new(name, name)
    }

    /// Refuses names that are not a single component, because they could lead out of the directories of the batch.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if one of the names is refused.
    pub fn validate(&self) -> io::Result<()> {
        validate_name(self.from).and_then(|()| validate_name(self.to))
    }
}

/// Refuses a name that is not a single component.
pub(crate) fn validate_name(name: &OsStr) -> io::Result<()> {
    let bytes = name.as_encoded_bytes();
    let leads_on = bytes.iter().any(|&b| std::path::is_separator(char::from(b)));
    if leads_on || matches!(bytes, b"" | b"." | b"..") {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a name of a batch must be one path component",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_several_components_are_refused() {
        for bad in ["", ".", "..", "/", "a/b", "/etc", "a/"] {
            assert!(NamePair::new(bad, "x").validate().is_err(), "{bad:?}");
            assert!(NamePair::new("x", bad).validate().is_err(), "{bad:?}");
        }
        for good in ["a", "...", "a.b", ".hidden", "ä"] {
            assert!(NamePair::same(good).validate().is_ok(), "{good:?}");
        }
    }
}
