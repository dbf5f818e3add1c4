//! [`Background`]: a runtime with threads of its own, for callers that block.

use std::{io, sync::mpsc};

use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Result};

/// A runtime whose results come over channels.
///
/// A caller may be a thread of another runtime. Waiting on a channel blocks that thread. Entering a second runtime
/// there would panic.
#[derive(Debug)]
pub(crate) struct Background(Option<Runtime>);

impl Background {
    pub(crate) fn start() -> Result<Self> {
        let mut runtime = Builder::new_multi_thread();
        runtime.worker_threads(2).thread_name("lsm-checkpoint-store").enable_all();
        runtime.build().map(|runtime| Self(Some(runtime))).map_err(Error::System)
    }

    /// Starts work and does not wait for it.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.0 {
            drop(runtime.spawn(work));
        }
    }

    /// Runs work and waits for its result.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.spawn(async move {
            // The receiver is gone only if its thread has panicked.
            let _ = sender.send(work.await);
        });
        let lost = |_| Error::System(io::Error::other("the background thread has panicked"));
        receiver.recv().map_err(lost)?
    }
}

/// Dropping a runtime waits for its threads, which panics inside another runtime.
impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
