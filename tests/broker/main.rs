//! Tests against a real Kafka broker, which the kit fetches and starts. One broker for all that can share it.

mod adapters;
mod admin;
mod changelog;
mod group;
mod late;
mod permissions;
mod pipeline;
mod rig;
