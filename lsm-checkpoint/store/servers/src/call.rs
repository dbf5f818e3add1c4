//! [`Call`]: a request as a plan sees it.

use hyper::Method;
use hyper::http::request::Parts;

/// The header by which a client names itself to a plan.
pub(crate) const CLIENT: &str = "x-client";

/// A request before it reaches the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its number, counted from zero for each proxy.
    pub number: usize,
    /// The method.
    pub method: Method,
    /// The path with the bucket, without the query.
    pub path: String,
    /// The query, or an empty text.
    pub query: String,
    /// `true` if the request writes only if the key is free.
    pub creates: bool,
    /// The number in the header `x-client`, by which a client names itself.
    pub client: Option<u32>,
    /// The traffic before this request.
    pub before: Traffic,
}

impl Call {
    pub(crate) fn new(before: Traffic, parts: &Parts) -> Self {
        let client = parts.headers.get(CLIENT).and_then(|value| value.to_str().ok()?.parse().ok());
        Self {
            number: before.requests,
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            creates: parts.headers.get("if-none-match").is_some_and(|value| value == "*"),
            client,
            before,
        }
    }

    /// Returns `true` for a list.
    #[must_use]
    pub fn lists(&self) -> bool {
        self.method == Method::GET && (self.query.contains("list-type=") || self.query.contains("comp=list"))
    }
}

/// The traffic through a proxy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// The number of requests.
    pub requests: usize,
    /// The bytes of the bodies of requests.
    pub sent: u64,
    /// The bytes of the bodies of answers.
    pub received: u64,
}
