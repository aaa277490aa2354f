//! Kafka's own metadata log, as far as an import needs it: records, and the image they make.
//!
//! ```text
//! frame  = frame version unsigned varint (1), type unsigned varint, version unsigned varint, body
//! body   = Kafka's flexible encoding: compact strings and arrays, tagged fields at the end
//! ```
//!
//! [`KafkaRecord::decode`] reads one frame, [`KafkaImage::apply`] is what one changes. Records
//! that concern nothing that could be taken over, such as the state of brokers, are passed over;
//! those that could be missed, such as access control lists, are counted. A type that is not
//! known is an error: it might say what must not be overlooked. Nothing that is read is believed:
//! every length is held against the bytes that remain before anything is taken.

mod image;
mod reader;
mod record;
#[cfg(test)]
mod tests;

pub use image::{KafkaApplyError, KafkaImage, KafkaPartition, KafkaTopic};
pub use record::{KafkaDecodeError, KafkaPartitionRecord, KafkaRecord};
