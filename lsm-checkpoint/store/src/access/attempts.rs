//! [`Attempts`]: repeats a request, and decides when to give up.

use std::time::Duration;

use super::{
    Access,
    failure::{Failure, Right},
};
use crate::error::{Error, Result, StoreError};

const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// The attempts of one request.
#[derive(Debug)]
pub(crate) struct Attempts<'a> {
    access: &'a Access,
    key: String,
    right: Right,
    left: u32,
    pause: Duration,
    /// The time at which the attempts end, whatever their number.
    end: Option<Duration>,
}

impl<'a> Attempts<'a> {
    /// Begins the attempts. If `limit` is given, each of them may take a minute, so their number grows with it.
    pub(super) fn new(access: &'a Access, limit: Option<Duration>, key: String, right: Right) -> Self {
        let options = &access.options;
        let minutes = limit.map_or(0, |limit| u32::try_from(limit.as_secs() / 60).unwrap_or(u32::MAX));
        let left = options.attempts.max(minutes).saturating_sub(1);
        let end = limit.map(|limit| options.environment.now().saturating_add(limit));
        Self { access, key, right, left, pause: options.first_pause, end }
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    ///
    /// The error is final, or no attempt is left.
    pub(crate) async fn next(&mut self, error: object_store::Error) -> Result<()> {
        match Failure::of(error) {
            Failure::Other(source) => self.again(source).await,
            failure => Err(failure.at(self.right, self.key.clone())),
        }
    }

    /// Waits before the next attempt. `source` is the failure of the last one, which another attempt may mend.
    ///
    /// # Errors
    ///
    /// No attempt is left.
    pub(crate) async fn again(&mut self, source: StoreError) -> Result<()> {
        if self.pause().await? { Ok(()) } else { Err(Error::Store { key: self.key.clone(), source }) }
    }

    /// Waits before the next attempt. Returns `false` if none is left.
    ///
    /// # Errors
    ///
    /// [`Cancelled`](Error::Cancelled).
    pub(crate) async fn pause(&mut self) -> Result<bool> {
        // Otherwise a cancel during the last attempt would look like a failure of the store.
        self.access.ask()?;
        let environment = &*self.access.options.environment;
        let Some(left) = self.left.checked_sub(1) else { return Ok(false) };
        if self.end.is_some_and(|end| environment.now() >= end) {
            return Ok(false);
        }
        self.left = left;
        self.access.watched(environment.sleep(self.pause)).await?;
        self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{location::Location, options::Options};

    /// Returns the number of attempts that follow the first one.
    async fn repeats(limit: Option<Duration>) -> u32 {
        let access = Access::new(Location::memory(), Options::new().attempts(3, Duration::ZERO));
        let mut attempts = Attempts::new(&access, limit, "key".to_owned(), Right::Read);
        let mut repeats = 0;
        while attempts.pause().await.unwrap() {
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
