//! Finds writers that have probably died, by the time of their last object.

use std::time::Duration;

use super::Collector;
use crate::{
    error::Result,
    format::RegisteredWriter,
    key::{CATALOGS, DATA, HEADS, Key},
};

impl Collector<'_> {
    /// Returns `true` if the writer has written nothing for this time, by the clock of the store.
    pub(super) async fn is_idle(
        &self,
        writer: &RegisteredWriter,
        now: Duration,
        idle: Duration,
    ) -> Result<bool> {
        let mut last = self.registered_at(writer).await?;
        for folder in [DATA, CATALOGS] {
            let mut listing = self.session.access.list(&format!("{folder}/{}", writer.id));
            while let Some(listed) = listing.next().await? {
                last = last.max(Some(listed.modified));
            }
        }
        Ok(last.is_some_and(|last| now >= last.saturating_add(idle)))
    }

    /// Returns the time of the state that registered the writer. If that state was trimmed, returns the time of the
    /// oldest state. It is later, so the error is in favour of a living writer.
    async fn registered_at(&self, writer: &RegisteredWriter) -> Result<Option<Duration>> {
        let mut oldest: Option<(u64, Duration)> = None;
        let mut listing = self.session.access.list(HEADS);
        while let Some(listed) = listing.next().await? {
            let Some(Key::Head(number)) = listed.key else { continue };
            if number >= writer.registered_in && oldest.is_none_or(|(least, _)| number < least) {
                oldest = Some((number, listed.modified));
            }
        }
        Ok(oldest.map(|(_, modified)| modified))
    }
}
