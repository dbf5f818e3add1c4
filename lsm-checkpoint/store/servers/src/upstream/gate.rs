//! [`Gate`]: one write of a key at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::{Method, Request};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// The keys that are being written.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    turns: Mutex<HashMap<String, Arc<Turn<()>>>>,
}

impl Gate {
    /// Waits for the turn of a request that writes its key. Others pass at once.
    pub(crate) async fn pass<B>(&self, request: &Request<B>) -> Option<OwnedMutexGuard<()>> {
        if *request.method() == Method::GET || *request.method() == Method::HEAD {
            return None;
        }
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(request.uri().path().to_owned()).or_default())
        };
        Some(turn.lock_owned().await)
    }
}
