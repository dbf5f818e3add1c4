//! [`Kind`]: the trees that the workload opens.

/// An engine and a kind of tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The engine.
    pub which: Which,
    /// `true` if large values are stored in blob files.
    pub blobs: bool,
    /// An option that an adapter must carry.
    pub special: Option<Special>,
}

/// An option that changes the files and the manifest of a tree. fjall's engine has neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// Every block is encrypted.
    Encrypted,
    /// The keys are in descending order.
    Descending,
}

/// The engines that have an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// `coordinode-lsm-tree` 5.7.
    CoordinodeV5,
    /// `coordinode-lsm-tree` 7.4.
    CoordinodeV7,
    /// fjall's `lsm-tree` 3.1.
    Fjall,
}

impl Which {
    /// All engines.
    pub const ALL: [Self; 3] = [Self::CoordinodeV5, Self::CoordinodeV7, Self::Fjall];

    /// Returns the name and the version of its crate.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CoordinodeV5 => "coordinode-lsm-tree 5.7.0",
            Self::CoordinodeV7 => "coordinode-lsm-tree 7.4.0",
            Self::Fjall => "lsm-tree 3.1.10 (fjall)",
        }
    }
}

impl Kind {
    /// Creates the kind of a tree with default options, without or with blob files.
    #[must_use]
    pub const fn new(which: Which, blobs: bool) -> Self {
        Self { which, blobs, special: None }
    }

    /// Creates the kind of a tree with this option.
    #[must_use]
    pub const fn special(which: Which, special: Special) -> Self {
        Self { which, blobs: false, special: Some(special) }
    }

    /// Returns every engine, without and with blob files.
    pub fn all() -> impl Iterator<Item = Self> {
        Which::ALL.into_iter().flat_map(|which| [false, true].map(|blobs| Self::new(which, blobs)))
    }

    /// Returns a description of the tree.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match (self.special, self.blobs) {
            (Some(Special::Encrypted), _) => "encrypted tree",
            (Some(Special::Descending), _) => "tree with its own comparator",
            (None, true) => "blob tree",
            (None, false) => "standard tree",
        }
    }

    pub(crate) const fn is(self, special: Special) -> bool {
        matches!(
            (self.special, special),
            (Some(Special::Encrypted), Special::Encrypted) | (Some(Special::Descending), Special::Descending)
        )
    }
}
