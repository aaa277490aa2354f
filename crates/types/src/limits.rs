//! The bounds of the system that no configuration may lift.

/// Longest topic name, in bytes; a directory entry adds a dash, an index and a suffix.
pub const TOPIC_NAME_LEN_MAX: usize = 249;
/// Most partitions that one topic may have.
pub const PARTITIONS_PER_TOPIC_MAX: i32 = 100_000;
/// Most array elements, over all levels, that one request may carry.
pub const REQUEST_ELEMENTS_MAX: usize = 500_000;
/// Most bytes to which one record batch may decompress.
pub const DECOMPRESSED_BATCH_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Most batches of one producer that are remembered to recognise duplicates (KIP-98).
pub const PRODUCER_BATCHES_REMEMBERED: usize = 5;
/// Longest metadata text that a committed offset may carry, unless configured lower.
pub const OFFSET_METADATA_LEN_MAX: usize = 4096;
