//! What is to be reached, as data.

/// A promise about one measured value.
pub(crate) struct Target {
    /// Name of the work.
    pub(crate) work: &'static str,
    /// Who promises.
    pub(crate) subject: &'static str,
    /// Which value.
    pub(crate) metric: &'static str,
    /// Compared with what.
    pub(crate) against: Against,
    /// In which direction, and how far.
    pub(crate) reach: Reach,
}

/// What a value is divided by.
#[derive(Clone, Copy)]
pub(crate) enum Against {
    /// By nothing: the value itself counts.
    Nothing,
    /// By the same value of another subject in the same turn.
    Subject(&'static str),
    /// By a value of the floors.
    Floor(&'static str, &'static str),
}

/// A bound.
#[derive(Clone, Copy)]
pub(crate) enum Reach {
    /// Not more.
    AtMost(f64),
    /// Not less.
    AtLeast(f64),
}

const OURS: &str = "Highwater, fsync";
const OURS_REPLICATED: &str = "Highwater, replicated";
const KAFKA: Against = Against::Subject("Kafka, unsynced");
const KAFKA_FLUSHED: Against = Against::Subject("Kafka, flushed");
const WRITE_FLOOR: Against = Against::Floor("socket, CRC-32C, page cache", "cpu_s_per_gb");
const SENDFILE_FLOOR: Against = Against::Floor("sendfile", "mb_per_s");
const DISK_FLOOR: Against = Against::Floor("1 MiB and fdatasync", "preallocated_mb_per_s");
const THIRD: Reach = Reach::AtMost(1.0 / 3.0);

const fn target(
    work: &'static str,
    subject: &'static str,
    metric: &'static str,
    against: Against,
    reach: Reach,
) -> Target {
    Target {
        work,
        subject,
        metric,
        against,
        reach,
    }
}

use Against::Nothing;
use Reach::{AtLeast, AtMost};

/// All of them.
pub(crate) const TARGETS: &[Target] = &[
    target(
        "produce-64k",
        OURS,
        "cpu_s_per_gb",
        WRITE_FLOOR,
        AtMost(1.5),
    ),
    target("produce-64k", OURS, "cpu_s_per_gb", KAFKA, AtMost(0.5)),
    target(
        "produce-64k",
        OURS_REPLICATED,
        "mb_per_s",
        KAFKA,
        AtLeast(2.0),
    ),
    target("produce-64k", OURS, "mb_per_s", KAFKA, AtLeast(1.0)),
    target("produce-64k", OURS, "mb_per_s", KAFKA_FLUSHED, AtLeast(3.0)),
    target("produce-64k", OURS, "mb_per_s", DISK_FLOOR, AtLeast(0.8)),
    target("produce-64k", OURS, "peak_rss_mib", Nothing, AtMost(150.0)),
    target(
        "produce-small",
        OURS,
        "cpu_us_per_request",
        KAFKA,
        AtMost(0.3),
    ),
    target("produce-small", OURS, "records_per_s", KAFKA, AtLeast(2.0)),
    target("produce-100b", OURS, "cpu_s_per_gb", KAFKA, AtMost(0.3)),
    target("fetch", OURS_REPLICATED, "cpu_s_per_gb", KAFKA, AtMost(0.8)),
    target(
        "fetch",
        OURS_REPLICATED,
        "mb_per_s",
        SENDFILE_FLOOR,
        AtLeast(0.8),
    ),
    target(
        "fetch",
        OURS_REPLICATED,
        "peak_rss_mib",
        Nothing,
        AtMost(150.0),
    ),
    target("librdkafka", OURS, "cpu_s_per_gb", KAFKA, AtMost(0.5)),
    target(
        "consumers",
        OURS,
        "kafka_python_mb_per_s",
        KAFKA,
        AtLeast(1.0),
    ),
    target(
        "consumers",
        OURS,
        "confluent_kafka_mb_per_s",
        KAFKA,
        AtLeast(1.0),
    ),
    target("consumers", OURS, "java_mb_per_s", KAFKA, AtLeast(1.0)),
    target("open-loop", OURS, "cpu_us_per_request", KAFKA, AtMost(0.3)),
    target("open-loop", OURS_REPLICATED, "p99_ms", KAFKA, THIRD),
    target("open-loop", OURS_REPLICATED, "p99.9_ms", KAFKA, THIRD),
    target("open-loop", OURS, "p99_ms", KAFKA, AtMost(1.0)),
    target("open-loop", OURS, "p99.9_ms", KAFKA, AtMost(1.0)),
    target("open-loop-linger", OURS, "p50_ms", KAFKA, AtMost(1.0)),
    target("open-loop-linger", OURS, "p99_ms", KAFKA, AtMost(1.0)),
    target("open-loop-linger", OURS, "p99.9_ms", KAFKA, AtMost(1.0)),
    target("end-to-end", OURS_REPLICATED, "p50_ms", KAFKA, AtMost(0.8)),
    target("end-to-end", OURS_REPLICATED, "p99_ms", KAFKA, THIRD),
    target("end-to-end", OURS_REPLICATED, "p99.9_ms", KAFKA, THIRD),
    target("end-to-end", OURS, "p50_ms", KAFKA, AtMost(1.0)),
    target("end-to-end", OURS, "p99_ms", KAFKA, AtMost(1.0)),
    target("end-to-end", OURS, "p99.9_ms", KAFKA, AtMost(1.0)),
    target("end-to-end-0", OURS, "p99_ms", Nothing, AtMost(10.0)),
    target(
        "connections",
        OURS,
        "rss_kib_per_connection",
        Nothing,
        AtMost(8.0),
    ),
    target("connections", OURS, "cpu_s_to_open", Nothing, AtMost(0.1)),
    target("idle", OURS, "rss_mib", Nothing, AtMost(19.0)),
    target("idle", OURS, "cpu_ms_per_s", Nothing, AtMost(2.0)),
    target("start", OURS, "first_ack_s", Nothing, AtMost(0.12)),
    target("kill-restart", OURS, "first_ack_s", Nothing, AtMost(1.0)),
    target("kill-restart", OURS, "first_fetch_s", Nothing, AtMost(1.0)),
    target(
        "partitions-1k",
        OURS,
        "create_and_write_s",
        Nothing,
        AtMost(0.6),
    ),
    target("partitions-1k", OURS, "rss_mib", Nothing, AtMost(40.0)),
    target("partitions-1k", OURS, "restart_s", Nothing, AtMost(0.5)),
    target("partitions-1k", OURS, "after_kill_s", Nothing, AtMost(1.0)),
    target(
        "partitions-10k",
        OURS,
        "create_and_write_s",
        Nothing,
        AtMost(3.5),
    ),
    target("partitions-10k", OURS, "rss_mib", Nothing, AtMost(64.0)),
    target("partitions-10k", OURS, "restart_s", Nothing, AtMost(2.0)),
    target("partitions-10k", OURS, "after_kill_s", Nothing, AtMost(5.0)),
];
