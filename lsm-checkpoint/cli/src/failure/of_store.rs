//! The errors of `lsm-checkpoint-store`, each with its exit code and the next step.

use std::{borrow::Cow, path::Path};

use lsm_checkpoint_store::Error;

use super::{Failure, sentence};
use crate::{exit::Exit, text};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Cancelled => Self::cancelled(),
            Error::Checkpoint(error) => error.into(),
            Error::Fs(error) => error.into(),
            error => {
                let (exit, kind) = class(&error);
                Self::new(exit, kind, message(&error)).hint_if(hint(&error))
            }
        }
    }
}

/// Returns the message. The hint names the next step in the words of the command, so the library's is left out.
fn message(error: &Error) -> String {
    match error {
        Error::Fenced { place, writer, times } => {
            format!(
                "{place}: collects took this push for dead {times} times, the last time as writer {writer}"
            )
        }
        Error::Denied { right, key, source } => {
            format!("{key}: access denied: the credentials may not {right} it: {source}")
        }
        Error::OddKey { folder, source } => format!("{folder}: the list cannot be read: {source}"),
        Error::NotARepository { place } => format!("{place}: not a repository"),
        Error::NoState { place } => format!("{place}: the repository has no state below head/"),
        Error::BackupExists { backup } => format!("backup {backup} exists already, and was forgotten"),
        Error::NoSuchBackup { backup } => format!("no backup {backup} in the repository"),
        Error::Unknown { change, source } => {
            format!("the store has not answered, so {change} may still be committed: {source}")
        }
        Error::TooLarge { key, len, limit } => {
            let (len, limit) = (text::size(*len), text::size(*limit));
            format!("{key}: it would have {len}, but at most {limit} can be read")
        }
        error => sentence(error),
    }
}

fn class(error: &Error) -> (Exit, &'static str) {
    match error {
        Error::Address { .. } => (Exit::Usage, "address"),
        Error::NotARepository { .. } => (Exit::Refused, "not_a_repository"),
        Error::RepositoryExists { .. } => (Exit::Refused, "repository_exists"),
        Error::StoreLacks { .. } => (Exit::Refused, "store_lacks"),
        Error::Unsupported { .. } => (Exit::Refused, "unsupported"),
        Error::BackupExists { .. } => (Exit::Refused, "backup_exists"),
        Error::NoSuchBackup { .. } => (Exit::Refused, "no_such_backup"),
        Error::BackupGone { .. } => (Exit::Refused, "backup_gone"),
        Error::TooLarge { .. } => (Exit::Refused, "too_large"),
        Error::NoState { .. } => (Exit::Unsound, "no_state"),
        Error::WentBack { .. } => (Exit::Unsound, "went_back"),
        Error::Corrupt { .. } => (Exit::Unsound, "corrupt"),
        Error::OddKey { .. } => (Exit::Unsound, "odd_key"),
        Error::SourceDamaged { .. } => (Exit::Unsound, "source_damaged"),
        Error::Fenced { .. } => (Exit::Busy, "fenced"),
        Error::Contended { .. } => (Exit::Busy, "contended"),
        Error::Unknown { .. } => (Exit::Io, "unknown"),
        Error::Denied { .. } => (Exit::Io, "denied"),
        Error::Store { .. } => (Exit::Io, "store"),
        _ => (Exit::Io, "other"),
    }
}

fn hint(error: &Error) -> Option<Cow<'static, str>> {
    let hint = match error {
        Error::NotARepository { place } => {
            let place = text::word(Path::new(place));
            return Some(format!("check the address, or run `lsm-checkpoint store init {place}`").into());
        }
        Error::BackupExists { backup } => {
            return Some(format!("bring it back with `lsm-checkpoint store undo URL {backup}`").into());
        }
        Error::NoSuchBackup { .. } => "see `lsm-checkpoint store list URL`",
        Error::NoState { .. } => {
            "check that these credentials may list head/; if it is empty, bring it back from the bucket's versions"
        }
        Error::Unknown { .. } => "run the same command again: it finds its own change",
        Error::TooLarge { key, .. } if key.starts_with("head") => {
            "forget some backups, and run `lsm-checkpoint store collect --grace 0s URL`"
        }
        Error::TooLarge { .. } => "the checkpoint has too many files: spread them over several databases",
        Error::System(_) => {
            "give the process more memory or threads (`ulimit -u`), or run fewer jobs at a time"
        }
        Error::Corrupt { key, .. } if key.starts_with("head") || key.starts_with("repository") => {
            "bring the object back from the bucket's versions; until then, no command works"
        }
        Error::Denied { .. } => {
            "compare the rights of these credentials with RIGHTS.md of lsm-checkpoint-store"
        }
        Error::OddKey { .. } => {
            "no repository makes such a key: delete the object with the cloud's own tool, and run the command again"
        }
        Error::Corrupt { .. } => {
            "run `lsm-checkpoint store check --save FILE URL`, then `store push --distrust FILE URL CHECKPOINT`"
        }
        Error::WentBack { .. } => {
            "find out who rolled it back; to accept the older state, remove the file `seen` below the state directory"
        }
        Error::Fenced { .. } => "give `lsm-checkpoint store collect` a longer --fence-idle, and push again",
        Error::Store { .. } => known_cause(&sentence(error))
            .unwrap_or("run the command again later; a push resumes where it stopped"),
        Error::Address { what, .. } => known_cause(what)?,
        _ => return None,
    };
    Some(hint.into())
}

/// Parts of the texts of clients, and the hint for each. Without credentials, a client asks its machine for the
/// credentials of the machine's role.
const KNOWN_CAUSES: [(&str, &str); 6] = [
    ("/latest/api/token", OF_AWS),
    ("/latest/meta-data/iam/", OF_AWS),
    ("/computeMetadata/", "no credentials: set GOOGLE_SERVICE_ACCOUNT"),
    ("/metadata/identity/", "no credentials: set AZURE_STORAGE_ACCOUNT_KEY"),
    ("Account must be specified", "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"),
    (
        "UnknownIssuer",
        "no known authority has signed the server's certificate: set SSL_CERT_FILE to its PEM file",
    ),
];

const OF_AWS: &str = "no credentials: set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION";

/// Returns the hint for a cause that the operator can remove.
fn known_cause(answer: &str) -> Option<&'static str> {
    KNOWN_CAUSES.into_iter().find(|(sign, _)| answer.contains(sign)).map(|(_, hint)| hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_credentials_are_named() {
        let failure = |answer: &str| {
            let error = Error::Store { key: "repository".to_owned(), source: answer.into() };
            Failure::from(error).hint.unwrap()
        };
        let aws = "Generic S3 error: Error performing PUT http://169.254.169.254/latest/api/token in 3s";
        assert!(failure(aws).contains("AWS_ACCESS_KEY_ID"));
        let google =
            "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token";
        assert!(failure(google).contains("GOOGLE_SERVICE_ACCOUNT"));
        let azure = "http://169.254.169.254/metadata/identity/oauth2/token";
        assert!(failure(azure).contains("AZURE_STORAGE_ACCOUNT_KEY"));
        let unknown = "client error (Connect): invalid peer certificate: UnknownIssuer";
        assert!(failure(unknown).contains("SSL_CERT_FILE"));
        assert!(failure("503 Service Unavailable").contains("again later"));
        let what = "Generic MicrosoftAzure error: Account must be specified".to_owned();
        let error = Error::Address { url: "az://x/y".to_owned(), what };
        assert!(Failure::from(error).hint.unwrap().contains("AZURE_STORAGE_ACCOUNT_NAME"));
    }
}
