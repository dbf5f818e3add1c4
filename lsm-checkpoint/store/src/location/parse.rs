//! Parses addresses: `file://`, `s3://`, `gs://`, `az://`, and plain paths.

use std::{path::PathBuf, sync::Arc};

use object_store::{local::LocalFileSystem, memory::InMemory, path::Path};

use super::{Location, Retries};
use crate::error::{Error, Result};

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
mod cloud;
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
mod watch;

impl Location {
    /// Parses an address.
    ///
    /// | address | store |
    /// |---|---|
    /// | `file:///path` or a plain path | a folder on a local disk, with a sync after each write |
    /// | `s3://bucket/prefix` | Amazon S3 and servers that speak its protocol (feature `s3`) |
    /// | `gs://bucket/prefix` | Google Cloud Storage (feature `gcs`) |
    /// | `az://container/prefix` | Azure Blob Storage (feature `azure`) |
    ///
    /// Credentials, endpoints and regions come from the environment variables of each cloud's own tools, such as
    /// `AWS_ACCESS_KEY_ID` and `AWS_ENDPOINT_URL`. For S3, the authorities in the file that `AWS_CA_BUNDLE` names are
    /// trusted in addition to the system's. The folder of a local repository must exist, except for
    /// [`init`](crate::Repository::init), which makes it.
    ///
    /// # Errors
    ///
    /// [`Address`](Error::Address).
    pub fn parse(url: &str) -> Result<Self> {
        Self::parse_with(url, &Retries::new())
    }

    pub(super) fn parse_with(url: &str, retries: &Retries) -> Result<Self> {
        match url.split_once("://") {
            None => Self::local(PathBuf::from(url)),
            Some(("file", path)) if path.starts_with('/') => Self::local(decoded(path, url)?),
            Some(("file", _)) => Err(address(url, "a local address is absolute, as in file:///backups")),
            Some((scheme, rest)) => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() {
                    return Err(address(url, "the address names no bucket, as in s3://bucket/prefix"));
                }
                Self::cloud(url, (scheme, bucket, prefix.trim_matches('/')), retries)
            }
        }
    }

    /// Uses a folder on a local disk, with a sync after each write.
    ///
    /// A local repository needs a mount with hard links. On Windows, directories cannot be synced, so a crash of the
    /// machine may lose the newest objects.
    ///
    /// # Errors
    ///
    /// [`Address`](Error::Address).
    pub fn local(folder: impl Into<PathBuf>) -> Result<Self> {
        let folder = folder.into();
        let place = folder.display().to_string();
        let absolute = std::path::absolute(&folder).map_err(|error| address(&place, &error.to_string()))?;
        let prefix =
            Path::from_absolute_path(&absolute).map_err(|error| address(&place, &error.to_string()))?;
        let store = Arc::new(LocalFileSystem::new().with_fsync(true));
        Ok(Self { heads: store.clone(), data: store, prefix, place, folder: Some(absolute), retries: None })
    }

    /// Makes a repository in memory, for tests.
    #[must_use]
    pub fn memory() -> Self {
        Self::of_store(Arc::new(InMemory::new()), "")
    }

    #[cfg(not(any(feature = "s3", feature = "gcs", feature = "azure")))]
    fn cloud(url: &str, (scheme, ..): (&str, &str, &str), _: &Retries) -> Result<Self> {
        Err(address(url, &without_store(scheme)))
    }
}

/// The schemes of the clouds, and the feature of each.
const CLOUDS: [(&str, &str); 3] = [("s3", "s3"), ("gs", "gcs"), ("az", "azure")];

/// Says why no store can be made for a scheme.
fn without_store(scheme: &str) -> String {
    if let Some((_, feature)) = CLOUDS.iter().find(|(cloud, _)| *cloud == scheme) {
        return format!("this program was built without the feature {feature}, which {scheme}:// needs");
    }
    format!("no store has the scheme {scheme}://; use file://, s3://, gs:// or az://")
}

fn decoded(path: &str, url: &str) -> Result<PathBuf> {
    let path = Path::from_url_path(path).map_err(|error| address(url, &error.to_string()))?;
    Ok(PathBuf::from(format!("/{path}")))
}

fn address(url: &str, what: &str) -> Error {
    Error::Address { url: url.to_owned(), what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_for_an_unknown_scheme_names_the_known_ones() {
        let error = Location::parse("ftp://bucket/prefix").unwrap_err().to_string();
        assert_eq!(
            error,
            "ftp://bucket/prefix: no store has the scheme ftp://; use file://, s3://, gs:// or az://"
        );
        assert!(without_store("gs").contains("the feature gcs"));
    }
}
