//! [`Upstream`]: the S3 server behind the proxy of the tests. It runs in this process, or listens at an address.

mod gate;
mod http;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::{Request, Response};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::sync::Barrier;

use gate::Gate;

/// The server behind a proxy.
#[derive(Clone)]
pub enum Upstream {
    /// s3s-fs in this process.
    Local(Arc<Local>),
    /// A program that listens.
    Remote(SocketAddr),
}

/// s3s-fs on a directory of the host.
pub struct Local {
    service: S3Service,
    gate: Option<Gate>,
}

impl Upstream {
    /// Starts s3s-fs on a directory. Buckets are its folders.
    ///
    /// s3s-fs 0.14.1 looks for a key, reads the body, and then writes, so two creates of one key can both succeed. The
    /// gate in front of it lets one write of a key pass at a time, as the stores do that the protocol needs.
    ///
    /// # Errors
    ///
    /// The directory is not usable.
    pub fn s3(root: &Path) -> io::Result<Self> {
        Self::local(root, Some(Gate::default()), None)
    }

    /// As [`Upstream::s3`], for clients that sign their requests with this key and its secret. All others are refused.
    ///
    /// # Errors
    ///
    /// The directory is not usable.
    pub fn signed_s3(root: &Path, (key, secret): (&str, &str)) -> io::Result<Self> {
        Self::local(root, Some(Gate::default()), Some(SimpleAuth::from_single(key, secret)))
    }

    /// As [`Upstream::s3`] without the gate. Such a server accepts `If-None-Match` and does not honour it in a race.
    ///
    /// # Errors
    ///
    /// The directory is not usable.
    pub fn racy_s3(root: &Path) -> io::Result<Self> {
        Self::local(root, None, None)
    }

    fn local(root: &Path, gate: Option<Gate>, auth: Option<SimpleAuth>) -> io::Result<Self> {
        let files = FileSystem::new(root).map_err(|error| io::Error::other(format!("{error:?}")))?;
        let mut builder = S3ServiceBuilder::new(files);
        if let Some(auth) = auth {
            builder.set_auth(auth);
        }
        Ok(Self::Local(Arc::new(Local { service: builder.build(), gate })))
    }

    /// Sends a request and waits for the whole answer. With a barrier, the local server gets the body only after all
    /// requests have met there. A remote server gets it at once.
    pub(crate) async fn call(
        &self,
        request: Request<Bytes>,
        meeting: Option<Arc<Barrier>>,
    ) -> io::Result<Response<Bytes>> {
        match self {
            Self::Remote(address) => http::call(*address, request).await,
            Self::Local(local) => {
                let _pass = match &local.gate {
                    Some(gate) => gate.pass(&request).await,
                    None => None,
                };
                let answer = local.service.call(request.map(|body| with_meeting(body, meeting))).await;
                let (parts, body) =
                    answer.map_err(|error| io::Error::other(format!("{error:?}")))?.into_parts();
                let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
                Ok(Response::from_parts(parts, body))
            }
        }
    }
}

/// Makes a body that is sent after a barrier.
fn with_meeting(body: Bytes, meeting: Option<Arc<Barrier>>) -> s3s::Body {
    let Some(meeting) = meeting else { return body.into() };
    let late = stream::once(async move {
        meeting.wait().await;
        Ok::<_, io::Error>(Frame::data(body))
    });
    s3s::Body::http_body_unsync(StreamBody::new(late))
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(_) => f.write_str("Local"),
            Self::Remote(address) => f.debug_tuple("Remote").field(address).finish(),
        }
    }
}
