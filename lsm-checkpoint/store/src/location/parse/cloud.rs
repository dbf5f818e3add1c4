//! The stores of the clouds, configured from the environment.

#[cfg(feature = "s3")]
mod authorities;

use std::{sync::Arc, time::Duration};

use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig, path::Path};

use super::{Location, Retries, address, watch::Watch};
use crate::error::Result;

/// The time limit of a request. It suffices for a part of 8 MiB at 14 KiB per second.
const REQUEST: Duration = Duration::from_secs(600);

/// The longest times for which a client repeats one request. It signs the request once, and S3 refuses a signature that
/// is 15 minutes old. States are small, and are better asked for anew.
const HEADS: Duration = Duration::from_secs(60);
const DATA: Duration = Duration::from_secs(300);

impl Location {
    pub(super) fn cloud(
        url: &str,
        (scheme, bucket, prefix): (&str, &str, &str),
        retries: &Retries,
    ) -> Result<Self> {
        let open = |longest| client(scheme, bucket, retries, retries.time_limit().min(longest));
        let heads = open(HEADS).map_err(|what| address(url, &what))?;
        let data = open(DATA).map_err(|what| address(url, &what))?;
        let prefix = Path::from_url_path(prefix).map_err(|error| address(url, &error.to_string()))?;
        Ok(Self { heads, data, prefix, place: url.to_owned(), folder: None, retries: Some(retries.clone()) })
    }
}

fn client(
    scheme: &str,
    bucket: &str,
    retries: &Retries,
    budget: Duration,
) -> Result<Arc<dyn ObjectStore>, String> {
    let watch = Watch(retries.clone());
    let retry = RetryConfig {
        backoff: BackoffConfig { max_backoff: Duration::from_secs(30), ..BackoffConfig::default() },
        max_retries: usize::MAX,
        retry_timeout: budget,
    };
    let options = ClientOptions::new().with_timeout(REQUEST).with_connect_timeout(Duration::from_secs(10));
    match scheme {
        #[cfg(feature = "s3")]
        "s3" | "s3a" => {
            let builder = object_store::aws::AmazonS3Builder::from_env().with_bucket_name(bucket);
            let builder = builder.with_http_connector(watch).with_retry(retry);
            let builder = builder.with_client_options(allow_http(authorities::trust_named(options)?));
            builder
                .build()
                .map(|store| Arc::new(store) as Arc<dyn ObjectStore>)
                .map_err(|error| error.to_string())
        }
        #[cfg(feature = "gcs")]
        "gs" => {
            let builder = object_store::gcp::GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket);
            let builder = builder.with_http_connector(watch).with_retry(retry);
            let builder = builder.with_client_options(allow_http(options));
            builder
                .build()
                .map(|store| Arc::new(store) as Arc<dyn ObjectStore>)
                .map_err(|error| error.to_string())
        }
        #[cfg(feature = "azure")]
        "az" | "abfs" => {
            let builder = object_store::azure::MicrosoftAzureBuilder::from_env().with_container_name(bucket);
            let builder = builder.with_http_connector(watch).with_retry(retry);
            let builder = builder.with_client_options(allow_http(options));
            builder
                .build()
                .map(|store| Arc::new(store) as Arc<dyn ObjectStore>)
                .map_err(|error| error.to_string())
        }
        _ => Err(super::without_store(scheme)),
    }
}

/// Allows plain HTTP if the environment does, for servers on the local network.
fn allow_http(options: ClientOptions) -> ClientOptions {
    let names = ["AWS_ALLOW_HTTP", "GOOGLE_ALLOW_HTTP", "AZURE_ALLOW_HTTP", "ALLOW_HTTP"];
    let allowed =
        names.iter().any(|name| std::env::var(name).is_ok_and(|value| value == "true" || value == "1"));
    options.with_allow_http(allowed)
}
