//! [`Location`]: the store and the prefix of a repository.

mod parse;

use std::{fmt, path::PathBuf, sync::Arc};

use object_store::{ObjectStore, path::Path};

/// A store and a prefix in it.
#[derive(Clone)]
pub struct Location {
    heads: Arc<dyn ObjectStore>,
    data: Arc<dyn ObjectStore>,
    prefix: Path,
    place: String,
    folder: Option<PathBuf>,
    /// `true` if the clients were made from the address in `place`.
    is_parsed: bool,
}

impl Location {
    /// Uses a client that the caller has configured. Its own retries come before the retries of this crate.
    ///
    /// The client must not resend a request after it has reported an error for it.
    #[must_use]
    pub fn of_store(store: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        let place = format!("{store}/{prefix}");
        Self {
            heads: Arc::clone(&store),
            data: store,
            prefix: Path::from(prefix),
            place,
            folder: None,
            is_parsed: false,
        }
    }

    /// Returns the text that errors show for this place.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Returns the folder of a repository on a local disk.
    #[must_use]
    pub fn folder(&self) -> Option<&std::path::Path> {
        self.folder.as_deref()
    }

    /// Makes the same location with connections of its own. A client from the caller is shared.
    pub(crate) fn again(&self) -> crate::error::Result<Self> {
        if self.is_parsed { Self::parse(&self.place) } else { Ok(self.clone()) }
    }

    pub(crate) const fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// The client for states, with a short retry budget.
    pub(crate) const fn heads(&self) -> &Arc<dyn ObjectStore> {
        &self.heads
    }

    /// The client for catalogs and data, with a long retry budget.
    pub(crate) const fn data(&self) -> &Arc<dyn ObjectStore> {
        &self.data
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Location").field("place", &self.place).finish_non_exhaustive()
    }
}
