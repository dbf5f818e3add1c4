//! [`Failure`]: the kind of a failed request, by which a client decides if it repeats the request.

use std::{error, fmt, iter};

use object_store::Error as E;

use crate::error::{Error, StoreError};

/// The right that a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    List,
    Read,
    Write,
    Delete,
}

impl Right {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

/// A failed request.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The credentials do not allow the request.
    Denied(StoreError),
    /// The store does not implement the request.
    Lacking(StoreError),
    /// A list has a key that is no path for the client.
    Odd(StoreError),
    /// Anything else. Another attempt may succeed.
    Other(StoreError),
}

impl Failure {
    pub(crate) fn of(error: E) -> Self {
        match error {
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => Self::Denied(error.into()),
            E::NotImplemented { .. } | E::NotSupported { .. } => Self::Lacking(error.into()),
            E::InvalidPath { .. } => Self::Odd(error.into()),
            E::Generic { .. } if is_refusal(&error) => Self::Denied(error.into()),
            other => Self::Other(other.into()),
        }
    }

    /// Makes the error for the caller.
    pub(crate) fn at(self, right: Right, key: String) -> Error {
        match self {
            Self::Denied(source) => Error::Denied { right: right.name(), key, source },
            Self::Odd(source) => Error::OddKey { folder: key, source },
            Self::Lacking(source) | Self::Other(source) => Error::Store { key, source },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Denied(source) | Self::Lacking(source) | Self::Odd(source) | Self::Other(source)) = self;
        source.fmt(f)
    }
}

/// The ends of the texts of a key that a bulk delete leaves: the code of S3, and the status of Azure.
const CODES: [&str; 3] = ["(code: AccessDenied)", "(code: 403)", "(code: 401)"];
/// The beginnings of the texts of an answer with a status.
const STATUSES: [&str; 2] =
    ["Server returned non-2xx status code: 403", "Server returned non-2xx status code: 401"];

/// Returns `true` if the store has refused the request, although its client reports a general error.
///
/// The clients of `object_store` do so for a key in a bulk delete, for a list and, on Azure, for a whole bulk delete.
/// The types of these errors are private to them, so only their texts are left. The text of each error in the chain is
/// looked at by its end or its beginning, because a body in it can hold any words.
fn is_refusal(error: &(dyn error::Error + 'static)) -> bool {
    iter::successors(Some(error), |&error| error.source()).any(|error| {
        let text = error.to_string();
        CODES.iter().any(|code| text.ends_with(code))
            || STATUSES.iter().any(|status| text.starts_with(status))
    })
}

#[cfg(all(test, feature = "s3", feature = "gcs", feature = "azure"))]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests;
