//! PostgreSQL: one connection, one statement.

use crate::act::args::Args;
use crate::act::connect::{Target, connect};
use crate::act::sql::pg_type::{Bind, Raw};
use crate::act::sql::{Rows, Statement, positional};
use crate::act::trust::{Trust, client, explain};
use crate::act::world::World;
use crate::base::value::Value;
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use futures_util::{TryStreamExt, pin_mut};
use rustls::pki_types::ServerName;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_rustls::TlsConnector;

/// How long it is tried to stop a statement in the server.
const STOPPING: Duration = Duration::from_secs(5);

/// Runs the statement; also says on what.
pub(super) async fn run(args: &Args, world: &World, statement: &Statement) -> Result<(String, Rows), Failure> {
    let bad = |why: String| Failure::lasting(FailureKind::Template, format!("`postgres` {why}"));
    let mut config: Config =
        args.need("postgres")?.parse().map_err(|error| bad(format!("is no URL of a database: {error}")))?;
    if let Some(password) = args.text("password") {
        config.password(password);
    }
    config.application_name("stepladder");
    if statement.reads {
        let options = config.get_options().map(|options| format!("{options} ")).unwrap_or_default();
        config.options(format!("{options}-c default_transaction_read_only=on"));
    }
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        Some(Host::Unix(_)) | None => return Err(bad("names no host".into())),
    };
    let target = Target { host, port: config.get_ports().first().copied().unwrap_or(5432) };
    let subject = format!("PostgreSQL {target}/{}", config.get_dbname().unwrap_or_default());
    let said = |error: Error| failure(&subject, &error);
    let (stream, _) = connect(&target).await?;
    let rows = if config.get_ssl_mode() == SslMode::Require {
        let (tls, _) = client(args.text("ca").as_deref(), Trust::Verified, world)?;
        let tls = Tls { connector: TlsConnector::from(Arc::new(tls)), host: target.host.clone() };
        let (client, connection) = config.connect_raw(stream, tls.clone()).await.map_err(said)?;
        let stop = Stop::new(&client, &target, Some(tls));
        let rows = tokio::select! {
            rows = converse(&client, statement, &subject) => rows,
            ended = connection => Err(ended.err().map_or_else(|| closed(&subject), |error| failure(&subject, &error))),
        };
        stop.not_needed();
        rows
    } else {
        config.ssl_mode(SslMode::Disable);
        let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(said)?;
        let stop = Stop::new(&client, &target, None);
        let rows = tokio::select! {
            rows = converse(&client, statement, &subject) => rows,
            ended = connection => Err(ended.err().map_or_else(|| closed(&subject), |error| failure(&subject, &error))),
        };
        stop.not_needed();
        rows
    };
    rows.map(|rows| (subject, rows))
}

/// Stops the statement in the server when nobody waits for it any more: closing the connection does not.
struct Stop(Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Stop {
    fn new(client: &Client, target: &Target, tls: Option<Tls>) -> Self {
        let (token, target) = (client.cancel_token(), target.clone());
        Self(Some(Box::pin(async move {
            let Ok((stream, _)) = connect(&target).await else { return };
            let _ = match tls {
                Some(tls) => token.cancel_query_raw(stream, tls).await,
                None => token.cancel_query_raw(stream, NoTls).await,
            };
        })))
    }

    /// The statement has ended: there is nothing to stop.
    fn not_needed(mut self) {
        self.0 = None;
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        if let Some(stop) = self.0.take() {
            tokio::spawn(tokio::time::timeout(STOPPING, stop));
        }
    }
}

fn closed(subject: &str) -> Failure {
    Failure::new(FailureKind::Connect, format!("{subject} closed the connection"))
}

async fn converse(client: &Client, statement: &Statement, subject: &str) -> Result<Rows, Failure> {
    let said = |error: Error| failure(subject, &error);
    let wrong = |why: String| Failure::lasting(FailureKind::Template, format!("{subject}: {why}"));
    let values: Vec<Value> = positional(&statement.params)
        .ok_or_else(|| wrong("`params` must be a list here: PostgreSQL knows only $1, $2, …".into()))?;
    let prepared = client.prepare(&statement.text).await.map_err(said)?;
    let (wants, has) = (prepared.params().len(), values.len());
    if wants != has {
        return Err(wrong(format!("the statement has {wants} parameters, `params` has {has}")));
    }
    let binds: Vec<Bind> = values.into_iter().map(Bind).collect();
    let binds = binds.iter().map(|bind| bind as &(dyn ToSql + Sync));
    let stream = client.query_raw(&prepared, binds).await.map_err(said)?;
    pin_mut!(stream);
    let mut rows = Rows::default();
    while let Some(row) = stream.try_next().await.map_err(said)? {
        let mut columns = Vec::new();
        for (index, column) in row.columns().iter().enumerate() {
            let value: Raw = row.try_get(index).map_err(said)?;
            columns.push((column.name(), value.0));
        }
        rows.push(columns);
    }
    if !statement.reads {
        rows.changed = stream.rows_affected().unwrap_or_default();
    }
    Ok(rows)
}

fn failure(subject: &str, error: &Error) -> Failure {
    if let Some(database) = error.as_db_error() {
        let (code, message) = (database.code().code(), database.message());
        let (kind, why, lasting) = match code {
            "25006" => (FailureKind::Other, "`query` may only read: use `execute` for a change".to_owned(), true),
            "28P01" | "28000" => (FailureKind::Status, format!("it does not let us in: {message}"), true),
            "3D000" => (FailureKind::Status, message.to_owned(), true),
            "57P03" | "53300" => (FailureKind::Connect, message.to_owned(), false),
            _ => (FailureKind::Other, format!("{message} (SQLSTATE {code})"), code.starts_with("42")),
        };
        return Failure { lasting, ..Failure::new(kind, format!("{subject}: {why}")) };
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    let mut said = error.to_string();
    while let Some(inner) = cause {
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return Failure::new(FailureKind::Connect, format!("{subject}: {}", explain(tls)));
        }
        said = inner.to_string();
        cause = match inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => inner.source(),
        };
    }
    if error.to_string().contains("serializing parameter") {
        return Failure::lasting(FailureKind::Template, format!("{subject}: {said}"));
    }
    let password = said.contains("password missing") || error.to_string().contains("password missing");
    let said = if password { "it asks for a password: set `password`".into() } else { said };
    let kind = if error.is_closed() { FailureKind::Connect } else { FailureKind::Other };
    Failure { lasting: password, ..Failure::new(kind, format!("{subject}: {said}")) }
}

/// TLS for a PostgreSQL connection.
#[derive(Clone)]
struct Tls {
    connector: TlsConnector,
    host: String,
}

/// The stream of a PostgreSQL connection over TLS.
struct Secured(tokio_rustls::client::TlsStream<TcpStream>);

impl TlsConnect<TcpStream> for Tls {
    type Stream = Secured;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Secured>> + Send>>;

    fn connect(self, stream: TcpStream) -> Self::Future {
        Box::pin(async move {
            let name = ServerName::try_from(self.host).map_err(io::Error::other)?;
            self.connector.connect(name, stream).await.map(Secured)
        })
    }
}

impl AsyncRead for Secured {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl TlsStream for Secured {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}
