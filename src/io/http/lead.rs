//! `/leads/{id}`: one lead as of now, from committed state only.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{Served, problem};
use crate::runtime::batch::Partition;
use crate::runtime::shared::Phase;
use crate::wire::limits::LEAD_ID_BYTES_MAX;
use crate::wire::{keys, state, view};

pub async fn lead(State(served): State<Served>, Path(id): Path<String>) -> Response {
    if id.len() > LEAD_ID_BYTES_MAX {
        return problem(StatusCode::BAD_REQUEST, "a lead id has at most 256 bytes");
    }
    let partition = keys::home(&id, served.context.topology.partition_count());
    let phase = served.context.shared.phases().get(&partition).copied();
    // Disk and cluster are waited for on a thread that may wait.
    let answered = tokio::task::spawn_blocking(move || match phase {
        Some(Phase::Running) => here(&served, partition, &id),
        Some(Phase::Restoring) => problem(StatusCode::SERVICE_UNAVAILABLE, "its partition is being restored"),
        None => elsewhere(&served, partition),
    });
    answered.await.unwrap_or_else(|_| problem(StatusCode::INTERNAL_SERVER_ERROR, "it could not be read"))
}

fn here(served: &Served, partition: Partition, id: &str) -> Response {
    let context = &served.context;
    let found = match context.shared.read(&*context.store, partition, id) {
        Ok(found) => found,
        Err(error) => return problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    };
    let Some(bytes) = found else { return problem(StatusCode::NOT_FOUND, "no such lead") };
    match state::decode(&bytes) {
        Ok(lead) => Json(view::json(&lead.view(&context.model, id, context.clock.now_ms()))).into_response(),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn elsewhere(served: &Served, partition: Partition) -> Response {
    let owner = served.owners.owner(partition);
    let body = json!({"error": "its partition is not on this instance", "partition": partition.0, "owner": owner});
    (StatusCode::MISDIRECTED_REQUEST, Json(body)).into_response()
}
