//! The records of `__consumer_offsets`, byte for byte as Apache Kafka 4.3 writes them.
//!
//! A key starts with two bytes that say what kind of record it is, a value with two bytes that
//! say which version of that kind. What Kafka has written since 0.9 is read; what is written is
//! what Kafka 4.3 writes: offset values of version 4 (1 if they carry an expiry of their own) and
//! group metadata values of version 3. Kinds that this crate does not know yet are told apart
//! from damage, because a log may hold them.

mod group_metadata;
mod key;
mod offset_commit;
mod subscription;
mod text;
mod wire;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use group_metadata::{GroupMetadataValue, MemberMetadata};
pub(crate) use key::RecordKey;
pub(crate) use offset_commit::OffsetCommitValue;
pub(crate) use subscription::subscribed_topics;
pub use text::describe_record;
pub use wire::Malformed;
