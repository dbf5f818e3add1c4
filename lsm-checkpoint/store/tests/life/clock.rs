//! A clock of the tests' own, on which waiting takes no time.

use std::{
    future::poll_fn,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use futures::future::BoxFuture;
use lsm_checkpoint_store::{Environment, Options, SystemEnvironment};

/// The time that passes at each look at a sleep that is not over.
const TICK: u64 = 100;

/// The environment. Its time passes only while somebody sleeps.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModelClock {
    system: SystemEnvironment,
    millis: Arc<AtomicU64>,
}

impl ModelClock {
    /// Returns options with this clock and long pauses between many attempts.
    pub(crate) fn options(&self) -> Options {
        Options::new().environment(Arc::new(self.clone())).attempts(1000, Duration::from_secs(20))
    }

    pub(crate) fn seconds(&self) -> u64 {
        self.millis.load(Ordering::Relaxed) / 1000
    }
}

impl Environment for ModelClock {
    fn random(&self) -> io::Result<[u8; 16]> {
        self.system.random()
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }

    fn unix_time(&self) -> Duration {
        self.system.unix_time()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        let millis = Arc::clone(&self.millis);
        let end = self.now() + time;
        Box::pin(poll_fn(move |context| {
            if Duration::from_millis(millis.load(Ordering::Relaxed)) >= end {
                return Poll::Ready(());
            }
            millis.fetch_add(TICK, Ordering::Relaxed);
            context.waker().wake_by_ref();
            Poll::Pending
        }))
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}
