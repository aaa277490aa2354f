//! Identifiers as newtypes over the integers that the wire and the disk carry.

use std::fmt;
use std::str::FromStr;

macro_rules! integer_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        impl $name {
            /// The integer as the wire and the disk carry it.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }
    };
}

integer_id! {
    /// A partition of a topic, counted from 0.
    PartitionIndex(i32)
}
integer_id! {
    /// A broker of the cluster (`node.id`); −1 stands for none.
    BrokerId(i32)
}
integer_id! {
    /// How often the leadership of a partition has changed hands; −1 stands for unknown.
    LeaderEpoch(i32)
}
integer_id! {
    /// A producer that has asked for an id (KIP-98); −1 stands for none.
    ProducerId(i64)
}
integer_id! {
    /// The incarnation of a producer id; −1 stands for none.
    ProducerEpoch(i16)
}
integer_id! {
    /// The position of a record in the log of its partition.
    Offset(i64)
}

impl BrokerId {
    /// No broker.
    pub const NONE: Self = Self(-1);
}

impl LeaderEpoch {
    /// Not known, or not asked about.
    pub const UNKNOWN: Self = Self(-1);
}

impl ProducerId {
    /// A batch whose producer is not idempotent.
    pub const NONE: Self = Self(-1);
}

impl ProducerEpoch {
    /// A batch whose producer is not idempotent.
    pub const NONE: Self = Self(-1);
}

impl Offset {
    /// The first offset of a log that has never been trimmed.
    pub const ZERO: Self = Self(0);
    /// Not known.
    pub const UNKNOWN: Self = Self(-1);

    /// The offset right behind this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl std::ops::Add<i64> for Offset {
    type Output = Self;
    fn add(self, records: i64) -> Self {
        Self(self.0 + records)
    }
}

impl std::ops::Sub for Offset {
    type Output = i64;
    fn sub(self, other: Self) -> i64 {
        self.0 - other.0
    }
}

/// The identity of a topic, which a deleted topic's successor of the same name does not share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TopicId(pub [u8; 16]);

impl TopicId {
    /// What the wire carries where no id is known.
    pub const ZERO: Self = Self([0; 16]);

    /// Whether no id is known.
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }
}

const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Kafka writes ids as unpadded URL-safe base64 of 22 characters, in files and tools alike.
impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from_be_bytes(self.0);
        let mut text = [0_u8; 22];
        for (position, symbol) in text.iter_mut().enumerate() {
            let shift = 122 - 6 * position as i32;
            let six = if shift >= 0 {
                bits >> shift
            } else {
                bits << -shift
            } & 63;
            *symbol = BASE64_URL[six as usize];
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 22 characters of URL-safe base64.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a topic id: 22 characters of URL-safe base64 are expected")]
pub struct TopicIdError(pub String);

impl FromStr for TopicId {
    type Err = TopicIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || TopicIdError(text.to_owned());
        if text.len() != 22 {
            return Err(bad());
        }
        let mut bits = 0_u128;
        for (position, byte) in text.bytes().enumerate() {
            let six = BASE64_URL.iter().position(|b| *b == byte).ok_or_else(bad)? as u128;
            let shift = 122 - 6 * position as i32;
            bits |= if shift >= 0 {
                six << shift
            } else {
                six >> -shift
            };
        }
        Ok(Self(bits.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_topic_id_reads_as_kafka_writes_it() {
        // The id that Kafka reserves for its own metadata topic.
        let mut bytes = [0_u8; 16];
        bytes[15] = 1;
        assert_eq!(TopicId(bytes).to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
    }

    #[test]
    fn text_that_is_no_id_is_refused() {
        for text in [
            "",
            "AAAA",
            "AAAAAAAAAAAAAAAAAAAAA=",
            "AAAAAAAAAAAAAAAAAAAAAQQ",
        ] {
            assert!(text.parse::<TopicId>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_topic_id_survives_its_text(bytes: [u8; 16]) {
            let id = TopicId(bytes);
            prop_assert_eq!(id.to_string().parse::<TopicId>(), Ok(id));
        }
    }
}
