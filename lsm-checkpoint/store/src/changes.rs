//! Changes that need no request beside the state from which they are derived.

use std::time::Duration;

use crate::{
    error::{Error, Result},
    format::{Forgotten, Head, RegisteredWriter},
    id::{BackupId, WriterId},
    session::{Change, Derived, Session},
};

/// Moves backups to the forgotten ones.
#[derive(Debug)]
pub(crate) struct Forget<'a>(pub(crate) &'a [BackupId]);

impl Change for Forget<'_> {
    type Done = ();

    fn describe(&self) -> String {
        "forgetting backups".to_owned()
    }

    async fn derive(&mut self, _: &Session, head: &Head) -> Result<Derived<()>> {
        let known = |id: &&BackupId| head.backup(**id).is_none() && head.forgotten(**id).is_none();
        if let Some(&backup) = self.0.iter().find(known) {
            return Err(Error::NoSuchBackup { backup });
        }
        let mut next = head.clone();
        let gone = next.backups.extract_if(.., |backup| self.0.contains(&backup.id));
        next.forgotten.extend(gone.map(|backup| Forgotten { backup, seen: None }));
        Ok(changed(head, next, ()))
    }
}

/// Moves backups back from the forgotten ones.
#[derive(Debug)]
pub(crate) struct Undo<'a>(pub(crate) &'a [BackupId]);

impl Change for Undo<'_> {
    type Done = ();

    fn describe(&self) -> String {
        "bringing backups back".to_owned()
    }

    async fn derive(&mut self, _: &Session, head: &Head) -> Result<Derived<()>> {
        let known = |id: &&BackupId| head.backup(**id).is_none() && head.forgotten(**id).is_none();
        if let Some(&backup) = self.0.iter().find(known) {
            return Err(Error::NoSuchBackup { backup });
        }
        let mut next = head.clone();
        let back = next.forgotten.extract_if(.., |forgotten| self.0.contains(&forgotten.backup.id));
        next.backups.extend(back.map(|forgotten| forgotten.backup));
        next.backups.sort_by_key(|backup| backup.pushed);
        Ok(changed(head, next, ()))
    }
}

/// Removes a writer.
#[derive(Debug)]
pub(crate) struct Fence(pub(crate) WriterId);

impl Change for Fence {
    type Done = bool;

    fn describe(&self) -> String {
        format!("fencing writer {}", self.0)
    }

    async fn derive(&mut self, _: &Session, head: &Head) -> Result<Derived<bool>> {
        let mut next = head.clone();
        next.writers.retain(|writer| writer.id != self.0);
        let was_there = next.writers.len() < head.writers.len();
        Ok(changed(head, next, was_there))
    }
}

/// Adds a writer.
#[derive(Debug)]
pub(crate) struct Register(pub(crate) RegisteredWriter);

impl Change for Register {
    type Done = ();

    fn describe(&self) -> String {
        format!("registering writer {}", self.0.id)
    }

    async fn derive(&mut self, _: &Session, head: &Head) -> Result<Derived<()>> {
        let mut next = head.clone();
        if !head.has_writer(self.0.id) {
            let registered_in = head.number.saturating_add(1);
            next.writers.push(RegisteredWriter { registered_in, ..self.0.clone() });
        }
        Ok(changed(head, next, ()))
    }
}

/// Drops forgotten backups whose grace is over, and stamps forgotten backups that no collector has seen before.
#[derive(Debug)]
pub(crate) struct DropForgotten {
    pub(crate) grace: Duration,
    /// The store's time. Without a grace it is not needed.
    pub(crate) now: Option<Duration>,
}

impl DropForgotten {
    /// Returns `true` if the backup is dropped, and stamps it otherwise.
    fn is_over(&self, forgotten: &mut Forgotten) -> bool {
        match (self.now, forgotten.seen) {
            _ if self.grace.is_zero() => true,
            (None, _) => false,
            (Some(now), Some(seen)) => now >= seen.saturating_add(self.grace),
            (Some(now), None) => {
                forgotten.seen = Some(now);
                false
            }
        }
    }
}

impl Change for DropForgotten {
    /// The number of backups that were dropped.
    type Done = u64;

    fn describe(&self) -> String {
        "dropping forgotten backups".to_owned()
    }

    async fn derive(&mut self, _: &Session, head: &Head) -> Result<Derived<u64>> {
        let mut next = head.clone();
        next.forgotten.retain_mut(|forgotten| !self.is_over(forgotten));
        let dropped = (head.forgotten.len() - next.forgotten.len()) as u64;
        Ok(changed(head, next, dropped))
    }
}

fn changed<T>(head: &Head, next: Head, done: T) -> Derived<T> {
    if next == *head { Derived::Already(done) } else { Derived::Next(next, done) }
}
