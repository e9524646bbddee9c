//! What the index counts of itself, for Prometheus. Counting never waits and never fails.

use std::{fmt, sync::atomic::AtomicU64};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::progress::{Event, Progress};

/// Seconds of a request.
const LATENCIES: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0, 10.0];

/// Blocks of a reorg.
const DEPTHS: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// Whom the index asked, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    /// Without path and query, which hold keys.
    host: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: &'static str,
}

/// Calls of endpoints, counted where they are made. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Calls(Family<Call, Counter>);

impl Calls {
    /// So many calls of the endpoint at `host` came out as `ok`, `busy`, `broken` or the like.
    pub(crate) fn count(&self, host: &str, outcome: &'static str, n_calls: u32) {
        self.0.get_or_create(&Call { host: host.to_owned(), outcome }).inc_by(n_calls.into());
    }
}

/// All counters and gauges.
pub struct Metrics {
    registry: Registry,
    head: Gauge,
    stored: Gauge,
    finalized: Gauge,
    lag_blocks: Gauge,
    lag_seconds: Gauge,
    epochs: Gauge,
    outbox: Gauge,
    followers: Gauge,
    rows: Counter,
    snapshots: Counter,
    reorgs: Histogram,
    calls: Calls,
    requests: Family<Request, Counter>,
    latency: Family<Route, Histogram>,
    /// How much of [`Progress::rows`] and [`Progress::snapshots`] is counted.
    counted: [AtomicU64; 2],
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::of(Calls::default())
    }
}

impl Metrics {
    /// Of an index whose endpoints count their `calls`.
    #[must_use]
    pub fn of(calls: Calls) -> Self {
        let latency: fn() -> Histogram = || Histogram::new(LATENCIES);
        let mut metrics = Self {
            registry: Registry::with_prefix("index"),
            head: Gauge::default(),
            stored: Gauge::default(),
            finalized: Gauge::default(),
            lag_blocks: Gauge::default(),
            lag_seconds: Gauge::default(),
            epochs: Gauge::default(),
            outbox: Gauge::default(),
            followers: Gauge::default(),
            rows: Counter::default(),
            snapshots: Counter::default(),
            reorgs: Histogram::new(DEPTHS),
            calls,
            requests: Family::default(),
            latency: Family::new_with_constructor(latency),
            counted: [AtomicU64::new(0), AtomicU64::new(0)],
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("head_block", "Newest block of the chain", self.head.clone());
        registry.register("stored_block", "Newest block that is stored", self.stored.clone());
        registry.register("finalized_block", "Newest block that the chain calls final", self.finalized.clone());
        registry.register("lag_blocks", "Blocks of the chain that are not stored", self.lag_blocks.clone());
        registry.register("lag_seconds", "Age of the newest block whose rows are complete", self.lag_seconds.clone());
        registry.register("epochs", "Epochs that have their snapshots", self.epochs.clone());
        registry.register("outbox_depth", "What waits to be told to the outside", self.outbox.clone());
        registry.register("api_followers", "Connections that follow changes", self.followers.clone());
        registry.register("logs", "Rows of events that were stored", self.rows.clone());
        registry.register("snapshots", "Snapshots that were made", self.snapshots.clone());
        registry.register("reorg_depth_blocks", "Blocks that reorgs took back", self.reorgs.clone());
        registry.register("rpc_calls", "Calls of endpoints", self.calls.0.clone());
        registry.register("api_requests", "Requests of the API", self.requests.clone());
        registry.register("api_request_seconds", "Time until the API answered", self.latency.clone());
    }

    /// Something happened while the index worked.
    pub fn note(&self, event: &Event) {
        if let Event::Unwound { from, to } = event {
            let n_blocks = u32::try_from(from.saturating_sub(*to)).unwrap_or(u32::MAX);
            self.reorgs.observe(f64::from(n_blocks));
        }
    }

    /// The API answered.
    pub(crate) fn count_request(&self, route: &'static str, status: u16, seconds: f64) {
        self.requests.get_or_create(&Request { route, status }).inc();
        self.latency.get_or_create(&Route { route }).observe(seconds);
    }

    /// Connections that follow changes became more or fewer.
    pub(crate) fn add_followers(&self, n: i64) {
        self.followers.inc_by(n);
    }

    /// Everything in the text form of OpenMetrics, with `progress`, the age of the newest block in seconds, and the
    /// number of rows in the outbox.
    #[must_use]
    pub fn text(&self, progress: &Progress, lag_seconds: Option<u64>, outbox: u64) -> String {
        let told = [
            (&self.head, progress.head),
            (&self.stored, progress.stored),
            (&self.finalized, progress.finalized),
            (&self.lag_blocks, progress.lag_blocks()),
            (&self.lag_seconds, lag_seconds),
            (&self.epochs, Some(progress.epochs)),
            (&self.outbox, Some(outbox)),
        ];
        for (gauge, value) in told {
            // -1 stands for what is not known.
            gauge.set(value.map_or(-1, |value| i64::try_from(value).unwrap_or(i64::MAX)));
        }
        let counters = [(&self.rows, progress.rows), (&self.snapshots, progress.snapshots)];
        for ((counter, value), counted) in counters.into_iter().zip(&self.counted) {
            let before = counted.fetch_max(value, std::sync::atomic::Ordering::Relaxed);
            counter.inc_by(value.saturating_sub(before));
        }
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a text does not fail");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, line: &str) {
        assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
    }

    #[test]
    fn tells_progress_and_counts_once() {
        let calls = Calls::default();
        let metrics = Metrics::of(calls.clone());
        let progress =
            Progress { head: Some(120), stored: Some(100), rows: 7, is_connected: true, ..Progress::default() };
        calls.count("one.example", "ok", 2);
        metrics.note(&Event::Unwound { from: 9, to: 6 });
        metrics.note(&Event::Leading(true));
        metrics.count_request("/v1/status", 200, 0.002);
        drop(metrics.text(&progress, Some(9), 4));
        let text = metrics.text(&Progress { rows: 9, ..progress }, Some(9), 4);
        for line in [
            "index_head_block 120",
            "index_stored_block 100",
            "index_finalized_block -1",
            "index_lag_blocks 20",
            "index_lag_seconds 9",
            "index_outbox_depth 4",
            "index_logs_total 9",
            "index_rpc_calls_total{host=\"one.example\",outcome=\"ok\"} 2",
            "index_reorg_depth_blocks_bucket{le=\"2.0\"} 0",
            "index_reorg_depth_blocks_bucket{le=\"4.0\"} 1",
            "index_api_requests_total{route=\"/v1/status\",status=\"200\"} 1",
            "# EOF",
        ] {
            check(&text, line);
        }
    }

    #[test]
    fn an_empty_store_lacks_the_first_block_too() {
        let progress = Progress { head: Some(0), ..Progress::default() };
        assert_eq!((progress.lag_blocks(), Progress::default().lag_blocks()), (Some(1), None));
    }
}
