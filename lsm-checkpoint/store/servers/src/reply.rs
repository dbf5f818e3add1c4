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
        Fault::Stall => stalled(body.slice(..half)),
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
        403 => "AccessDenied",
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

/// The number of pieces of one byte at the start of a slow body.
const SINGLE: usize = 64;
/// The length of the pieces after these.
const PIECE: usize = 1_000;

fn trickle(body: &Bytes) -> Body {
    let single = body.len().min(SINGLE);
    let bytes = (0..single).map(|at| body.slice(at..=at));
    let rest = (single..body.len()).step_by(PIECE).map(|at| body.slice(at..body.len().min(at + PIECE)));
    let pieces: Vec<_> = bytes.chain(rest).collect();
    // hyper writes the bytes that it has before it waits, so each piece is a write of its own.
    let paced = stream::iter(pieces).then(|piece| async {
        tokio::task::yield_now().await;
        Ok(Frame::data(piece))
    });
    StreamBody::new(paced).boxed_unsync()
}

fn stalled(start: Bytes) -> Body {
    let frames = stream::iter([Ok(Frame::data(start))]).chain(stream::pending());
    StreamBody::new(frames).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// Polls a body until it has ended or has stalled. Returns the lengths of its pieces, and the number of polls in
    /// which it waited.
    async fn polled(body: Body) -> (Vec<usize>, usize) {
        let (mut body, mut pieces, mut waits) = (Box::pin(body), Vec::new(), 0);
        let mut context = Context::from_waker(Waker::noop());
        let mut in_a_row = 0;
        while in_a_row < 10 {
            match hyper::body::Body::poll_frame(body.as_mut(), &mut context) {
                Poll::Ready(Some(frame)) => pieces.push(frame.unwrap().into_data().unwrap().len()),
                Poll::Ready(None) => break,
                Poll::Pending => {
                    (waits, in_a_row) = (waits + 1, in_a_row + 1);
                    continue;
                }
            }
            in_a_row = 0;
        }
        (pieces, waits)
    }

    #[tokio::test]
    async fn a_slow_body_waits_before_each_piece() {
        let body = Bytes::from(vec![7; SINGLE + PIECE + 1]);
        let expected = [vec![1; SINGLE], vec![PIECE, 1]].concat();
        assert_eq!(polled(trickle(&body)).await, (expected.clone(), expected.len()));
        assert_eq!(polled(trickle(&Bytes::new())).await, (Vec::new(), 0));
    }

    #[tokio::test]
    async fn a_stalled_body_never_ends() {
        assert_eq!(polled(stalled(Bytes::from_static(b"half"))).await, (vec![4], 10));
    }
}
