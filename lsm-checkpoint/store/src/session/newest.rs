//! Reads the newest state.

use super::Session;
use crate::{
    defect::Defect,
    error::{Error, Result},
    format::{HEAD_MAX, Head, Sha256, sha256},
    key::Key,
};

/// The number of times that a state may vanish or be overtaken while it is read. If the store keeps its contract, other
/// clients have made K states each time.
const RESTARTS: u32 = 1000;

/// A state that was the newest at some moment of the call.
#[derive(Clone, Debug)]
pub(crate) struct Newest {
    pub(crate) head: Head,
    /// The SHA-256 of its bytes, which the next state names.
    pub(crate) sha256: Sha256,
}

impl Session {
    /// Reads the newest state: lists, reads, and lists again.
    ///
    /// A state within K of the newest has never been deleted, so its number was created once. Without the second list,
    /// a slow client could read a number that was trimmed and created again.
    pub(crate) async fn newest(&self) -> Result<Newest> {
        let seen = self.newest_seen();
        for _ in 0..RESTARTS {
            let Some(number) = self.access.highest_state().await? else {
                return Err(Error::NoState { place: self.access.place() });
            };
            if let Some(seen) = seen.filter(|&seen| number < seen) {
                return Err(Error::WentBack { place: self.access.place(), seen, found: number });
            }
            let Some(newest) = self.read(number).await? else { continue };
            if self.rules().relist && !self.counts(number).await? {
                continue;
            }
            self.saw(number).await;
            return Ok(newest);
        }
        let operation = "reading the newest state".to_owned();
        Err(Error::Contended { place: self.access.place(), operation })
    }

    async fn read(&self, number: u64) -> Result<Option<Newest>> {
        let key = Key::Head(number);
        let Some(bytes) = self.access.get(key, HEAD_MAX).await? else { return Ok(None) };
        let sha256 = sha256(&bytes);
        // A state under a wrong number is a fatal error. If it were taken for the newest, a collector would trim all
        // others.
        let head = Head::decode(number, bytes).map_err(|defect| Error::defect(key, defect))?;
        if head.repository != self.constants.id {
            return Err(Error::defect(key, Defect::OtherRepository));
        }
        // The next state must have room for K numbers above it.
        if number >= u64::MAX - self.constants.kept_heads.get() {
            return Err(Error::defect(key, Defect::NumberTooHigh));
        }
        Ok(Some(Newest { head, sha256 }))
    }

    /// Returns `true` if a list shows no state that is K or more above this one.
    pub(super) async fn counts(&self, number: u64) -> Result<bool> {
        let end = number + self.constants.kept_heads.get();
        Ok(self.access.highest_state().await?.is_some_and(|highest| highest < end))
    }
}
