//! The settings of the group coordinator that the machine obeys.

use highwater_types::limits::OFFSET_METADATA_LEN_MAX;

/// What an operator may set; `Default` is what Apache Kafka ships with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// Shortest session a member may ask for (`group.min.session.timeout.ms`).
    pub session_timeout_ms_min: i32,
    /// Longest session a member may ask for (`group.max.session.timeout.ms`).
    pub session_timeout_ms_max: i32,
    /// Most members of one group (`group.max.size`).
    pub group_size_max: usize,
    /// How long an empty group waits for more members after the first
    /// (`group.initial.rebalance.delay.ms`).
    pub initial_rebalance_delay_ms: u64,
    /// Longest metadata of one committed offset, counted as Kafka counts it, in UTF-16 code units
    /// (`offset.metadata.max.bytes`).
    pub offset_metadata_len_max: usize,
    /// How long offsets outlive their group or their commit (`offsets.retention.minutes`).
    pub offsets_retention_ms: i64,
    /// How often offsets are looked through for expired ones
    /// (`offsets.retention.check.interval.ms`).
    pub offsets_retention_check_interval_ms: u64,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            session_timeout_ms_min: 6_000,
            session_timeout_ms_max: 1_800_000,
            group_size_max: i32::MAX as usize,
            initial_rebalance_delay_ms: 3_000,
            offset_metadata_len_max: OFFSET_METADATA_LEN_MAX,
            offsets_retention_ms: 7 * 24 * 60 * 60 * 1_000,
            offsets_retention_check_interval_ms: 600_000,
        }
    }
}

/// How long a member that joins for the first time may stay parked. It has no id yet and so
/// cannot send heartbeats; a client that gave up and retried would otherwise leave a ghost behind
/// in every rebalance. Kafka fixes the same five minutes.
pub(crate) const NEW_MEMBER_JOIN_TIMEOUT_MS: u64 = 5 * 60 * 1_000;

/// Most ids of one group that were given out and have not come back. Kafka has no such bound; a
/// client that asks for one id after the other would fill the memory.
pub(crate) const PENDING_JOINS_MAX: usize = 10_000;

/// Largest record of one group, key and value together. Kafka's log takes 1 MiB unless told
/// otherwise; the bound here is only to keep one group from filling the segments of all others.
pub(crate) const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Longest text of a request that goes into a record: the record counts in 16 bits, and a member
/// id is a client id with a suffix.
pub(crate) const TEXT_LEN_MAX: usize = 32_000;
