//! What Kafka and its exporters have no name for.

use std::collections::BTreeMap;

use highwater_broker::{DURATION_BOUNDS_US, DurationsSnapshot, LogDirView};

use super::{Family, Source, counter, family, gauge};
use crate::exposition::{Kind, Labels};
use crate::scrape::{Scrape, Series};

pub(super) const FAMILIES: &[Family] = &[
    gauge(
        "highwater_info",
        "1, with the version of the program, the id of the cluster and the number of the node.",
        Source::Node(|scrape, out| {
            let labels: &Labels<'_> = &[
                ("version", &env!("CARGO_PKG_VERSION")),
                ("cluster_id", &scrape.view.cluster_id()),
                ("node_id", &scrape.view.node_id()),
            ];
            out.put(labels, 1);
        }),
    ),
    gauge(
        "highwater_ready",
        "1 if every partition of this broker is recovered and can be served.",
        Source::Node(|scrape, out| out.put(&[], u8::from(scrape.view.readiness().is_ok()))),
    ),
    family(
        "highwater_request_duration_seconds",
        Kind::Histogram,
        "Seconds from a whole request to its whole answer by API, with waiting for the disk and long polls.",
        Source::Node(|scrape, out| {
            for api in &scrape.apis {
                put_durations(out, &[("request", &api.name)], &api.durations);
            }
        }),
    ),
    counter(
        "highwater_request_handler_seconds_total",
        "Seconds that handlers of requests kept a thread, by API; waiting is not in it.",
        Source::Node(|scrape, out| {
            for api in &scrape.apis {
                out.put(&[("request", &api.name)], seconds(api.handler_us));
            }
        }),
    ),
    gauge(
        "highwater_request_memory_bytes",
        "Bytes of requests in memory.",
        Source::Node(|scrape, out| out.put(&[], scrape.view.request_memory().used_bytes)),
    ),
    gauge(
        "highwater_request_memory_limit_bytes",
        "Bytes of requests that may be in memory at once.",
        Source::Node(|scrape, out| out.put(&[], scrape.view.request_memory().limit_bytes)),
    ),
    counter(
        "highwater_connections_refused_total",
        "Connections that were turned away by a limit.",
        Source::Node(|scrape, out| out.put(&[], scrape.view.connections().refused)),
    ),
    family(
        "highwater_flush_duration_seconds",
        Kind::Histogram,
        "Seconds that flushes of partitions and of the write-ahead log to disk have taken.",
        Source::Node(|scrape, out| put_durations(out, &[], &scrape.view.flushes())),
    ),
    gauge(
        "highwater_flush_queue_partitions",
        "Partitions that wait for a thread to flush them.",
        Source::Node(|scrape, out| out.put(&[], scrape.view.flushes_queued())),
    ),
    counter(
        "highwater_wal_commits_total",
        "Flushes of the write-ahead log.",
        Source::Node(|scrape, out| put_dirs(scrape, out, |dir| Some(dir.wal.commits))),
    ),
    counter(
        "highwater_wal_entries_total",
        "Flushes of partitions in whose place the write-ahead log was flushed.",
        Source::Node(|scrape, out| put_dirs(scrape, out, |dir| Some(dir.wal.entries))),
    ),
    counter(
        "highwater_wal_bytes_total",
        "Bytes written to the write-ahead log.",
        Source::Node(|scrape, out| put_dirs(scrape, out, |dir| Some(dir.wal.bytes))),
    ),
    gauge(
        "highwater_log_dir_online",
        "1 if the log directory can be used.",
        Source::Node(|scrape, out| put_dirs(scrape, out, |dir| Some(u64::from(dir.is_online)))),
    ),
    gauge(
        "highwater_log_dir_free_bytes",
        "Bytes that could still be written to the file system of the log directory.",
        Source::Node(|scrape, out| put_dirs(scrape, out, |dir| dir.free_bytes)),
    ),
    gauge(
        "highwater_groups",
        "Groups that this broker coordinates, by state.",
        Source::Node(|scrape, out| {
            let mut states: BTreeMap<&str, usize> = BTreeMap::new();
            for group in &scrape.groups {
                *states.entry(group.state).or_default() += 1;
            }
            for (state, groups) in states {
                out.put(&[("state", &state)], groups);
            }
        }),
    ),
    gauge(
        "highwater_start_clean",
        "1 if the stop before this start was an orderly one.",
        Source::Node(|scrape, out| out.put(&[], u8::from(scrape.view.start().was_clean))),
    ),
    gauge(
        "highwater_start_duration_seconds",
        "Seconds from the start until clients were let in.",
        Source::Node(|scrape, out| out.put(&[], scrape.view.start().took.as_secs_f64())),
    ),
    gauge(
        "highwater_start_recovered_bytes",
        "Bytes that recovery read again at the start.",
        Source::Node(|scrape, out| out.put(&[], scrape.view.start().bytes_scanned)),
    ),
    gauge(
        "highwater_start_cut_bytes",
        "Bytes of torn tails that recovery cut at the start.",
        Source::Node(|scrape, out| out.put(&[], scrape.view.start().bytes_cut)),
    ),
    gauge(
        "highwater_start_damaged_ranges",
        "Ranges that were flushed once and were found damaged at the start; they are not served.",
        Source::Node(|scrape, out| out.put(&[], scrape.view.start().ranges_damaged)),
    ),
    gauge(
        "highwater_partitions_unserved",
        "Partitions of this broker whose logs could not be opened or made.",
        Source::Node(|scrape, out| out.put(&[], scrape.unserved)),
    ),
];

/// A number of each log directory that has it.
fn put_dirs(scrape: &Scrape, out: &mut Series<'_>, value: fn(&LogDirView) -> Option<u64>) {
    for dir in &scrape.log_dirs {
        if let Some(value) = value(dir) {
            out.put(&[("dir", &dir.path)], value);
        }
    }
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

fn put_durations(out: &mut Series<'_>, labels: &Labels<'_>, durations: &DurationsSnapshot) {
    let mut below = 0;
    for (at, count) in durations.classes.iter().enumerate() {
        below += count;
        let bound = DURATION_BOUNDS_US.get(at).map(|us| seconds(*us));
        let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.to_string());
        let mut labels = labels.to_vec();
        labels.push(("le", &bound));
        out.put_part("_bucket", &labels, below);
    }
    out.put_part("_sum", labels, seconds(durations.sum_us));
    out.put_part("_count", labels, below);
}
