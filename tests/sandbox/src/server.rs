//! Connections: accepting them, reading requests, sending replies, and breaking connections where the script says so.
//! What is replied is for the routers of the two surfaces, which it puts together.

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
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::api::BODY_LIMIT;
use crate::reply::{Fault, Reply};
use crate::world::Shared;
use crate::{admin, api, clock, script};

/// How far apart the bytes of a slow body are if the script does not say.
const SLOW_STEP: Duration = Duration::from_millis(50);

const GARBAGE: &[u8] = b"\x00\xffthis is no HTTP\r\n\x01\x02\x03\r\n\r\n";

/// Accepts connections until told to stop.
pub(crate) async fn run(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    mut stop: oneshot::Receiver<Infallible>,
) {
    let router = TowerToHyperService::new(router(&shared));
    loop {
        let accepted = tokio::select! {
            // The sender is dropped with the handle; nothing is ever sent.
            _ = &mut stop => return,
            accepted = listener.accept() => accepted,
        };
        // A client that is gone already, or a machine out of descriptors: neither is a reason to stop.
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

/// Bytes to write to a connection after hyper has given it up.
type LastWords = Arc<Mutex<Vec<u8>>>;

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, router: TowerToHyperService<Router>, shared: Arc<Shared>) {
    let last_words = LastWords::default();
    let service = service_fn(|request| handle(request, router.clone(), Arc::clone(&shared), Arc::clone(&last_words)));
    let mut connection = http1::Builder::new()
        .auto_date_header(false)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service);
    if Pin::new(&mut connection).await.is_err() {
        let words = std::mem::take(&mut *last_words.lock().unwrap_or_else(PoisonError::into_inner));
        let mut stream = connection.into_parts().io.into_inner();
        // The client may have gone away first, which is as good.
        if !words.is_empty() && stream.write_all(&words).await.is_ok() {
            let _ = stream.flush().await;
        }
    }
}

/// Makes hyper drop the connection without a reply.
#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the connection is broken on purpose")
    }
}

impl std::error::Error for Broken {}

fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        // As a service of its own, so that axum adds nothing of the API's to a scripted reply.
        .fallback_service(api::router().with_state(Arc::clone(shared)))
        .layer(from_fn_with_state(Arc::clone(shared), script::apply))
        // Added after the script's layer, which therefore is not around it.
        .nest(admin::PREFIX, admin::router())
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(Arc::clone(shared))
}

async fn handle(
    request: Request<Incoming>,
    router: TowerToHyperService<Router>,
    shared: Arc<Shared>,
    last_words: LastWords,
) -> Result<Response, Broken> {
    let Ok(mut response) = router.call(whole(request).await?).await;
    let entry: Reply = response.extensions_mut().remove().unwrap_or_default();
    let delay = entry.delay_ms.map(Duration::from_millis);
    if entry.fault != Some(Fault::Slow) {
        tokio::time::sleep(delay.unwrap_or_default()).await;
    }
    let date = {
        let world = shared.world();
        world.settings.date_header.then(|| clock::http_date(world.now()))
    };
    let headers = response.headers_mut();
    headers.extend(date.and_then(|date| HeaderValue::try_from(date).ok()).map(|date| (DATE, date)));
    // Last, as the script may replace whatever there is.
    entry.override_headers(headers);
    let break_with = |words: Vec<u8>| {
        *last_words.lock().unwrap_or_else(PoisonError::into_inner) = words;
        Err(Broken)
    };
    match entry.fault {
        None => Ok(response),
        Some(Fault::Slow) => slow(response, delay.unwrap_or(SLOW_STEP)).await,
        Some(Fault::Cut) => break_with(half(response).await?),
        Some(Fault::Close | Fault::LoseReply) => Err(Broken),
        Some(Fault::Garbage) => break_with(GARBAGE.to_vec()),
        Some(Fault::Hang) => std::future::pending().await,
    }
}

/// The request with its body read. One that is too large is read to its end all the same, as a client that still
/// writes would miss the reply; the byte that is kept beyond the limit makes axum refuse it.
async fn whole(request: Request<Incoming>) -> Result<Request<Body>, Broken> {
    let (head, mut body) = request.into_parts();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|_| Broken)?.into_data() {
            let room = BODY_LIMIT + 1 - bytes.len();
            bytes.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
    Ok(Request::from_parts(head, Body::from(bytes)))
}

/// The reply with a body that arrives byte by byte, with a pause before each.
async fn slow(response: Response, step: Duration) -> Result<Response, Broken> {
    let (mut head, body) = response.into_parts();
    let mut left = to_bytes(body, usize::MAX).await.map_err(|_| Broken)?;
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(left.len()));
    let (mut sender, body) = Channel::<Bytes>::new(1);
    tokio::spawn(async move {
        while !left.is_empty() {
            tokio::time::sleep(step).await;
            // The client is gone, and with it the reason to go on.
            if sender.send_data(left.split_to(1)).await.is_err() {
                return;
            }
        }
    });
    Ok(Response::from_parts(head, Body::new(body)))
}

/// The head with the whole length, and half of the body.
async fn half(response: Response) -> Result<Vec<u8>, Broken> {
    let (mut head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|_| Broken)?;
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len().max(1)));
    let reason = head.status.canonical_reason().unwrap_or("Unknown");
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", head.status.as_str()).into_bytes();
    for (name, value) in &head.headers {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&body[..body.len() / 2]);
    Ok(bytes)
}
