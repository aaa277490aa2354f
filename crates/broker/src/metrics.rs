//! Counters of the hot paths, read by the metrics endpoint.
//!
//! Each is an atomic of its own: no lock, no allocation, no label lookup while a request is
//! served.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// API keys that are counted by themselves.
const API_KEYS: usize = 95;

/// Upper bounds of the classes of durations, in microseconds; what takes longer is in a class
/// without a bound.
pub const DURATION_BOUNDS_US: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// Durations, counted by class.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    classes: [AtomicU64; DURATION_BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

/// Durations at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DurationsSnapshot {
    /// How many there were in each class of [`DURATION_BOUNDS_US`], and above.
    pub classes: [u64; DURATION_BOUNDS_US.len() + 1],
    /// All of them together, in microseconds.
    pub sum_us: u64,
}

impl Durations {
    pub(crate) fn observe(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let class = DURATION_BOUNDS_US.partition_point(|bound| *bound < us);
        if let Some(class) = self.classes.get(class) {
            class.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> DurationsSnapshot {
        DurationsSnapshot {
            classes: std::array::from_fn(|at| self.classes[at].load(Ordering::Relaxed)),
            sum_us: self.sum_us.load(Ordering::Relaxed),
        }
    }
}

/// What clients have written and read, of one partition or of all.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    bytes_in: AtomicU64,
    messages_in: AtomicU64,
    produce_requests: AtomicU64,
    produce_failures: AtomicU64,
    bytes_out: AtomicU64,
    fetch_requests: AtomicU64,
    fetch_failures: AtomicU64,
}

/// Traffic at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrafficSnapshot {
    /// Bytes of record batches appended for clients.
    pub bytes_in: u64,
    /// Records appended for clients.
    pub messages_in: u64,
    /// Produce requests, counted once for each partition in them.
    pub produce_requests: u64,
    /// Those of them that were refused.
    pub produce_failures: u64,
    /// Bytes of record batches sent to clients.
    pub bytes_out: u64,
    /// Fetch requests, counted once for each partition in them.
    pub fetch_requests: u64,
    /// Those of them that were refused.
    pub fetch_failures: u64,
}

impl TrafficSnapshot {
    /// Adds what another partition has seen.
    pub fn add(&mut self, other: &Self) {
        self.bytes_in += other.bytes_in;
        self.messages_in += other.messages_in;
        self.produce_requests += other.produce_requests;
        self.produce_failures += other.produce_failures;
        self.bytes_out += other.bytes_out;
        self.fetch_requests += other.fetch_requests;
        self.fetch_failures += other.fetch_failures;
    }
}

impl Traffic {
    /// A batch was appended for a client.
    pub(crate) fn produced(&self, bytes: usize, records: i32) {
        let records = u64::try_from(records).unwrap_or(0);
        self.produce_requests.fetch_add(1, Ordering::Relaxed);
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
        self.messages_in.fetch_add(records, Ordering::Relaxed);
    }

    /// A batch of a client was refused.
    pub(crate) fn produce_failed(&self) {
        self.produce_requests.fetch_add(1, Ordering::Relaxed);
        self.produce_failures.fetch_add(1, Ordering::Relaxed);
    }

    /// A partition was read for a client, be it that there was nothing new.
    pub(crate) fn fetched(&self, bytes: usize) {
        self.fetch_requests.fetch_add(1, Ordering::Relaxed);
        if bytes > 0 {
            self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// A partition was not read for a client that asked for it.
    pub(crate) fn fetch_failed(&self) {
        self.fetch_requests.fetch_add(1, Ordering::Relaxed);
        self.fetch_failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> TrafficSnapshot {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TrafficSnapshot {
            bytes_in: load(&self.bytes_in),
            messages_in: load(&self.messages_in),
            produce_requests: load(&self.produce_requests),
            produce_failures: load(&self.produce_failures),
            bytes_out: load(&self.bytes_out),
            fetch_requests: load(&self.fetch_requests),
            fetch_failures: load(&self.fetch_failures),
        }
    }
}

/// One API's requests.
#[derive(Debug, Default)]
struct ApiCounters {
    requests: AtomicU64,
    handler_us: AtomicU64,
    durations: Durations,
}

/// One API's requests at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiSnapshot {
    /// The API's name, as Kafka calls it.
    pub name: &'static str,
    /// Requests that have come.
    pub requests: u64,
    /// Microseconds that their handlers kept a thread.
    pub handler_us: u64,
    /// From the whole request to the whole answer, with all waiting.
    pub durations: DurationsSnapshot,
}

/// All counters.
#[derive(Debug)]
pub(crate) struct Metrics {
    apis: [ApiCounters; API_KEYS],
    /// Of all topics, those that have been deleted too.
    pub(crate) traffic: Traffic,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            apis: std::array::from_fn(|_| ApiCounters::default()),
            traffic: Traffic::default(),
        }
    }

    fn api(&self, api_key: i16) -> Option<&ApiCounters> {
        self.apis.get(usize::try_from(api_key).ok()?)
    }

    /// A request has come, and its handler has returned.
    pub(crate) fn handled(&self, api_key: i16, took: Duration) {
        if let Some(api) = self.api(api_key) {
            let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            api.requests.fetch_add(1, Ordering::Relaxed);
            api.handler_us.fetch_add(us, Ordering::Relaxed);
        }
    }

    /// The answer to a request is ready to be sent.
    pub(crate) fn answered(&self, api_key: i16, took: Duration) {
        if let Some(api) = self.api(api_key) {
            api.durations.observe(took);
        }
    }

    /// The APIs that were ever asked for.
    pub(crate) fn apis(&self) -> Vec<ApiSnapshot> {
        let known = (0_i16..).zip(&self.apis);
        let asked = known.filter(|(_, api)| api.requests.load(Ordering::Relaxed) > 0);
        asked
            .map(|(key, api)| ApiSnapshot {
                name: highwater_protocol::api_name(key),
                requests: api.requests.load(Ordering::Relaxed),
                handler_us: api.handler_us.load(Ordering::Relaxed),
                durations: api.durations.snapshot(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_class_whose_bound_it_does_not_exceed() {
        let durations = Durations::default();
        for us in [0, 100, 101, 10_000_000, 10_000_001] {
            durations.observe(Duration::from_micros(us));
        }
        let seen = durations.snapshot();
        assert_eq!(seen.sum_us, 20_000_202);
        let mut expected = [0; 17];
        (expected[0], expected[1], expected[15], expected[16]) = (2, 1, 1, 1);
        assert_eq!(seen.classes, expected);
    }

    #[test]
    fn only_apis_that_were_asked_for_are_told_of() {
        let metrics = Metrics::new();
        metrics.handled(0, Duration::from_micros(7));
        metrics.handled(-5, Duration::ZERO);
        metrics.handled(i16::MAX, Duration::ZERO);
        let apis = metrics.apis();
        assert_eq!(apis.len(), 1);
        assert_eq!(
            (apis[0].name, apis[0].requests, apis[0].handler_us),
            ("Produce", 1, 7)
        );
    }
}
