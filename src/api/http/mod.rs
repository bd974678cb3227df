//! HTTP over TCP: the same routes as the socket's, behind a door that wants a token, with or without TLS.
//!
//! `gate` is who comes in and what is written down of it, `settings` what `http:` of stepladder.yaml says.

mod gate;
mod settings;

pub use settings::Listen;

use crate::api::desk::Desk;
use crate::api::http::gate::{Caller, Gate};
use crate::api::route::routes;
use crate::base::limits::{MAX_CONNECTIONS, MAX_REQUEST};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Extension};
use axum::middleware::from_fn_with_state;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// How long a caller may take for the head of a request, or to say nothing between two.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take to agree on TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// An open door that nobody has come through yet.
pub struct Http {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    app: Router,
}

/// Listens where `http.listen` says.
///
/// # Errors
/// A sentence: the address can't be had, or the certificate can't be read.
pub async fn listen(desk: Desk, listen: &Listen) -> Result<(Http, SocketAddr), String> {
    let tls = listen.tls.as_ref().map(settings::acceptor).transpose()?;
    let cannot = |error: &io::Error| format!("cannot listen on `{}` (`http.listen`): {error}", listen.address);
    let listener = TcpListener::bind(&listen.address).await.map_err(|error| cannot(&error))?;
    let address = listener.local_addr().map_err(|error| cannot(&error))?;
    if tls.is_none() && !address.ip().is_loopback() {
        tracing::warn!(%address, "tokens travel in clear: set `http.tls`, or listen on 127.0.0.1 behind a proxy that has TLS");
    }
    let gate = Arc::new(Gate::new(desk.clone(), listen, address));
    let app = routes(desk).layer(from_fn_with_state(gate, gate::pass)).layer(DefaultBodyLimit::max(MAX_REQUEST));
    Ok((Http { listener, tls, app }, address))
}

impl Http {
    /// Serves until it is dropped.
    pub async fn serve(self) {
        let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, from)) => {
                    let (app, tls) = (self.app.clone(), self.tls.clone());
                    tokio::spawn(async move {
                        connection(stream, from, tls, app).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Most often there are no more descriptors: some become free in a moment.
                    tracing::warn!(%error, "a connection could not be taken");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, from: SocketAddr, tls: Option<TlsAcceptor>, app: Router) {
    let _ = stream.set_nodelay(true);
    let app = app.layer(Extension(Caller(from)));
    match tls {
        None => converse(stream, app).await,
        Some(tls) => match timeout(HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) => converse(stream, app).await,
            Ok(Err(error)) => tracing::debug!(%error, %from, "no TLS was agreed on"),
            Err(_) => tracing::debug!(%from, "no TLS was agreed on in time"),
        },
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, app: Router) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(64 << 10);
    let served = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app)).await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection broke off");
    }
}
