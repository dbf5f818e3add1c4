//! The failures of the real clients of the clouds, over a server that is a function.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, future::BoxFuture, stream};
use object_store::{
    ClientOptions, ObjectStore, RetryConfig,
    client::{
        HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
    },
    path::Path,
};

use super::*;

/// The answer of the server: a status, a content type and a body.
type Reply = (u16, &'static str, String);

/// Answers each request by a function of its query.
#[derive(Clone, Copy, Debug)]
struct Server(fn(&str) -> Reply);

impl HttpConnector for Server {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(*self))
    }
}

impl HttpService for Server {
    fn call<'s, 'f>(&'s self, request: HttpRequest) -> BoxFuture<'f, Result<HttpResponse, HttpError>>
    where
        's: 'f,
        Self: 'f,
    {
        let (status, kind, body) = (self.0)(request.uri().query().unwrap_or_default());
        let mut response = HttpResponse::new(HttpResponseBody::from(body));
        *response.status_mut() = status.try_into().unwrap();
        let _ = response.headers_mut().insert("content-type", kind.parse().unwrap());
        Box::pin(async { Ok(response) })
    }
}

fn once() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

fn s3(server: fn(&str) -> Reply) -> Arc<dyn ObjectStore> {
    let builder = object_store::aws::AmazonS3Builder::new().with_bucket_name("b").with_region("us-east-1");
    let builder = builder.with_access_key_id("key").with_secret_access_key("secret");
    Arc::new(builder.with_http_connector(Server(server)).with_retry(once()).build().unwrap())
}

fn gcs(server: fn(&str) -> Reply) -> Arc<dyn ObjectStore> {
    let builder = object_store::gcp::GoogleCloudStorageBuilder::new().with_bucket_name("b");
    let builder = builder.with_skip_signature(true);
    Arc::new(builder.with_http_connector(Server(server)).with_retry(once()).build().unwrap())
}

fn azure(server: fn(&str) -> Reply) -> Arc<dyn ObjectStore> {
    let builder =
        object_store::azure::MicrosoftAzureBuilder::new().with_account("a").with_container_name("b");
    let builder = builder.with_skip_signature(true);
    Arc::new(builder.with_http_connector(Server(server)).with_retry(once()).build().unwrap())
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Returns the failure of a delete of two objects.
fn delete(store: &Arc<dyn ObjectStore>) -> Failure {
    let paths = ["data/1", "data/2"].map(|path| Ok(Path::from(path)));
    let deleted = run(store.delete_stream(stream::iter(paths).boxed()).try_collect::<Vec<_>>());
    Failure::of(deleted.unwrap_err())
}

fn list(store: &Arc<dyn ObjectStore>) -> Failure {
    let listed = run(store.list(Some(&Path::from("data"))).try_collect::<Vec<_>>());
    Failure::of(listed.unwrap_err())
}

fn forbidden(_: &str) -> Reply {
    (403, "application/xml", "<Error><Code>AccessDenied</Code></Error>".to_owned())
}

fn unavailable(_: &str) -> Reply {
    let body = "Server returned non-2xx status code: 403 (code: AccessDenied) and more";
    (500, "text/plain", body.to_owned())
}

#[test]
fn a_key_that_a_bulk_delete_of_s3_leaves_is_denied() {
    fn of_code(code: &str) -> Reply {
        let error = format!("<Error><Key>data/2</Key><Code>{code}</Code><Message>x</Message></Error>");
        let body = format!("<DeleteResult><Deleted><Key>data/1</Key></Deleted>{error}</DeleteResult>");
        (200, "application/xml", body)
    }
    let failure = delete(&s3(|_| of_code("AccessDenied")));
    assert!(matches!(&failure, Failure::Denied(_)) && failure.to_string().contains("data/2"), "{failure}");
    for code in ["InternalError", "SlowDown", "NoSuchKey"] {
        // The function of the server holds no code, so each has its own.
        let server: fn(&str) -> Reply = match code {
            "InternalError" => |_| of_code("InternalError"),
            "SlowDown" => |_| of_code("SlowDown"),
            _ => |_| of_code("NoSuchKey"),
        };
        let failure = delete(&s3(server));
        assert!(matches!(failure, Failure::Other(_)), "{code}: {failure}");
    }
}

#[test]
fn a_key_that_a_bulk_delete_of_azure_leaves_is_denied() {
    fn batch(_: &str) -> Reply {
        let part = |id: u32, status: &str| {
            let head = "--batch_1\r\nContent-Type: application/http\r\nContent-ID: ";
            format!("{head}{id}\r\n\r\nHTTP/1.1 {status}\r\nx-ms-request-id: 1\r\n\r\n\r\n")
        };
        let body = format!("{}{}--batch_1--\r\n", part(0, "202 Accepted"), part(1, "403 Not authorized"));
        (202, "multipart/mixed; boundary=batch_1", body)
    }
    let failure = delete(&azure(batch));
    assert!(matches!(&failure, Failure::Denied(_)) && failure.to_string().contains("data/2"), "{failure}");
    // The clients report a refusal of the whole batch as a general error, too.
    let failure = delete(&azure(forbidden));
    assert!(matches!(failure, Failure::Denied(_)), "{failure}");
}

#[test]
fn a_list_that_is_refused_is_denied() {
    for client in [s3, gcs, azure] {
        let failure = list(&client(forbidden));
        assert!(matches!(failure, Failure::Denied(_)), "{failure}");
        let failure = list(&client(unavailable));
        assert!(matches!(failure, Failure::Other(_)), "{failure}");
    }
    let failure = delete(&gcs(forbidden));
    assert!(matches!(failure, Failure::Denied(_)), "{failure}");
}

/// A page is lost as a whole if one of its keys is no path.
#[test]
fn a_key_that_is_no_path_is_odd() {
    fn page(key: &str) -> Reply {
        let date = "2026-01-01T00:00:00.000Z";
        let object = |key: &str| {
            format!("<Contents><Key>{key}</Key><Size>1</Size><LastModified>{date}</LastModified></Contents>")
        };
        let body = format!("<ListBucketResult>{}{}</ListBucketResult>", object("data/1"), object(key));
        (200, "application/xml", body)
    }
    let odd: [fn(&str) -> Reply; 3] = [|_| page("data//2"), |_| page("data/../2"), |_| page("data/.")];
    for server in odd {
        let failure = list(&s3(server));
        assert!(matches!(&failure, Failure::Odd(_)) && failure.to_string().contains("data/"), "{failure}");
    }
    // The client cuts off one slash at the end, so the object looks like another one.
    let listed = run(s3(|_| page("data/2/")).list(None).try_collect::<Vec<_>>()).unwrap();
    assert_eq!(listed[1].location, Path::from("data/2"));
}
