//! Every admin command, in text and JSON, against a running broker.
//!
//! Each test starts the real binary on a free port with an empty data directory. With
//! `HIGHWATER_TEST_BOOTSTRAP=host:port` the same tests run against whatever answers there: that
//! is how they are held against Apache Kafka.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

#[path = "cli/broker.rs"]
mod broker;
#[path = "cli/configs.rs"]
mod configs;
#[path = "cli/dump.rs"]
mod dump;
#[path = "cli/groups.rs"]
mod groups;
#[path = "cli/records.rs"]
mod records;
#[path = "cli/topics.rs"]
mod topics;
#[path = "cli/usage.rs"]
mod usage;
