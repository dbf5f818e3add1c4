//! Answers of the proxy: whole, damaged, or cut short.

use std::convert::Infallible;
use std::io;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_LENGTH, ETAG, HeaderValue, TRANSFER_ENCODING};
use hyper::{Response, StatusCode};

use crate::fault::Fault;

/// The body of an answer. An error cuts the connection.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Prepares an answer of the server for the client.
pub(crate) fn shape(answer: Response<Bytes>, fault: Fault) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    parts.headers.remove(TRANSFER_ENCODING);
    // The answer to HEAD has the length of the object and no body.
    if !body.is_empty() {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let half = body.len() / 2;
    let body = match fault {
        Fault::CutBody => broken(body.slice(..half)),
        Fault::Trickle => trickle(&body),
        Fault::ShortBody => {
            parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(half));
            whole(body.slice(..half))
        }
        Fault::FlipBody => {
            let mut bytes = body.to_vec();
            if let Some(byte) = bytes.get_mut(half) {
                *byte ^= 1;
            }
            whole(bytes.into())
        }
        Fault::WrongTag => {
            parts.headers.insert(ETAG, HeaderValue::from_static("\"00000000000000000000000000000000\""));
            whole(body)
        }
        _ => whole(body),
    };
    Response::from_parts(parts, body)
}

/// Makes an S3 error with its XML.
pub(crate) fn refuse(status: u16) -> Response<Body> {
    let code = match status {
        409 => "ConditionalRequestConflict",
        412 => "PreconditionFailed",
        503 => "SlowDown",
        _ => "InternalError",
    };
    let xml = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>a fault</Message></Error>");
    let mut answer = Response::new(whole(xml.into()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}

fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never: Infallible| match never {}).boxed_unsync()
}

fn frames(pieces: Vec<Result<Bytes, io::Error>>) -> Body {
    let frames = stream::iter(pieces).map(|piece| piece.map(Frame::data));
    StreamBody::new(frames).boxed_unsync()
}

fn broken(start: Bytes) -> Body {
    frames(vec![Ok(start), Err(io::ErrorKind::ConnectionReset.into())])
}

fn trickle(body: &Bytes) -> Body {
    let slow = body.len().min(64);
    let bytes = (0..slow).map(|at| body.slice(at..=at));
    let rest = (slow..body.len()).step_by(1000).map(|at| body.slice(at..body.len().min(at + 1000)));
    frames(bytes.chain(rest).map(Ok).collect())
}
