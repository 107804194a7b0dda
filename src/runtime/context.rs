//! What every task of a worker shares and none changes.

use std::sync::Arc;
use std::time::Duration;

use crate::scoring::model::Model;
use crate::wire::decode::Decoder;

use super::encode::Formats;
use super::metrics::Metrics;
use super::ports::{Clock, Store};
use super::settings::Settings;
use super::shared::Shared;
use super::topology::Topology;

/// Cheap to clone: one for each worker.
#[derive(Clone)]
pub struct Context {
    pub model: Arc<Model>,
    pub topology: Arc<Topology>,
    pub decoder: Arc<Decoder>,
    pub formats: Formats,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub settings: Settings,
    pub metrics: Arc<Metrics>,
    pub shared: Arc<Shared>,
}

impl Context {
    /// A record stamped later than this, ms since the epoch, has an absurd timestamp.
    pub fn appended_max_ms(&self) -> i64 {
        let skew_ms = i64::try_from(self.settings.clock_skew_max.as_millis()).unwrap_or(i64::MAX);
        self.clock.now_ms().saturating_add(skew_ms)
    }

    /// How long ago `then` was, by `Clock::uptime`.
    pub fn since(&self, then: Duration) -> Duration {
        self.clock.uptime().saturating_sub(then)
    }
}
