//! [`Location`]: the store and the prefix of a repository.

mod parse;
mod retries;

use std::{fmt, path::PathBuf, sync::Arc};

use object_store::{ObjectStore, path::Path};

use crate::error::Result;
pub use retries::Retries;

/// A store and a prefix in it.
#[derive(Clone)]
pub struct Location {
    heads: Arc<dyn ObjectStore>,
    data: Arc<dyn ObjectStore>,
    prefix: Path,
    place: String,
    folder: Option<PathBuf>,
    /// The retries of the clients, if they were made from the address in `place`.
    retries: Option<Retries>,
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
            retries: None,
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

    /// Sets the retries of failed requests to a store in the cloud. On a local folder, on memory, and on a client of
    /// the caller it has no effect.
    ///
    /// # Errors
    ///
    /// [`Address`](crate::Error::Address).
    pub fn retries(self, retries: &Retries) -> Result<Self> {
        if self.retries.is_some() { Self::parse_with(&self.place, retries) } else { Ok(self) }
    }

    /// Makes the same location with connections of its own. A client from the caller is shared.
    pub(crate) fn again(&self) -> Result<Self> {
        match &self.retries {
            Some(retries) => Self::parse_with(&self.place, retries),
            None => Ok(self.clone()),
        }
    }

    /// Returns the time for which failed requests are repeated. `None` if only their number is limited.
    pub(crate) fn retry_limit(&self) -> Option<std::time::Duration> {
        self.retries.as_ref().map(Retries::time_limit)
    }

    pub(crate) const fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// The client for states, which repeats a request for a minute at most.
    pub(crate) const fn heads(&self) -> &Arc<dyn ObjectStore> {
        &self.heads
    }

    /// The client for catalogs and data. It is patient, because a part that fails costs the whole file.
    pub(crate) const fn data(&self) -> &Arc<dyn ObjectStore> {
        &self.data
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Location").field("place", &self.place).finish_non_exhaustive()
    }
}
