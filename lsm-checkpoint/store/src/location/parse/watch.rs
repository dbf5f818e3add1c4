//! [`Watch`]: reports failed requests, which the client repeats without a word.

use std::error::Error;

use futures::future::BoxFuture;
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
    },
};

use crate::location::Retries;

/// Makes HTTP clients that report.
#[derive(Debug)]
pub(super) struct Watch(pub(super) Retries);

impl HttpConnector for Watch {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Watched { client, retries: self.0.clone() }))
    }
}

#[derive(Debug)]
struct Watched {
    client: HttpClient,
    retries: Retries,
}

impl HttpService for Watched {
    fn call<'s, 'f>(&'s self, request: HttpRequest) -> BoxFuture<'f, Result<HttpResponse, HttpError>>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let server = request.uri().authority().map(ToString::to_string).unwrap_or_default();
            let outcome = self.client.execute(request).await;
            let failure = match &outcome {
                Ok(response) if is_repeated(response.status().as_u16()) => {
                    Some(response.status().to_string())
                }
                Ok(_) => None,
                Err(error) => Some(cause(error)),
            };
            if let Some(failure) = failure {
                self.retries.failed(&format!("{server}: {failure}"));
            }
            outcome
        })
    }
}

/// The answers after which the client repeats a request: time-outs, too many requests, and errors of the server.
const fn is_repeated(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}

/// Returns the innermost cause. The errors around it only say that a request has failed.
fn cause(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
