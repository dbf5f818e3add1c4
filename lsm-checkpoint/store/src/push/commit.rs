//! The change that adds a backup.

use super::Reused;
use crate::{
    error::Result,
    format::{Backup, Head},
    id::WriterId,
    key::ObjectName,
    session::{Change, Derived, Session},
};

/// Adds a backup and removes its writer.
#[derive(Debug)]
pub(super) struct AddBackup<'a> {
    pub(super) backup: Backup,
    pub(super) writer: WriterId,
    /// The objects that other writers have sent.
    pub(super) reused: &'a Reused,
    /// The catalog of the backup that this one replaces.
    pub(super) replaced: Option<ObjectName>,
}

/// The end of a commit.
#[derive(Debug)]
pub(super) enum Outcome {
    Added(Backup),
    /// The checkpoint is in the repository, or among the forgotten: by an earlier answer that was lost, or by another
    /// push.
    There(Backup),
    /// The writer is not registered.
    Fenced,
    /// No backup of the state references these objects.
    Gone(Reused),
}

impl Change for AddBackup<'_> {
    type Done = Outcome;

    fn describe(&self) -> String {
        format!("backup {}", self.backup.id)
    }

    async fn derive(&mut self, session: &Session, head: &Head) -> Result<Derived<Outcome>> {
        let rules = session.rules();
        let standing = head.referenced().find(|backup| backup.id == self.backup.id);
        let standing = standing.filter(|backup| self.replaced != Some(backup.catalog.name));
        if rules.already
            && let Some(standing) = standing
        {
            return Ok(self.already(head, standing));
        }
        if rules.fenced && !head.has_writer(self.writer) {
            return Ok(Derived::Already(Outcome::Fenced));
        }
        if rules.gone {
            let gone = self.gone(session, head).await?;
            if !gone.is_empty() {
                return Ok(Derived::Already(Outcome::Gone(gone)));
            }
        }
        let mut next = head.clone();
        if self.replaced.is_some() {
            next.backups.retain(|backup| backup.id != self.backup.id);
            next.forgotten.retain(|forgotten| forgotten.backup.id != self.backup.id);
        }
        next.backups.push(self.backup.clone());
        next.writers.retain(|writer| writer.id != self.writer);
        Ok(Derived::Next(next, Outcome::Added(self.backup.clone())))
    }
}

impl AddBackup<'_> {
    /// Ends the push. Another push of the same checkpoint leaves this writer registered, so it is removed.
    fn already(&self, head: &Head, standing: &Backup) -> Derived<Outcome> {
        let outcome = Outcome::There(standing.clone());
        if !head.has_writer(self.writer) {
            return Derived::Already(outcome);
        }
        let mut next = head.clone();
        next.writers.retain(|writer| writer.id != self.writer);
        Derived::Next(next, outcome)
    }

    /// Returns the reused objects that no backup of the state references. A catalog that is missing or damaged
    /// references none.
    async fn gone(&self, session: &Session, head: &Head) -> Result<Reused> {
        let mut left = self.reused.clone();
        let referenced: Vec<_> = head.referenced().collect();
        for backup in referenced {
            if left.is_empty() {
                break;
            }
            if let Ok(refs) = session.refs(backup).await? {
                for object in refs {
                    left.remove(&object.name);
                }
            }
        }
        Ok(left)
    }
}
