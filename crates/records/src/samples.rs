//! Batches for tests.
