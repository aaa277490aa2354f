//! A Kafka client: connections, metadata, produce, fetch, groups and administration.
//!
//! Three floors, each usable by itself: [`Connection`] speaks to one socket; [`Client`] knows
//! the cluster and sends each request to the broker it belongs to; [`Admin`] and what follows
//! it give results in types of our own. `README.md` names the files in reading order.

mod admin;
mod api;
mod backoff;
mod client;
mod code;
mod connection;
mod consumer;
mod deadline;
mod error;
mod frame;
mod metadata;
mod negotiate;
mod options;
mod pool;
mod producer;

pub use admin::*;
pub use api::{Api, ServedVersions};
pub use backoff::BackoffPolicy;
pub use client::{AutoCreate, Client, Target};
pub use connection::{Connection, ConnectionOptions};
pub use consumer::{ConsumedRecord, Consumer, ConsumerOptions, GroupOptions, OffsetReset};
pub use deadline::Deadline;
pub use error::{ClientError, Refusal};
pub use highwater_protocol::ErrorCode;
pub use metadata::{BrokerEndpoint, ClusterMetadata, PartitionMetadata, TopicMetadata};
pub use options::{Bootstrap, ClientOptions};
pub use pool::Lane;
pub use producer::{
    Acks, Delivered, Delivery, Producer, ProducerOptions, ProducerRecord, RecordHeader,
    partition_of_key,
};
