//! The objects below `probe/`: the clock of the store, and the leftovers of killed clients.

use std::time::Duration;

use bytes::Bytes;

use super::{CollectReport, Collector, DAY, STEP};
use crate::{
    access::{Answer, Right},
    error::Result,
    id::Nonce,
    key::{Key, PROBES},
};

impl Collector<'_> {
    /// Returns the time of the store at which this collect first asked for it.
    pub(super) async fn store_time(&self) -> Result<Duration> {
        self.clock.get_or_try_init(|| self.probe_clock()).await.copied()
    }

    /// Returns the time of an object that was written just now.
    async fn probe_clock(&self) -> Result<Duration> {
        let access = &self.session.access;
        let mut attempts = access.attempts(PROBES, Right::Write);
        loop {
            let key = Key::Probe(Nonce(access.random()?));
            access.ask()?;
            let answer = access.create(key, Bytes::from_static(b"time")).await;
            let found = match &answer {
                Answer::Created => access.stat(key).await?,
                _ => None,
            };
            let source = match (answer, found) {
                (_, Some(stat)) => {
                    access.delete(vec![key.to_string()]).await?;
                    return Ok(stat.modified);
                }
                (Answer::Refused(failure), _) => return Err(failure.at(Right::Write, key.to_string())),
                (Answer::Unknown(source), _) => source,
                _ => "an object that was written is not there".into(),
            };
            attempts.again(source).await?;
        }
    }

    /// Deletes probes that are a day old. No client uses a probe for longer than its own call, and the loss of a probe
    /// only makes that call repeat a round.
    pub(super) async fn remove_probes(&self, report: &mut CollectReport) -> Result<()> {
        let mut listing = self.session.access.list(PROBES);
        let mut found = Vec::new();
        while let Some(listed) = listing.next().await? {
            match listed.key {
                Some(Key::Probe(_)) => found.push(listed),
                _ => report.strange(&listed.name),
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        let now = self.store_time().await?;
        let old = found.into_iter().filter(|probe| now >= probe.modified.saturating_add(DAY));
        let old: Vec<_> = old.map(|probe| probe.name).collect();
        for batch in old.chunks(STEP) {
            report.deleted_probes += self.session.access.delete(batch.to_vec()).await?;
        }
        Ok(())
    }
}
