//! Makes metrics and remembers what they are: the README's table and the naming test read that list.
//!
//! The only place that names the client library's constructors. Names and label sets are constants of this crate, so
//! that registering them fails only by a mistake that every test would meet.

use prometheus::core::Collector;
use prometheus::{Counter, CounterVec, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec};
use prometheus::{IntGauge, IntGaugeVec, Opts, Registry};

const VALID: &str = "names and labels of metrics are constants, and valid";

/// What is documented of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
    pub name: &'static str,
    pub kind: &'static str,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

/// A registry under construction.
#[derive(Debug, Default)]
pub struct Register {
    pub registry: Registry,
    pub described: Vec<Described>,
}

impl Register {
    pub fn counter(&mut self, name: &'static str, help: &'static str) -> IntCounter {
        self.describe(name, "counter", &[], help);
        self.add(IntCounter::new(name, help).expect(VALID))
    }

    pub fn counters(
        &mut self,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> IntCounterVec {
        self.describe(name, "counter", labels, help);
        self.add(IntCounterVec::new(Opts::new(name, help), labels).expect(VALID))
    }

    /// A counter of parts of a unit: seconds.
    pub fn real_counter(&mut self, name: &'static str, help: &'static str) -> Counter {
        self.describe(name, "counter", &[], help);
        self.add(Counter::new(name, help).expect(VALID))
    }

    pub fn real_counters(
        &mut self,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> CounterVec {
        self.describe(name, "counter", labels, help);
        self.add(CounterVec::new(Opts::new(name, help), labels).expect(VALID))
    }

    pub fn gauge(&mut self, name: &'static str, help: &'static str) -> IntGauge {
        self.describe(name, "gauge", &[], help);
        self.add(IntGauge::new(name, help).expect(VALID))
    }

    pub fn gauges(&mut self, name: &'static str, labels: &'static [&'static str], help: &'static str) -> IntGaugeVec {
        self.describe(name, "gauge", labels, help);
        self.add(IntGaugeVec::new(Opts::new(name, help), labels).expect(VALID))
    }

    pub fn real_gauges(&mut self, name: &'static str, labels: &'static [&'static str], help: &'static str) -> GaugeVec {
        self.describe(name, "gauge", labels, help);
        self.add(GaugeVec::new(Opts::new(name, help), labels).expect(VALID))
    }

    pub fn histogram(&mut self, name: &'static str, buckets: &[f64], help: &'static str) -> Histogram {
        self.describe(name, "histogram", &[], help);
        let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.add(Histogram::with_opts(opts).expect(VALID))
    }

    pub fn histograms(
        &mut self,
        name: &'static str,
        labels: &'static [&'static str],
        buckets: &[f64],
        help: &'static str,
    ) -> HistogramVec {
        self.describe(name, "histogram", labels, help);
        let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.add(HistogramVec::new(opts, labels).expect(VALID))
    }

    fn describe(
        &mut self,
        name: &'static str,
        kind: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) {
        self.described.push(Described { name, kind, labels, help });
    }

    fn add<M: Collector + Clone + 'static>(&mut self, metric: M) -> M {
        self.registry.register(Box::new(metric.clone())).expect("every metric has a name of its own");
        metric
    }
}
