//! The broker: request handlers, partitions, coordinators, and what holds them together.
//!
//! [`RunningBroker::start`] opens the data, recovers it, and serves; everything else here is
//! reached through it. `data` joins storage and replication into partitions, `handlers` has one
//! file per API, `coordinator` drives the group machines, `broker` follows the metadata image.

mod background;
mod batch_file;
mod broker;
mod clock;
mod config_rules;
mod coordinator;
mod data;
mod features;
mod handlers;
mod hosting;
pub mod import;
mod log_config;
mod metadata_store;
mod metrics;
mod open_files;
mod producer_ids;
mod service;
mod startup;
mod views;

pub use batch_file::BatchFileError;
pub use metadata_store::{MetadataError, SnapshotError};
pub use metrics::{ApiSnapshot, DURATION_BOUNDS_US, DurationsSnapshot, TrafficSnapshot};
pub use startup::{RunningBroker, StartError, StartReport};
pub use views::{BrokerView, ClusterView, GroupView, LogDirView, PartitionView, RequestMemory};
