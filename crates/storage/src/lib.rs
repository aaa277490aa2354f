//! The log of a partition on disk: segments, indexes, recovery, retention, compaction and producer state.
