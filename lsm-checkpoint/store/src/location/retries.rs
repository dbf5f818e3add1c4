//! [`Retries`]: the patience with a store that is down.

use std::{fmt, sync::Arc, time::Duration};

/// A callback for failed requests that are made again.
type OnFailure = dyn Fn(&str) + Send + Sync;

/// The time for which failed requests to a store in the cloud are repeated, and a callback for the failures.
#[derive(Clone)]
pub struct Retries {
    limit: Duration,
    #[cfg_attr(
        not(any(feature = "s3", feature = "gcs", feature = "azure")),
        allow(dead_code, reason = "only the clients of clouds repeat requests")
    )]
    on_failure: Option<Arc<OnFailure>>,
}

impl Default for Retries {
    fn default() -> Self {
        Self { limit: Duration::from_secs(300), on_failure: None }
    }
}

impl Retries {
    /// Creates the default retries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the time after which a request that keeps failing is not repeated again. Default: 5 minutes, in which most
    /// servers restart. With zero, no request is repeated.
    ///
    /// A server that accepts a request and stays silent can hold it for 10 minutes more.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sets a callback for each failure of a kind that is repeated, the last one before the request is given up
    /// included. The callback gets the server and the cause, and must not block. With a limit of zero it is not called.
    #[must_use]
    pub fn on_failure(mut self, call: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.on_failure = Some(Arc::new(call));
        self
    }

    pub(crate) const fn time_limit(&self) -> Duration {
        self.limit
    }

    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pub(super) fn failed(&self, failure: &str) {
        if let Some(call) = self.on_failure.as_ref().filter(|_| !self.limit.is_zero()) {
            call(failure);
        }
    }
}

impl fmt::Debug for Retries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retries").field("limit", &self.limit).finish_non_exhaustive()
    }
}
