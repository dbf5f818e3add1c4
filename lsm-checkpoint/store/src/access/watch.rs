//! Waits that ask the caller if it wishes to cancel.

use std::{pin::pin, task::Poll, time::Duration};

use futures::{
    future::{Either, select},
    poll,
};

use super::Access;
use crate::error::Result;

/// The longest time between two looks at the caller's wish.
const LOOK: Duration = Duration::from_secs(1);

impl Access {
    /// Asks the caller, and waits as [`raced`](Self::raced) does.
    ///
    /// # Errors
    ///
    /// [`Cancelled`](crate::Error::Cancelled).
    pub(crate) async fn watched<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        self.meter.ask()?;
        self.raced(work).await
    }

    /// Waits for a request or a pause, and asks the caller once a second meanwhile. If the caller cancels, the work is
    /// dropped. A request that is dropped counts as one without an answer: it may take effect at any later time.
    ///
    /// # Errors
    ///
    /// [`Cancelled`](crate::Error::Cancelled).
    pub(crate) async fn raced<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        if !self.meter.is_heard() {
            return Ok(work.await);
        }
        let mut work = pin!(work);
        if let Poll::Ready(done) = poll!(work.as_mut()) {
            return Ok(done);
        }
        loop {
            match select(work.as_mut(), self.options.environment.sleep(LOOK)).await {
                Either::Left((done, _)) => return Ok(done),
                Either::Right(_) => {
                    self.meter.ask()?;
                    // The clock of a test may let no time pass, and the work may need this thread.
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// Waits for a time.
    ///
    /// # Errors
    ///
    /// [`Cancelled`](crate::Error::Cancelled).
    pub(crate) async fn wait(&self, time: Duration) -> Result<()> {
        if time.is_zero() { Ok(()) } else { self.watched(self.options.environment.sleep(time)).await }
    }
}
