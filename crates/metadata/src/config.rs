//! What can be configured, and how.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A kind of thing that has configuration of its own; the discriminants are Kafka's codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i8)]
pub enum ConfigResourceType {
    /// A topic, by name.
    Topic = 2,
    /// A broker, by id; the empty name stands for all brokers.
    Broker = 4,
    /// A subscription to metrics of clients, by name (KIP-714).
    ClientMetrics = 16,
    /// A group, by id.
    Group = 32,
}

impl ConfigResourceType {
    /// Every type, in the order of the codes.
    pub const EVERY: [Self; 4] = [Self::Topic, Self::Broker, Self::ClientMetrics, Self::Group];

    /// The code that the wire and the log carry.
    pub const fn code(self) -> i8 {
        self as i8
    }

    /// The type of a code.
    pub fn from_code(code: i8) -> Option<Self> {
        Self::EVERY.into_iter().find(|kind| kind.code() == code)
    }
}

impl fmt::Display for ConfigResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Topic => "topic",
            Self::Broker => "broker",
            Self::ClientMetrics => "client-metrics",
            Self::Group => "group",
        })
    }
}

/// One thing that has configuration of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigResource {
    /// What kind of thing.
    pub kind: ConfigResourceType,
    /// Which one.
    pub name: Arc<str>,
}

impl ConfigResource {
    /// A topic.
    pub fn topic(name: &str) -> Self {
        Self {
            kind: ConfigResourceType::Topic,
            name: name.into(),
        }
    }

    /// What holds for every broker unless a broker has its own.
    pub fn all_brokers() -> Self {
        Self {
            kind: ConfigResourceType::Broker,
            name: "".into(),
        }
    }
}

impl fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == ConfigResourceType::Broker && self.name.is_empty() {
            return f.write_str("all brokers");
        }
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// The keys that have been set on one resource, in order.
pub type ConfigMap = BTreeMap<Arc<str>, Arc<str>>;
