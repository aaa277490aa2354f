//! The bounds of what metadata may hold; larger values are refused where they enter.

/// Longest value of a configuration, in bytes.
pub const CONFIG_VALUE_LEN_MAX: usize = 32 * 1024;
/// Longest name of anything: a configuration key, a host, a client id in a quota, in bytes.
pub const NAME_LEN_MAX: usize = 4 * 1024;
/// Most brokers in one list: replicas of a partition, and brokers of the cluster.
pub const BROKERS_MAX: usize = 10_000;
/// Most listeners, features or log directories that one broker may announce.
pub const PER_BROKER_MAX: usize = 1_000;
/// Most parts of the entity of one client quota.
pub const QUOTA_ENTITY_PARTS_MAX: usize = 8;
/// Most partitions that one cluster may have, unless configured lower.
pub const PARTITIONS_TOTAL_MAX: usize = 1_000_000;
/// How many producer ids a broker is given at once.
pub const PRODUCER_ID_BLOCK_LEN: i64 = 1_000;
