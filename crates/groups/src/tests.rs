//! Scenarios and properties of whole shards.
