//! [`Capture`]: the snapshots of all trees of a database.

use std::fmt;

use super::Snapshot;

/// The snapshots of all trees, captured at one moment.
#[derive(Default)]
pub struct Capture<'a> {
    pub(crate) trees: Vec<(String, Box<dyn Snapshot + 'a>)>,
}

impl<'a> Capture<'a> {
    /// Creates a capture without a tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates the capture of an engine that is one tree. Its files lie in the target itself.
    pub fn one(snapshot: impl Snapshot + 'a) -> Self {
        Self::new().tree("", snapshot)
    }

    /// Adds one of several trees. Its files lie in this folder of the target, which has up to four components with `/`
    /// between them. One of the trees may lie in the target itself, in `""`.
    #[must_use]
    pub fn tree(mut self, folder: impl Into<String>, snapshot: impl Snapshot + 'a) -> Self {
        self.trees.push((folder.into(), Box::new(snapshot)));
        self
    }

    /// Adds all trees of another capture, below this folder. This joins the captures of a database whose trees have
    /// adapters of their own. The database must hold back writes while it captures the trees, so that all belong to one
    /// moment.
    #[must_use]
    pub fn nest(mut self, folder: &str, capture: Self) -> Self {
        for (inner, snapshot) in capture.trees {
            let parts = [folder, &inner].into_iter().filter(|part| !part.is_empty());
            self.trees.push((parts.collect::<Vec<_>>().join("/"), snapshot));
        }
        self
    }
}

impl fmt::Debug for Capture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.trees.iter().map(|(folder, _)| folder)).finish()
    }
}
