//! A deterministic environment: random numbers come from a counter, and the clock stands still.

use std::io;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use lsm_checkpoint_store::proof::Rules;
use lsm_checkpoint_store::{Environment, Options};

/// The environment of one execution of one client.
#[derive(Debug)]
pub(crate) struct Fixed {
    client: u8,
    drawn: AtomicU32,
}

impl Fixed {
    pub(crate) fn new(client: u8) -> Self {
        Self { client, drawn: AtomicU32::new(0) }
    }
}

impl Environment for Fixed {
    /// Puts the client into the first byte, so that a trace shows the owner of a key, and the counter into the second.
    fn random(&self) -> io::Result<[u8; 16]> {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0; 16];
        bytes[0] = self.client;
        bytes[1..5].copy_from_slice(&drawn.to_le_bytes().map(|byte| byte.rotate_left(4)));
        Ok(bytes)
    }

    fn now(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn unix_time(&self) -> Duration {
        Duration::from_secs(1_800_000_000)
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}

/// The options of a client in the search.
pub(crate) fn options(client: u8, kept_heads: u64, rules: Rules) -> Options {
    Options::new()
        .environment(Arc::new(Fixed::new(client)))
        .concurrency(1)
        .attempts(3, Duration::ZERO)
        .kept_heads(NonZeroU64::new(kept_heads).unwrap())
        .probe_rounds(0)
        .rules(rules)
}
