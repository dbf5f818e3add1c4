//! Errors of the engine and of the layers below, as an [`Error`].

use super::{BoxError, Error};

impl Error {
    /// Converts the error of a snapshot that writes its manifest. Staged files are not published yet, so a publication
    /// that may not be durable is an ordinary failure here.
    pub(crate) fn from_write_manifest(error: BoxError) -> Self {
        match Self::from_source(error) {
            Self::Manifest(lsm_manifest::Error::PublishedNotDurable { source, .. }) => Self::Fs(source),
            error => error,
        }
    }

    /// Converts the error of an engine's callback. The layers' own errors keep their own variants.
    pub(crate) fn from_source(error: BoxError) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(own) => return *own,
            Err(error) => error,
        };
        let error = match error.downcast::<lsm_fs::Error>() {
            Ok(fs) => return Self::Fs(*fs),
            Err(error) => error,
        };
        match error.downcast::<lsm_manifest::Error>() {
            Ok(manifest) => (*manifest).into(),
            Err(error) => Self::Source(error),
        }
    }
}

impl From<lsm_manifest::Error> for Error {
    fn from(error: lsm_manifest::Error) -> Self {
        match error {
            lsm_manifest::Error::Fs(error) => Self::Fs(error),
            error => Self::Manifest(error),
        }
    }
}
