//! What every request passes: a gate for so many at a time, and a log line without the lead's id.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::Semaphore;

use super::problem;

/// Lets so many requests in at one time.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    pub fn new(requests_max: usize) -> Gate {
        Gate(Arc::new(Semaphore::new(requests_max)))
    }
}

pub async fn gate(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    match gate.0.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "too many requests at one time: see http.requests_max"),
    }
}

pub async fn log(request: Request, next: Next) -> Response {
    let since = Instant::now();
    let method = request.method().clone();
    // The route, not the path: that may hold a lead's id.
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let response = next.run(request).await;
    let (status, micros) = (response.status().as_u16(), since.elapsed().as_micros());
    if response.status().is_server_error() && route != "/readyz" {
        tracing::warn!(%method, route, status, micros, "request");
    } else {
        tracing::debug!(%method, route, status, micros, "request");
    }
    response
}
