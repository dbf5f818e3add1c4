//! [`Proxy`]: an HTTP/1.1 server between a client and an object store.

use std::collections::HashMap;
use std::fmt;
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::IF_NONE_MATCH;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Barrier;

use crate::call::{Call, Traffic};
use crate::clock;
use crate::fault::Fault;
use crate::reply::{self, Body};
use crate::upstream::Upstream;

/// Chooses the fault of each request.
pub type Plan = Box<dyn FnMut(&Call) -> Fault + Send>;

/// The maximum length of a request body. An unbounded client fails before the machine runs out of memory.
const BODY_MAX: usize = 256 << 20;

/// Properties of the server that the proxy changes for all requests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// The maximum number of keys in a page of a list.
    pub page: Option<usize>,
    /// The number of seconds by which the server's clock is off.
    pub skew: i64,
}

struct Shared {
    upstream: Upstream,
    settings: Settings,
    plan: Mutex<Plan>,
    traffic: Mutex<Traffic>,
    meetings: Mutex<HashMap<usize, Arc<Barrier>>>,
}

impl Shared {
    /// Returns the barrier at which this many requests wait for each other.
    fn meeting(&self, size: usize) -> Arc<Barrier> {
        let mut meetings = lock(&self.meetings);
        Arc::clone(meetings.entry(size).or_insert_with(|| Arc::new(Barrier::new(size))))
    }
}

/// A running proxy. It ends when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

impl Proxy {
    /// Starts a proxy on a free port of the loopback device, without faults.
    ///
    /// # Errors
    ///
    /// No port or no thread is free.
    pub fn start(upstream: Upstream, settings: Settings) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = {
            let _entered = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let plan: Plan = Box::new(|_| Fault::None);
        let (plan, traffic, meetings) = (Mutex::new(plan), Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { upstream, settings, plan, traffic, meetings });
        runtime.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, runtime: Some(runtime) })
    }

    /// The address for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Replaces the plan, and starts to count from zero.
    pub fn plan(&self, plan: impl FnMut(&Call) -> Fault + Send + 'static) {
        *lock(&self.shared.plan) = Box::new(plan);
        *lock(&self.shared.traffic) = Traffic::default();
    }

    /// The traffic since the last plan.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        *lock(&self.shared.traffic)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(serve(socket, Arc::clone(&shared)));
    }
}

async fn serve(socket: TcpStream, shared: Arc<Shared>) {
    socket.set_nodelay(true).ok();
    let answer = |request| answer(Arc::clone(&shared), request);
    // An error here means that a fault or the client has cut the connection.
    hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(socket), service_fn(answer))
        .await
        .ok();
}

/// Answers one request. An error cuts the connection.
async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (mut parts, body) = request.into_parts();
    let before = {
        let mut traffic = lock(&shared.traffic);
        let before = *traffic;
        traffic.requests += 1;
        before
    };
    let call = Call::new(before, &parts);
    let fault = lock(&shared.plan)(&call);
    if fault == Fault::Hold {
        return pending().await;
    }
    if fault == Fault::CutRequest {
        let mut body = body;
        body.frame().await;
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    let body = Limited::new(body, BODY_MAX).collect().await.map_err(io::Error::other)?.to_bytes();
    lock(&shared.traffic).sent += body.len() as u64;
    if let Fault::Refuse(status) = fault {
        return Ok(reply::refuse(status));
    }
    if let (true, Some(page)) = (call.lists(), shared.settings.page) {
        parts.uri = with_page(&parts.uri, page).map_err(io::Error::other)?;
    }
    if fault == Fault::Unconditional {
        parts.headers.remove(IF_NONE_MATCH);
    }
    let meeting = match fault {
        Fault::Together(size) => Some(shared.meeting(size)),
        _ => None,
    };
    let mut answer = shared.upstream.call(Request::from_parts(parts, body), meeting).await?;
    match fault {
        Fault::LoseAnswer => return Err(io::ErrorKind::ConnectionReset.into()),
        Fault::RefuseAfter(status) => return Ok(reply::refuse(status)),
        Fault::HoldAnswer => return pending().await,
        _ => {}
    }
    if shared.settings.skew != 0 {
        clock::shift(&mut answer, shared.settings.skew);
    }
    lock(&shared.traffic).received += answer.body().len() as u64;
    Ok(reply::shape(answer, fault))
}

/// Asks for the same list in smaller pages. The server must not check signatures.
fn with_page(uri: &Uri, page: usize) -> Result<Uri, hyper::http::Error> {
    let query = uri.query().unwrap_or_default();
    let kept: Vec<_> = query.split('&').filter(|pair| !pair.starts_with("max-keys=")).collect();
    let target = format!("{}?{}&max-keys={page}", uri.path(), kept.join("&"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target.try_into()?);
    Ok(Uri::from_parts(parts)?)
}
