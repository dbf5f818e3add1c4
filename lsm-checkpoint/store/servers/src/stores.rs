//! Clients of the servers, with short and fixed retries.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, Result, RetryConfig};

/// The bucket or container of all tests.
pub const BUCKET: &str = "bucket";

/// Three retries, a millisecond or two apart.
#[must_use]
pub fn retries() -> RetryConfig {
    let pause = Duration::from_millis(1);
    let backoff = BackoffConfig { init_backoff: pause, max_backoff: 2 * pause, base: 2.0 };
    RetryConfig { backoff, max_retries: 3, retry_timeout: Duration::from_secs(60) }
}

fn options() -> ClientOptions {
    ClientOptions::new().with_allow_http(true).with_timeout(Duration::from_secs(600))
}

/// A client of an S3 server.
///
/// # Errors
///
/// The address is none.
pub fn s3(url: &str) -> Result<Arc<dyn ObjectStore>> {
    let store = AmazonS3Builder::new()
        .with_endpoint(url)
        .with_bucket_name(BUCKET)
        .with_region("us-east-1")
        .with_skip_signature(true)
        .with_client_options(options())
        .with_retry(retries())
        .build()?;
    Ok(Arc::new(store))
}

/// A client of Azurite, with the account that Azurite documents.
///
/// # Errors
///
/// The address is none.
pub fn azure(url: &str) -> Result<Arc<dyn ObjectStore>> {
    let store = MicrosoftAzureBuilder::new()
        .with_use_emulator(true)
        .with_endpoint(format!("{url}/devstoreaccount1"))
        .with_container_name(BUCKET)
        .with_client_options(options())
        .with_retry(retries())
        .build()?;
    Ok(Arc::new(store))
}
