//! The doors: health endpoints, metrics, and the switchboard of faults.

use super::faults::{Fault, Faults};
use super::traffic::Traffic;
use super::{health, redis, work};
use axum::Json;
use axum::Router;
use axum::extract::{Path as Part, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

/// Where it listens and writes.
pub(crate) struct Config {
    /// Port of the HTTP endpoints, 0 = any.
    pub(crate) port: u16,
    /// Port of the Redis stand-in, 0 = any.
    pub(crate) redis_port: u16,
    /// The Redis it needs; none: it plays one itself.
    pub(crate) redis: Option<SocketAddr>,
    /// The SIP server it needs, if any.
    pub(crate) sip: Option<SocketAddr>,
    /// Where `logs/` and `data/` are.
    pub(crate) dir: PathBuf,
    /// Faults that are on from the start.
    pub(crate) faults: Vec<Fault>,
}

/// A system that runs until its runtime ends.
pub(crate) struct Running {
    http: SocketAddr,
    redis: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    faults: Arc<Faults>,
    traffic: Arc<Mutex<Traffic>>,
    log: PathBuf,
    needs: health::Needs,
}

impl Running {
    /// `http://127.0.0.1:8000`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// `127.0.0.1:6379`.
    pub(crate) fn redis(&self) -> String {
        self.redis.to_string()
    }

    /// Its log.
    pub(crate) fn log(&self) -> &Path {
        &self.shared.log
    }

    /// Its database.
    pub(crate) fn database(&self) -> &Path {
        &self.shared.needs.database
    }
}

/// Opens the files, binds the ports, and works in the background.
pub(crate) async fn start(config: Config) -> anyhow::Result<Running> {
    let dir = std::path::absolute(&config.dir)?;
    let (log, database) = (dir.join("logs/livekit_system.log"), dir.join("data/voice.db"));
    let files = work::Work::open(&log, &database)?;
    let web = bind(config.port).await?;
    let own = if config.redis.is_none() { Some(bind(config.redis_port).await?) } else { None };
    let address = own.as_ref().map(TcpListener::local_addr).transpose()?.or(config.redis);
    let faults = Arc::new(Faults::new(config.faults));
    let traffic = Arc::new(Mutex::new(Traffic::default()));
    let running = Running {
        http: web.local_addr()?,
        redis: address.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, config.redis_port))),
        shared: Arc::new(Shared {
            faults: Arc::clone(&faults),
            traffic: Arc::clone(&traffic),
            log,
            needs: health::Needs { database: database.clone(), redis: config.redis, sip: config.sip },
        }),
    };
    if let Some(own) = own {
        tokio::spawn(redis::serve(own, Arc::clone(&faults)));
    }
    tokio::spawn(work::go(files, faults, traffic, database));
    let routes = routes(Arc::clone(&running.shared));
    tokio::spawn(async move { axum::serve(web, routes).await });
    Ok(running)
}

async fn bind(port: u16) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    bound.map_err(|reason| anyhow::anyhow!("cannot listen on port {port}: {reason} (port 0 takes any free one)"))
}

fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/health", get(async |State(it): State<Arc<Shared>>| whole(it, false).await))
        .route("/health/detailed", get(async |State(it): State<Arc<Shared>>| whole(it, true).await))
        .route("/health/{component}", get(one))
        .route("/metrics", get(metrics))
        .route("/faults", get(list))
        .route("/faults/{name}", post(switch))
        .with_state(shared)
}

async fn whole(it: Arc<Shared>, detailed: bool) -> Response {
    drag(&it).await;
    answer(health::overall(detailed, &it.faults, &it.needs))
}

async fn one(State(it): State<Arc<Shared>>, Part(name): Part<String>) -> Response {
    drag(&it).await;
    if !health::COMPONENTS.contains(&name.as_str()) {
        return (StatusCode::NOT_FOUND, Json(json!({ "error": format!("no component `{name}`") }))).into_response();
    }
    answer(health::component(&name, &it.faults, &it.needs))
}

async fn metrics(State(it): State<Arc<Shared>>) -> Response {
    drag(&it).await;
    let cpu = if it.faults.on(Fault::HighCpu) { 92.5 } else { 12.5 };
    let page = it.traffic.lock().unwrap_or_else(PoisonError::into_inner).page(cpu, 41.0);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page).into_response()
}

async fn list(State(it): State<Arc<Shared>>) -> Json<Value> {
    Json(Fault::ALL.iter().map(|(fault, name)| ((*name).to_owned(), Value::Bool(it.faults.on(*fault)))).collect())
}

#[derive(serde::Deserialize)]
struct Switch {
    #[serde(default = "yes")]
    on: bool,
}

fn yes() -> bool {
    true
}

async fn switch(State(it): State<Arc<Shared>>, Part(name): Part<String>, Query(to): Query<Switch>) -> Response {
    match name.parse::<Fault>() {
        Err(reason) => (StatusCode::NOT_FOUND, Json(json!({ "error": reason }))).into_response(),
        Ok(fault) => {
            if to.on {
                it.faults.switch_on(fault);
            } else {
                it.faults.switch_off(fault);
            }
            Json(json!({ "fault": name, "on": to.on })).into_response()
        }
    }
}

/// What every answer suffers while `slow-api` is on.
async fn drag(it: &Shared) {
    if it.faults.on(Fault::SlowApi) {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
}

fn answer((code, body): (u16, Value)) -> Response {
    (StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Json(body)).into_response()
}
