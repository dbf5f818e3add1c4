//! [`Attempts`]: repeats a request, and decides when to give up.

use std::time::Duration;

use crate::{
    error::{Error, Result, StoreError},
    options::Options,
};

const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// A failed request.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The credentials do not allow the request.
    Denied(StoreError),
    /// The store does not implement the request.
    Lacking(StoreError),
    /// Anything else. Another attempt may succeed.
    Other(StoreError),
}

impl Failure {
    pub(crate) fn of(error: object_store::Error) -> Self {
        use object_store::Error as E;
        match error {
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => Self::Denied(error.into()),
            E::NotImplemented { .. } | E::NotSupported { .. } => Self::Lacking(error.into()),
            other => Self::Other(other.into()),
        }
    }

    /// Makes the error for the caller.
    pub(crate) fn at(self, key: String) -> Error {
        match self {
            Self::Denied(source) => Error::Denied { key, source },
            Self::Lacking(source) | Self::Other(source) => Error::Store { key, source },
        }
    }
}

/// The attempts of one request.
#[derive(Debug)]
pub(crate) struct Attempts<'a> {
    options: &'a Options,
    key: String,
    left: u32,
    pause: Duration,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(options: &'a Options, key: String) -> Self {
        Self { options, key, left: options.attempts.saturating_sub(1), pause: options.first_pause }
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    ///
    /// The error is final, or no attempt is left.
    pub(crate) async fn next(&mut self, error: object_store::Error) -> Result<()> {
        match Failure::of(error) {
            Failure::Other(_) if self.pause().await => Ok(()),
            failure => Err(failure.at(self.key.clone())),
        }
    }

    /// Waits before the next attempt. Returns `false` if none is left.
    pub(crate) async fn pause(&mut self) -> bool {
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        self.options.environment.sleep(self.pause).await;
        self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
        true
    }
}
