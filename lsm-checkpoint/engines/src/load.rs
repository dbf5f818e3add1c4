//! [`under_load`]: runs writers at full speed, with the flushes and compactions that they require.

use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use lsm_checkpoint::BoxError;

use crate::{
    key_value::KeyValue,
    oracle::{Oracle, Plan},
};

/// The number of writing threads. They take turns, because operations are numbered in the order in which they are
/// applied.
const WRITERS: usize = 2;

/// The number of operations by which writers may be ahead of the last flush. Without a limit the engine would run out
/// of memory.
const AHEAD_MAX: u64 = 100_000;

/// A tree under load.
pub struct Load<'a> {
    /// The tree.
    pub engine: &'a dyn KeyValue,
    /// The operations that are applied to it.
    pub plan: Plan,
    /// The record of begun and acknowledged operations.
    pub oracle: &'a Oracle,
    turn: Mutex<()>,
    flushed: AtomicU64,
    gate: Mutex<()>,
    opened: Condvar,
    stop: AtomicBool,
    stall_nanos: AtomicU64,
    rounds: AtomicU64,
}

impl<'a> Load<'a> {
    /// Creates a load. The tree must hold exactly the operations that the oracle has acknowledged.
    pub fn new(engine: &'a dyn KeyValue, plan: Plan, oracle: &'a Oracle) -> Self {
        Self {
            engine,
            plan,
            oracle,
            turn: Mutex::new(()),
            flushed: AtomicU64::new(oracle.acknowledged()),
            gate: Mutex::new(()),
            opened: Condvar::new(),
            stop: AtomicBool::new(false),
            stall_nanos: AtomicU64::new(0),
            rounds: AtomicU64::new(0),
        }
    }

    /// Applies the next operation.
    pub fn write(&self) {
        let _turn = lock(&self.turn);
        let n = self.oracle.begin();
        let start = Instant::now();
        self.plan.apply(self.engine, n);
        self.oracle.acknowledge(n);
        let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.stall_nanos.fetch_max(nanos, Ordering::Relaxed);
    }

    /// Flushes the tree, and returns the last operation that is certainly in a table.
    ///
    /// # Errors
    ///
    /// The error of the engine.
    pub fn flush(&self) -> Result<u64, BoxError> {
        let acknowledged = self.oracle.acknowledged();
        self.engine.flush()?;
        {
            // With the gate locked, no writer is between its check and its wait.
            let _gate = lock(&self.gate);
            self.flushed.fetch_max(acknowledged, Ordering::SeqCst);
        }
        self.opened.notify_all();
        Ok(acknowledged)
    }

    /// Returns the duration of the longest write since the last call.
    pub fn longest_write(&self) -> Duration {
        Duration::from_nanos(self.stall_nanos.swap(0, Ordering::Relaxed))
    }

    /// Returns the number of rounds of flush and compaction.
    pub fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    /// Waits until `n` operations have been acknowledged.
    pub fn wait_for(&self, n: u64) {
        let mut gate = lock(&self.gate);
        while self.oracle.acknowledged() < n && !self.stop.load(Ordering::SeqCst) {
            gate = self.opened.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn writer(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            if self.oracle.issued() > self.flushed.load(Ordering::SeqCst) + AHEAD_MAX {
                let mut gate = lock(&self.gate);
                while self.oracle.issued() > self.flushed.load(Ordering::SeqCst) + AHEAD_MAX
                    && !self.stop.load(Ordering::SeqCst)
                {
                    gate = self.opened.wait(gate).unwrap_or_else(PoisonError::into_inner);
                }
            }
            self.write();
        }
    }

    fn maintenance(&self) -> Result<(), BoxError> {
        let mut flushed = 0;
        while !self.stop.load(Ordering::Relaxed) {
            if self.oracle.acknowledged() == flushed {
                thread::yield_now();
                continue;
            }
            flushed = self.flush().map_err(|error| format!("the tree's own flush: {error}"))?;
            self.engine.compact().map_err(|error| format!("the tree's own compaction: {error}"))?;
            self.rounds.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn end(&self) {
        let _gate = lock(&self.gate);
        self.stop.store(true, Ordering::SeqCst);
        self.opened.notify_all();
    }
}

/// Stops the threads when the work ends, even if it panics.
struct Ending<'a, 'e>(&'a Load<'e>);

impl Drop for Ending<'_, '_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Runs `work` while other threads write, flush and compact.
///
/// # Errors
///
/// The error of a flush or compaction, or else the error of `work`.
pub fn under_load<T>(load: &Load<'_>, work: impl FnOnce() -> Result<T, BoxError>) -> Result<T, BoxError> {
    thread::scope(|scope| {
        let ending = Ending(load);
        for _ in 0..WRITERS {
            scope.spawn(|| load.writer());
        }
        let maintenance = scope.spawn(|| {
            let _ending = Ending(load);
            load.maintenance()
        });
        let done = work();
        drop(ending);
        match maintenance.join() {
            Ok(maintained) => maintained.and(done),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn lock(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
