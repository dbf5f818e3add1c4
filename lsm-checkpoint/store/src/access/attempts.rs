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
    /// The time at which the attempts end, whatever their number.
    end: Option<Duration>,
}

impl<'a> Attempts<'a> {
    /// Begins the attempts. If `limit` is given, each of them may take a minute, so their number grows with it.
    pub(crate) fn new(options: &'a Options, limit: Option<Duration>, key: String) -> Self {
        let minutes = limit.map_or(0, |limit| u32::try_from(limit.as_secs() / 60).unwrap_or(u32::MAX));
        let left = options.attempts.max(minutes).saturating_sub(1);
        let end = limit.map(|limit| options.environment.now().saturating_add(limit));
        Self { options, key, left, pause: options.first_pause, end }
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
        if self.end.is_some_and(|end| self.options.environment.now() >= end) {
            return false;
        }
        self.left = left;
        self.options.environment.sleep(self.pause).await;
        self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the number of attempts that follow the first one.
    async fn repeats(limit: Option<Duration>) -> u32 {
        let options = Options::new().attempts(3, Duration::ZERO);
        let mut attempts = Attempts::new(&options, limit, "key".to_owned());
        let mut repeats = 0;
        while attempts.pause().await {
            repeats += 1;
        }
        repeats
    }

    #[test]
    fn attempts_end_by_number_and_by_time() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            assert_eq!(repeats(None).await, 2);
            assert_eq!(repeats(Some(Duration::ZERO)).await, 0);
            assert_eq!(repeats(Some(Duration::from_secs(600))).await, 9, "one for each minute");
        });
    }
}
