//! Names of topics and partitions, checked once where they enter.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::PartitionIndex;
use crate::limits::TOPIC_NAME_LEN_MAX;

/// The name of a topic: 1 to 249 characters of `[a-zA-Z0-9._-]`, neither `.` nor `..`.
///
/// Cloning shares the text. A name that came over the wire is checked by [`TopicName::new`]
/// before it may touch a path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

/// Why a text is not a topic name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("the topic name is empty")]
    Empty,
    /// `.` and `..` mean directories.
    #[error("the topic name cannot be {0:?}")]
    Dots(String),
    /// Longer than a directory entry allows.
    #[error("the topic name has {0} characters, the longest allowed has {TOPIC_NAME_LEN_MAX}")]
    TooLong(usize),
    /// A character that paths or metrics could not carry.
    #[error(
        "the topic name {0:?} contains a character other than ASCII letters and digits, '.', '_' and '-'"
    )]
    IllegalCharacter(String),
}

impl TopicName {
    /// Checks the text.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text == "." || text == ".." {
            return Err(NameError::Dots(text.to_owned()));
        }
        if text.len() > TOPIC_NAME_LEN_MAX {
            return Err(NameError::TooLong(text.len()));
        }
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if !text.bytes().all(legal) {
            return Err(NameError::IllegalCharacter(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is one of the broker's own topics, which clients may read but not write.
    pub fn is_internal(&self) -> bool {
        matches!(
            self.as_str(),
            "__consumer_offsets" | "__transaction_state" | "__share_group_state"
        )
    }

    /// The name as metrics see it, where `.` and `_` are one: two topics that collide there
    /// must not both exist.
    pub fn metric_key(&self) -> String {
        self.0.replace('.', "_")
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// One partition of one topic, printed as its directory is called: `orders-3`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition of the topic.
    pub partition: PartitionIndex,
}

impl TopicPartition {
    /// Joins a checked name and an index.
    pub fn new(topic: TopicName, partition: PartitionIndex) -> Self {
        Self { topic, partition }
    }

    /// Reads a directory name; `None` if it is not that of a partition.
    pub fn from_dir_name(dir: &str) -> Option<Self> {
        let (topic, index) = dir.rsplit_once('-')?;
        if index.is_empty() || !index.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let partition = PartitionIndex(index.parse().ok()?);
        Some(Self {
            topic: TopicName::new(topic).ok()?,
            partition,
        })
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_path_or_a_metric_could_not_carry_are_refused() {
        let long = "x".repeat(250);
        for bad in ["", ".", "..", "a/b", "a b", "ä", "a\0", long.as_str()] {
            assert!(TopicName::new(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "a.b_c-D9", "...", &long[..249]] {
            assert!(TopicName::new(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn a_directory_name_is_read_from_its_last_dash() {
        let parsed = TopicPartition::from_dir_name("a-b-12").map(|tp| tp.to_string());
        assert_eq!(parsed.as_deref(), Some("a-b-12"));
        for bad in [
            "a",
            "a-",
            "a-x",
            "-1",
            "a-1-delete",
            "a--1x",
            "a-99999999999",
        ] {
            assert_eq!(TopicPartition::from_dir_name(bad), None, "{bad}");
        }
    }
}
