//! Counters of the hot paths, read by the metrics endpoint.
//!
//! Each is an atomic of its own line of code: no lock, no allocation, no label lookup while a
//! request is served.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// API keys that are counted by themselves.
const API_KEYS: usize = 100;

/// One API's requests.
#[derive(Debug, Default)]
struct ApiCounters {
    requests: AtomicU64,
    micros: AtomicU64,
}

/// All counters.
#[derive(Debug)]
pub(crate) struct Metrics {
    apis: [ApiCounters; API_KEYS],
    bytes_in: AtomicU64,
    messages_in: AtomicU64,
    bytes_out: AtomicU64,
    failed_produce: AtomicU64,
    failed_fetch: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsSnapshot {
    /// API key, requests, and microseconds spent in their handlers.
    pub apis: Vec<(i16, u64, u64)>,
    /// Bytes of record batches appended for clients.
    pub bytes_in: u64,
    /// Records appended for clients.
    pub messages_in: u64,
    /// Bytes of record batches sent to clients.
    pub bytes_out: u64,
    /// Partitions of produce requests that were refused.
    pub failed_produce: u64,
    /// Partitions of fetch requests that were refused.
    pub failed_fetch: u64,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            apis: std::array::from_fn(|_| ApiCounters::default()),
            bytes_in: AtomicU64::new(0),
            messages_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            failed_produce: AtomicU64::new(0),
            failed_fetch: AtomicU64::new(0),
        }
    }

    pub(crate) fn request(&self, api_key: i16, took: Duration) {
        if let Some(api) = usize::try_from(api_key)
            .ok()
            .and_then(|key| self.apis.get(key))
        {
            api.requests.fetch_add(1, Ordering::Relaxed);
            api.micros
                .fetch_add(took.as_micros() as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn produced(&self, bytes: usize, records: i32) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
        self.messages_in
            .fetch_add(u64::try_from(records).unwrap_or(0), Ordering::Relaxed);
    }

    pub(crate) fn produce_failed(&self) {
        self.failed_produce.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn fetched(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn fetch_failed(&self) {
        self.failed_fetch.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> MetricsSnapshot {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let apis = self
            .apis
            .iter()
            .enumerate()
            .filter(|(_, api)| load(&api.requests) > 0);
        MetricsSnapshot {
            apis: apis
                .map(|(key, api)| (key as i16, load(&api.requests), load(&api.micros)))
                .collect(),
            bytes_in: load(&self.bytes_in),
            messages_in: load(&self.messages_in),
            bytes_out: load(&self.bytes_out),
            failed_produce: load(&self.failed_produce),
            failed_fetch: load(&self.failed_fetch),
        }
    }
}
