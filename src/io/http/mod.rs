//! What a process shows of itself over HTTP: metrics, health, readiness, and leads as they are committed.
//!
//! There is no log-in and no way to change anything: it belongs on loopback or into an own network. Reading a lead
//! never sees what a transaction has not committed.

mod lead;
mod limit;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use serde_json::json;
use tokio::net::TcpListener;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use crate::runtime::batch::Partition;
use crate::runtime::context::Context;
use crate::runtime::shared::Phase;

/// Nothing that is asked here has a body.
const BODY_BYTES_MAX: usize = 1024;

/// Limits on what comes from outside.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest time for one request.
    pub request_timeout: Duration,
    /// Requests served at one time; more are refused.
    pub requests_max: usize,
}

/// The process that has a partition.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Owner {
    /// Its `app.instance` and the number of its worker.
    pub instance: String,
    /// As the cluster sees it.
    pub host: String,
}

/// Who has the partitions that are not here. May ask the cluster, and wait for it.
pub trait Owners: Send + Sync {
    /// `None`: nobody, or nobody knows.
    fn owner(&self, partition: Partition) -> Option<Owner>;
}

/// For a process that is alone.
#[derive(Debug, Clone, Copy)]
pub struct Alone;

impl Owners for Alone {
    fn owner(&self, _: Partition) -> Option<Owner> {
        None
    }
}

/// What requests are answered from.
#[derive(Clone)]
pub struct Served {
    pub context: Context,
    pub owners: Arc<dyn Owners>,
}

/// Serves until the task is dropped.
///
/// # Errors
/// Those of the listener.
pub async fn serve(listener: TcpListener, served: Served, limits: Limits) -> std::io::Result<()> {
    axum::serve(listener, router(served, limits)).await
}

fn router(served: Served, limits: Limits) -> Router {
    let gate = limit::Gate::new(limits.requests_max);
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/leads/{id}", get(lead::lead))
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "there are /metrics, /healthz, /readyz and /leads/{id}") })
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, limits.request_timeout))
        .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(gate, limit::gate))
        .layer(middleware::from_fn(limit::log))
        .with_state(served)
}

async fn metrics(State(served): State<Served>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], served.context.metrics.encode())
}

/// Ready: partitions are assigned, and all of them are restored.
async fn ready(State(served): State<Served>) -> impl IntoResponse {
    let phases = served.context.shared.phases();
    let running = phases.values().filter(|phase| **phase == Phase::Running).count();
    let is_ready = running > 0 && running == phases.len();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"ready": is_ready, "assigned": phases.len(), "running": running})))
}

/// An answer that says what is wrong.
fn problem(status: StatusCode, what: &str) -> Response {
    (status, Json(json!({"error": what}))).into_response()
}

#[cfg(test)]
mod tests;
