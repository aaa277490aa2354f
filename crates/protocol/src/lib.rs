//! The Kafka wire protocol as Highwater serves it: versions, framing, shapes and error codes.
//!
//! This crate is the only door to `kafka-protocol`: whoever needs a message takes it from here.

pub use kafka_protocol::messages;
pub use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
