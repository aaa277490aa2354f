//! What consumers of a classic group tell each other through the coordinator: subscriptions
//! and assignments.
//!
//! To the coordinator they are bytes, so nobody has checked them before they reach another
//! member, or whoever describes the group.

use std::error::Error;
use std::sync::LazyLock;

use bytes::{Buf, Bytes};
use kafka_protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use kafka_protocol::protocol::Decodable;

use super::notation::{self, Program};
use super::schema::Schema;
use super::{REQUEST_ELEMENTS_MAX, ShapeError, walk};

/// The highest version that is known. A later one only adds fields behind these, so it is read
/// as this one, as Kafka does.
const VERSION_MAX: i16 = 3;

static SUBSCRIPTION: LazyLock<Vec<Program>> = LazyLock::new(|| {
    compile(
        "topics:[s]; user_data:b?; owned_partitions:[topic:s; partitions:[i32]] 1+; \
         generation_id:i32 2+; rack_id:s? 3+",
    )
});

static ASSIGNMENT: LazyLock<Vec<Program>> =
    LazyLock::new(|| compile("assigned_partitions:[topic:s; partitions:[i32]]; user_data:b?"));

fn compile(fields: &'static str) -> Vec<Program> {
    let schema = Schema {
        api_key: -1,
        flexible_min: None,
        fields,
    };
    let programs = (0..=VERSION_MAX).map_while(|version| notation::compile(&schema, version));
    programs.collect()
}

/// Why the bytes are no subscription and no assignment.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerProtocolError {
    /// There is no version, or a negative one.
    #[error("the bytes do not start with a version of the consumer protocol")]
    NoVersion,
    /// A count or length is wrong.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The codec refused what is there, for example because a string is not UTF-8.
    #[error("undecodable: {0}")]
    Codec(Box<dyn Error + Send + Sync>),
}

/// Reads what a member subscribes to. The version stands in front of it.
pub fn decode_subscription(
    bytes: &Bytes,
) -> Result<ConsumerProtocolSubscription, ConsumerProtocolError> {
    decode(bytes, &SUBSCRIPTION)
}

/// Reads what a member was assigned. The version stands in front of it.
pub fn decode_assignment(
    bytes: &Bytes,
) -> Result<ConsumerProtocolAssignment, ConsumerProtocolError> {
    decode(bytes, &ASSIGNMENT)
}

fn decode<M: Decodable>(bytes: &Bytes, programs: &[Program]) -> Result<M, ConsumerProtocolError> {
    let mut rest = bytes.clone();
    let version = rest
        .try_get_i16()
        .map_err(|_| ConsumerProtocolError::NoVersion)?;
    let version = version.min(VERSION_MAX);
    let program = usize::try_from(version)
        .ok()
        .and_then(|index| programs.get(index))
        .ok_or(ConsumerProtocolError::NoVersion)?;
    walk::measure(program, &rest, REQUEST_ELEMENTS_MAX)?;
    M::decode(&mut rest, version).map_err(|error| ConsumerProtocolError::Codec(error.into()))
}

#[cfg(test)]
mod tests;
