//! Clients of the servers, with short and fixed retries.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use hyper::header::{HeaderName, HeaderValue};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, Result, RetryConfig};

use crate::call::CLIENT;
use crate::sign;
use crate::upstream::Upstream;

/// The bucket or container of all tests.
pub const BUCKET: &str = "bucket";

/// Returns a configuration with three retries, a millisecond or two apart.
#[must_use]
pub fn retries() -> RetryConfig {
    let pause = Duration::from_millis(1);
    let backoff = BackoffConfig { init_backoff: pause, max_backoff: 2 * pause, base: 2.0 };
    RetryConfig { backoff, max_retries: 3, retry_timeout: Duration::from_secs(60) }
}

fn options() -> ClientOptions {
    ClientOptions::new().with_allow_http(true).with_timeout(Duration::from_secs(600))
}

/// Makes a client of an S3 server.
///
/// # Errors
///
/// The address is invalid.
pub fn s3(url: &str) -> Result<Arc<dyn ObjectStore>> {
    s3_as(url, None)
}

/// As [`s3`], with a number by which the plan of the proxy recognises the client.
///
/// # Errors
///
/// As [`s3`].
pub fn s3_as(url: &str, client: Option<u32>) -> Result<Arc<dyn ObjectStore>> {
    let name = client.map(|client| (HeaderName::from_static(CLIENT), HeaderValue::from(client)));
    let options = options().with_default_headers(name.into_iter().collect());
    Ok(Arc::new(builder(url).with_skip_signature(true).with_client_options(options).build()?))
}

/// As [`s3`], with a time limit for each request and its answer, and without retries.
///
/// # Errors
///
/// As [`s3`].
pub fn s3_within(url: &str, limit: Duration) -> Result<Arc<dyn ObjectStore>> {
    let builder = builder(url).with_skip_signature(true);
    let builder = builder.with_client_options(options().with_timeout(limit));
    Ok(Arc::new(builder.with_retry(RetryConfig { max_retries: 0, ..retries() }).build()?))
}

/// As [`s3`], for moto, which wants a signature and accepts any.
///
/// # Errors
///
/// As [`s3`].
pub fn s3_signed(url: &str) -> Result<Arc<dyn ObjectStore>> {
    let builder = builder(url).with_client_options(options());
    Ok(Arc::new(builder.with_access_key_id("access").with_secret_access_key("secret").build()?))
}

fn builder(url: &str) -> AmazonS3Builder {
    let builder = AmazonS3Builder::new().with_endpoint(url).with_bucket_name(BUCKET);
    builder.with_region("us-east-1").with_retry(retries())
}

/// Makes a client of Azurite, with the account that Azurite documents.
///
/// # Errors
///
/// The address is invalid.
pub fn azure(url: &str) -> Result<Arc<dyn ObjectStore>> {
    let store = MicrosoftAzureBuilder::new()
        .with_account(sign::ACCOUNT)
        .with_access_key(sign::KEY)
        .with_endpoint(format!("{url}/{}", sign::ACCOUNT))
        .with_container_name(BUCKET)
        .with_client_options(options())
        .with_retry(retries())
        .build()?;
    Ok(Arc::new(store))
}

/// Makes the bucket on a server that does not check signatures.
///
/// # Errors
///
/// The server refused.
pub async fn make_bucket(upstream: &Upstream) -> io::Result<()> {
    create(upstream, &format!("/{BUCKET}"), Vec::new()).await
}

/// Makes the container on Azurite, which checks signatures.
///
/// # Errors
///
/// The server refused.
pub async fn make_container(upstream: &Upstream) -> io::Result<()> {
    let path = format!("/devstoreaccount1/{BUCKET}");
    create(upstream, &format!("{path}?restype=container"), sign::headers(&path)).await
}

async fn create(upstream: &Upstream, target: &str, headers: Vec<(&'static str, String)>) -> io::Result<()> {
    let mut request = Request::put(target).header("host", "127.0.0.1").header("content-length", "0");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let answer = upstream.call(request.body(Bytes::new()).map_err(io::Error::other)?, None).await?;
    if answer.status().is_success() { Ok(()) } else { Err(io::Error::other(format!("{answer:?}"))) }
}
