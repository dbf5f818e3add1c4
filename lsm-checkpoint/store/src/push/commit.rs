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
    /// The checkpoint has a backup: from an earlier request of this push whose answer was lost, or from another push.
    /// The backup of this push may be forgotten by now.
    There(Backup),
    /// Another backup of the checkpoint was forgotten meanwhile. A push does not undo that.
    Forgotten,
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
        if rules.already
            && let Some(outcome) = self.standing(head)
        {
            return Ok(self.already(head, outcome));
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
        }
        next.backups.push(self.backup.clone());
        next.writers.retain(|writer| writer.id != self.writer);
        Ok(Derived::Next(next, Outcome::Added(self.backup.clone())))
    }
}

impl AddBackup<'_> {
    /// Returns the end of a push whose checkpoint has a backup in the state, unless this push replaces that one.
    fn standing(&self, head: &Head) -> Option<Outcome> {
        if let Some(forgotten) = head.forgotten(self.backup.id) {
            let is_own = forgotten.backup.catalog.name == self.backup.catalog.name;
            return Some(if is_own { Outcome::There(self.backup.clone()) } else { Outcome::Forgotten });
        }
        let standing = head.backup(self.backup.id)?;
        (self.replaced != Some(standing.catalog.name)).then(|| Outcome::There(standing.clone()))
    }

    /// Ends the push with this outcome, and removes its writer, which the commit of another push has left registered.
    fn already(&self, head: &Head, outcome: Outcome) -> Derived<Outcome> {
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
        let mut referenced: Vec<_> = head.referenced().collect();
        // The push reuses files of the source's last backup, so begin there. One request is enough then.
        referenced.sort_by_key(|backup| (backup.source == self.backup.source, backup.created, backup.pushed));
        for backup in referenced.into_iter().rev() {
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
