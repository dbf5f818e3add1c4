//! [`Shared`]: the error of a request, which several readers get.

use std::{fmt, io, sync::Arc};

use crate::{
    defect::Defect,
    error::{Error, StoreError},
};

/// An error that several readers get, as the cause of their [`io::Error`].
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Error>);

impl Shared {
    pub(super) const fn new(error: Arc<Error>) -> Self {
        Self(error)
    }

    /// Returns the kind, by which a reader decides. Never `Interrupted`, after which `std` reads again and again.
    fn kind(&self) -> io::ErrorKind {
        match &*self.0 {
            Error::Denied { .. } => io::ErrorKind::PermissionDenied,
            Error::Store { .. } => io::ErrorKind::TimedOut,
            Error::Corrupt { .. } | Error::Unsupported { .. } => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        }
    }

    pub(super) fn into_io(self) -> io::Error {
        io::Error::new(self.kind(), self)
    }

    pub(super) fn is_gone(&self) -> bool {
        matches!(*self.0, Error::BackupGone { .. })
    }

    /// Makes the same error again, for the caller of a whole restore.
    pub(super) fn again(&self) -> Error {
        let source = || -> StoreError { Box::new(Answer(Arc::clone(&self.0))) };
        match &*self.0 {
            Error::BackupGone { backup } => Error::BackupGone { backup: *backup },
            Error::Cancelled => Error::Cancelled,
            Error::Corrupt { key, what } => Error::Corrupt { key: key.clone(), what: same(what) },
            Error::Denied { right, key, .. } => Error::Denied { right, key: key.clone(), source: source() },
            Error::Store { key, .. } => Error::Store { key: key.clone(), source: source() },
            Error::System(cause) => Error::System(io::Error::new(cause.kind(), Answer(Arc::clone(&self.0)))),
            _ => Error::Store { key: crate::key::DATA.to_owned(), source: source() },
        }
    }
}

/// The damage of a piece. A piece has no damage of another kind.
const fn same(damage: &Defect) -> Defect {
    match *damage {
        Defect::Missing => Defect::Missing,
        Defect::Digest => Defect::Digest,
        Defect::Length { expected, found } => Defect::Length { expected, found },
        Defect::TooLong { limit, found } => Defect::TooLong { limit, found },
        _ => Defect::Records,
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Shared {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

/// The answer of the store, or of the operating system, in a shared error.
#[derive(Debug)]
struct Answer(Arc<Error>);

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Error::Denied { source, .. } | Error::Store { source, .. } => source.fmt(f),
            Error::System(source) => source.fmt(f),
            error => error.fmt(f),
        }
    }
}

impl std::error::Error for Answer {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_error_is_made_again() {
        let key = || "data/1".to_owned();
        let backup = crate::id::BackupId([7; 16]);
        let errors = [
            (
                Error::Denied { right: "read", key: key(), source: "403".into() },
                io::ErrorKind::PermissionDenied,
            ),
            (Error::Store { key: key(), source: "503".into() }, io::ErrorKind::TimedOut),
            (Error::Corrupt { key: key(), what: Defect::Digest }, io::ErrorKind::InvalidData),
            (Error::Corrupt { key: key(), what: Defect::Missing }, io::ErrorKind::InvalidData),
            (Error::BackupGone { backup }, io::ErrorKind::Other),
            (Error::Cancelled, io::ErrorKind::Other),
            (Error::System(io::ErrorKind::Interrupted.into()), io::ErrorKind::Other),
        ];
        for (error, kind) in errors {
            let shared = Shared::new(Arc::new(error));
            let again = shared.again();
            assert_eq!(again.to_string(), shared.to_string());
            assert_eq!(std::mem::discriminant(&again), std::mem::discriminant(&*shared.0));
            assert_eq!(shared.into_io().kind(), kind, "{again}");
        }
    }
}
