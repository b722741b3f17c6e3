//! Connections: accepts them, reads requests, sends replies, and breaks connections where the script says so. It
//! combines the routers of `api` and `admin`, which produce the replies.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::DefaultBodyLimit;
use axum::http::header::{CONTENT_LENGTH, DATE};
use axum::http::{HeaderValue, Request};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use http_body_util::{BodyExt, channel::Channel};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;

use crate::api::BODY_LIMIT;
use crate::port::{Port, PortOrder};
use crate::reply::{Fault, Reply};
use crate::state::SharedState;
use crate::wire::{Reset, Wire};
use crate::{admin, api, clock, script};

/// The default pause before each byte of a slow body.
const SLOW_BYTE_DELAY: Duration = Duration::from_millis(50);

/// Accepts connections until the sender of `stop` is dropped.
pub(crate) async fn run(
    port: Port,
    tls: Option<TlsAcceptor>,
    shared: Arc<SharedState>,
    mut stop: oneshot::Receiver<Infallible>,
    mut orders: mpsc::UnboundedReceiver<PortOrder>,
) {
    let router = TowerToHyperService::new(router(&shared));
    let mut port = port;
    loop {
        let accepted = tokio::select! {
            // The handle drops the sender and never sends anything.
            _ = &mut stop => return,
            Some(order) = orders.recv() => {
                port = port.follow(&order);
                continue;
            }
            accepted = port.accept() => accepted,
        };
        // The client has already gone away, or there are no free file descriptors. Neither stops the server.
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        let (tls, router, shared) = (tls.clone(), router.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            match tls {
                None => serve(stream, router, shared).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, router, shared).await;
                    }
                }
            }
        });
    }
}

/// What to write to a connection after hyper has released it.
type FinalWire = Arc<Mutex<Option<Wire>>>;

async fn serve<S: AsyncRead + AsyncWrite + Unpin + Reset>(
    stream: S,
    router: TowerToHyperService<Router>,
    shared: Arc<SharedState>,
) {
    let wire = FinalWire::default();
    let service = service_fn(|request| handle(request, router.clone(), Arc::clone(&shared), Arc::clone(&wire)));
    let mut connection = http1::Builder::new()
        .auto_date_header(false)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service);
    if Pin::new(&mut connection).await.is_err() {
        let wire = wire.lock().unwrap_or_else(PoisonError::into_inner).take();
        let stream = connection.into_parts().io.into_inner();
        if let Some(wire) = wire {
            // An error means that the client has closed the connection first.
            let _ = wire.write(stream).await;
        }
    }
}

/// An error that makes hyper drop the connection without a reply.
#[derive(Debug)]
struct BrokenConnection;

impl fmt::Display for BrokenConnection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the script breaks this connection")
    }
}

impl std::error::Error for BrokenConnection {}

fn router(shared: &Arc<SharedState>) -> Router {
    Router::new()
        // A separate service: axum would otherwise add the API's headers to scripted replies.
        .fallback_service(api::router().with_state(Arc::clone(shared)))
        .layer(from_fn_with_state(Arc::clone(shared), script::apply))
        // Added after the script layer, which therefore does not apply to the admin API.
        .nest(admin::PREFIX, admin::router())
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(Arc::clone(shared))
}

async fn handle(
    request: Request<Incoming>,
    router: TowerToHyperService<Router>,
    shared: Arc<SharedState>,
    wire: FinalWire,
) -> Result<Response, BrokenConnection> {
    let Ok(mut response) = router.call(read_body(request).await?).await;
    let entry: Reply = response.extensions_mut().remove().unwrap_or_default();
    let delay = entry.delay_ms.map(Duration::from_millis);
    if !entry.fault.is_some_and(Fault::paces) {
        tokio::time::sleep(delay.unwrap_or_default()).await;
    }
    let date = {
        let state = shared.lock();
        state.settings.date_header.then(|| clock::http_date(state.now()))
    };
    let headers = response.headers_mut();
    headers.extend(date.and_then(|date| HeaderValue::try_from(date).ok()).map(|date| (DATE, date)));
    // Last, because the script may replace any header.
    entry.override_headers(headers);
    match entry.fault {
        None => Ok(response),
        Some(Fault::Slow) => slow(response, delay.unwrap_or(SLOW_BYTE_DELAY)).await,
        Some(Fault::Hang) => std::future::pending().await,
        Some(fault) => {
            let bytes = Wire::new(fault, response, delay).await;
            *wire.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
            Err(BrokenConnection)
        }
    }
}

/// Reads the request's body. A body that is too large is read to its end as well, because a client that is still
/// writing would miss the reply. One byte beyond the limit is kept, which makes axum reject the body.
async fn read_body(request: Request<Incoming>) -> Result<Request<Body>, BrokenConnection> {
    let (head, mut body) = request.into_parts();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|_| BrokenConnection)?.into_data() {
            let remaining = BODY_LIMIT + 1 - bytes.len();
            bytes.extend_from_slice(&data[..data.len().min(remaining)]);
        }
    }
    Ok(Request::from_parts(head, Body::from(bytes)))
}

/// The response with a body that is sent one byte at a time, with a pause before each.
async fn slow(response: Response, byte_delay: Duration) -> Result<Response, BrokenConnection> {
    let (mut head, body) = response.into_parts();
    let mut remaining = to_bytes(body, usize::MAX).await.map_err(|_| BrokenConnection)?;
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(remaining.len()));
    let (mut sender, body) = Channel::<Bytes>::new(1);
    tokio::spawn(async move {
        while !remaining.is_empty() {
            tokio::time::sleep(byte_delay).await;
            // An error means that the client has closed the connection.
            if sender.send_data(remaining.split_to(1)).await.is_err() {
                return;
            }
        }
    });
    Ok(Response::from_parts(head, Body::new(body)))
}
