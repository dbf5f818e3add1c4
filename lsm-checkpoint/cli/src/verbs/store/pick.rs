//! `URL@latest` and `URL@ID`: a backup on the command line.

use std::str::FromStr;

use lsm_checkpoint_store::{Backup, blocking::Repository};

use super::open::ask;
use crate::{
    exit::Exit,
    failure::Failure,
    session::{Result, Session},
    text,
};

/// The minimum number of digits that name a backup.
const DIGITS: usize = 6;

/// A backup that is named on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BackupName {
    pub(super) url: String,
    which: Which,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Which {
    Latest,
    /// The first digits of an identifier.
    Digits(String),
}

impl FromStr for BackupName {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let named = text.rsplit_once('@').and_then(|(url, name)| {
            let which = if name == "latest" { Which::Latest } else { Which::Digits(digits(name).ok()?) };
            Some(Self { url: url.to_owned(), which })
        });
        named.ok_or_else(|| "name a backup, as URL@latest or URL@ID".to_owned())
    }
}

/// Parses the first digits of an identifier.
pub(super) fn digits(text: &str) -> std::result::Result<String, String> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    if (DIGITS..=32).contains(&text.len()) && text.bytes().all(is_digit) {
        Ok(text.to_owned())
    } else {
        Err(format!("not an identifier: give its first {DIGITS} to 32 hexadecimal digits"))
    }
}

/// Finds the one backup whose identifier begins with these digits.
pub(super) fn find<'b>(
    url: &str,
    backups: impl IntoIterator<Item = &'b Backup>,
    digits: &str,
) -> Result<&'b Backup> {
    let mut found = backups.into_iter().filter(|backup| backup.id.to_string().starts_with(digits));
    let url = text::plain(url);
    match (found.next(), found.next()) {
        (Some(backup), None) => Ok(backup),
        (Some(_), Some(_)) => Err(ambiguous(&url, digits)),
        (None, _) => {
            Err(Failure::refused("no_such_backup", format!("{url}: no backup begins with {digits}"))
                .hint(format!("choose one from `lsm-checkpoint store list {url}`")))
        }
    }
}

pub(crate) fn ambiguous(url: &str, digits: &str) -> Failure {
    Failure::refused("ambiguous_backup", format!("{url}: several backups begin with {digits}"))
        .hint(format!("give more digits; `lsm-checkpoint store list {url}` shows them"))
}

impl BackupName {
    /// Finds the backup in its repository. `latest` fails if there are several sources and none was chosen.
    pub(super) fn resolve(
        &self,
        session: &Session,
        repository: &Repository,
        source: Option<&str>,
    ) -> Result<Backup> {
        let mut backups = ask(session, repository, Repository::list)?;
        let Which::Digits(digits) = &self.which else {
            backups.retain(|backup| source.is_none_or(|source| backup.source == source));
            let latest = newest(session, &self.url, &backups)?.clone();
            session.out.note(format!("{}@latest is {}", text::plain(&self.url), latest.id));
            return Ok(latest);
        };
        find(&self.url, &backups, digits).cloned()
    }
}

/// Finds the newest backup of the only source, by the time of its checkpoint.
fn newest<'b>(session: &Session, url: &str, backups: &'b [Backup]) -> Result<&'b Backup> {
    let url = text::plain(url);
    let none = |message: String| Failure::new(Exit::Unsound, "no_sound_checkpoint", message);
    let Some(first) = backups.first() else { return Err(none(format!("{url}: no backup"))) };
    if let Some(other) = backups.iter().find(|backup| backup.source != first.source) {
        return Err(Failure::refused(
            "several_sources",
            format!(
                "{url}: backups of several sources, such as {} and {}",
                text::plain(&first.source),
                text::plain(&other.source)
            ),
        )
        .hint("choose one with --source, or name a backup"));
    }
    newest_in_time(session, backups.iter()).ok_or_else(|| {
        none(format!("{url}: every backup has a time in the future: check the clock"))
            .hint("name a backup, as URL@ID")
    })
}

/// Finds the newest backup, by the time of its checkpoint. A backup whose time is in the future is skipped, with a
/// note: a clock was wrong, and until that time nobody would notice that newer backups are missing.
pub(super) fn newest_in_time<'b>(
    session: &Session,
    backups: impl Iterator<Item = &'b Backup>,
) -> Option<&'b Backup> {
    let in_time = backups.filter(|backup| {
        let is_in_future = session.is_in_future(text::since_epoch(backup.created));
        if is_in_future {
            session.out.note(format!("backup {}: skipped: its time is in the future", backup.id));
        }
        !is_in_future
    });
    in_time.max_by_key(|backup| (backup.created, backup.pushed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_has_a_url_and_a_name() {
        let name: BackupName = "s3://a@b/c@latest".parse().unwrap();
        assert_eq!((name.url.as_str(), &name.which), ("s3://a@b/c", &Which::Latest));
        let name: BackupName = "file:///b@0123ab".parse().unwrap();
        assert_eq!(name.which, Which::Digits("0123ab".into()));
        for bad in ["s3://a", "s3://a@", "s3://a@0123", "s3://a@XYZXYZ", "s3://a@newest"] {
            bad.parse::<BackupName>().unwrap_err();
        }
    }
}
