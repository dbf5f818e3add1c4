//! [`Environment`]: the randomness, time and threads that a repository uses.

use std::{
    fmt, io,
    time::{Duration, Instant, SystemTime},
};

use futures::{channel::oneshot, future::BoxFuture};

/// The sources of randomness, time and threads.
///
/// A program uses [`SystemEnvironment`]. A test passes its own environment. With a
/// [concurrency](crate::Options::concurrency) of 1, each request of a push, a collect or another change then depends
/// only on the answers to the requests before it.
pub trait Environment: Send + Sync + fmt::Debug {
    /// Draws 128 random bits that nobody can guess. No two calls return the same bits, not even in a clone of the
    /// machine.
    ///
    /// # Errors
    ///
    /// The operating system has no randomness.
    fn random(&self) -> io::Result<[u8; 16]>;

    /// Returns the time since a fixed moment. It never goes back.
    fn now(&self) -> Duration;

    /// Returns the time since the Unix epoch. It is shown to people, and the protocol does not depend on it.
    fn unix_time(&self) -> Duration;

    /// Waits without blocking the thread.
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()>;

    /// Runs blocking work, such as reading and hashing files. It may run at once in the caller's thread.
    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>);
}

/// The randomness and the clocks of the operating system, and the timer and the threads of the tokio runtime that polls
/// the caller.
#[derive(Clone, Copy, Debug)]
pub struct SystemEnvironment(Instant);

impl Default for SystemEnvironment {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Environment for SystemEnvironment {
    fn random(&self) -> io::Result<[u8; 16]> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(bytes)
    }

    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn unix_time(&self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO)
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(work)),
            Err(_) => work(),
        }
    }
}

/// Runs blocking work and returns its result.
///
/// # Errors
///
/// The work panicked, or the runtime is shutting down.
pub(crate) async fn blocking<T: Send + 'static>(
    environment: &dyn Environment,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = oneshot::channel();
    environment.run_blocking(Box::new(move || drop(sender.send(work()))));
    receiver
        .await
        .map_err(|_| io::Error::other("the work was abandoned: its thread has panicked or is shutting down"))
}
