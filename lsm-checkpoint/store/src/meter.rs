//! [`Meter`]: reports progress to the caller, and passes on its wish to cancel.

use std::{
    fmt,
    ops::ControlFlow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{StreamExt, stream};
use lsm_checkpoint::Progress;

use crate::error::{Error, Result};

/// A callback that receives the progress, and cancels the operation with `Break`. The field `copied_bytes` of the
/// progress counts the bytes that were sent or received.
///
/// It is called before each request and each page of a list, for each MiB of a file that is only read, and at least
/// once a second while a request or a pause lasts, so the same progress can come several times. After `Break`, requests
/// under way are abandoned, and the call returns [`Cancelled`](Error::Cancelled). A push first tries to clean up, for
/// 20 seconds at most. If a state was under way, the call returns [`Unknown`](Error::Unknown), because that state may
/// still be committed.
///
/// It must not block, and a thread of the runtime or one for blocking work calls it. The runtime must have a timer.
pub type OnProgress = Arc<dyn Fn(&Progress) -> ControlFlow<()> + Send + Sync>;

/// Counts progress and reports it.
pub(crate) struct Meter {
    callback: Option<OnProgress>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    progress: Progress,
    is_over: bool,
}

/// Finished work.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Step {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) sent: u64,
}

impl Meter {
    pub(crate) fn new(callback: Option<OnProgress>) -> Self {
        Self { callback, state: Mutex::default() }
    }

    /// Sets the totals.
    pub(crate) fn expect(&self, files: u64, bytes: u64) -> Result<()> {
        self.tell(|progress| {
            progress.files_total = files;
            progress.bytes_total = bytes;
        })
    }

    /// Reports finished work.
    ///
    /// # Errors
    ///
    /// [`Cancelled`](Error::Cancelled).
    pub(crate) fn did(&self, step: Step) -> Result<()> {
        self.tell(|progress| {
            progress.files_done = progress.files_done.saturating_add(step.files);
            progress.bytes_done = progress.bytes_done.saturating_add(step.bytes);
            progress.copied_bytes = progress.copied_bytes.saturating_add(step.sent);
        })
    }

    /// Returns `true` if there is a callback, so that a wait has to ask it.
    pub(crate) const fn is_heard(&self) -> bool {
        self.callback.is_some()
    }

    /// Asks the callback if the work is to go on.
    pub(crate) fn ask(&self) -> Result<()> {
        self.tell(|_| {})
    }

    /// Fails if the work has been cancelled. It does not ask the callback.
    pub(crate) fn check(&self) -> Result<()> {
        if self.lock().is_over { Err(Error::Cancelled) } else { Ok(()) }
    }

    fn stop(&self) {
        self.lock().is_over = true;
    }

    fn tell(&self, change: impl FnOnce(&mut Progress)) -> Result<()> {
        // The lock is held during the callback, so that the reported numbers never go back.
        let mut state = self.lock();
        change(&mut state.progress);
        let State { progress, is_over } = &mut *state;
        *is_over = *is_over || self.callback.as_ref().is_some_and(|callback| callback(progress).is_break());
        if *is_over { Err(Error::Cancelled) } else { Ok(()) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Acts on all items, several at a time. After the first failure, each of the others ends by itself at its next
    /// look at the meter, so that it can first abort an upload.
    pub(crate) async fn each<T, F: Future<Output = Result<()>>>(
        &self,
        concurrency: usize,
        items: impl IntoIterator<Item = T>,
        act: impl Fn(T) -> F,
    ) -> Result<()> {
        if concurrency == 1 {
            for item in items {
                self.check()?;
                act(item).await?;
            }
            return Ok(());
        }
        let mut first = None;
        let mut running = stream::iter(items.into_iter().map(act)).buffer_unordered(concurrency);
        while let Some(outcome) = running.next().await {
            if let Err(error) = outcome
                && first.is_none()
            {
                self.stop();
                first = Some(error);
            }
        }
        first.map_or(Ok(()), Err)
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("progress", &self.lock().progress).finish_non_exhaustive()
    }
}
