//! What a request may be authorised to do.

use std::fmt;

/// An operation in the sense of access control lists; the discriminants are Kafka's codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i8)]
pub enum Operation {
    /// In a filter: whichever operation.
    Any = 1,
    /// In a rule: every operation.
    All = 2,
    /// Consume records, join a group.
    Read = 3,
    /// Produce records.
    Write = 4,
    /// Create a topic.
    Create = 5,
    /// Delete a topic, records or a group.
    Delete = 6,
    /// Change partitions, replicas, access control lists.
    Alter = 7,
    /// See that the resource exists, and its layout.
    Describe = 8,
    /// What only brokers do among themselves.
    ClusterAction = 9,
    /// Read configuration.
    DescribeConfigs = 10,
    /// Change configuration.
    AlterConfigs = 11,
    /// Obtain a producer id.
    IdempotentWrite = 12,
    /// Create delegation tokens for another user.
    CreateTokens = 13,
    /// See delegation tokens of another user.
    DescribeTokens = 14,
    /// Leave the outcome of a transaction to an outside coordinator (KIP-939).
    TwoPhaseCommit = 15,
}

impl Operation {
    /// Every operation, in the order of the codes.
    pub const EVERY: [Self; 15] = [
        Self::Any,
        Self::All,
        Self::Read,
        Self::Write,
        Self::Create,
        Self::Delete,
        Self::Alter,
        Self::Describe,
        Self::ClusterAction,
        Self::DescribeConfigs,
        Self::AlterConfigs,
        Self::IdempotentWrite,
        Self::CreateTokens,
        Self::DescribeTokens,
        Self::TwoPhaseCommit,
    ];

    /// The code that the wire carries.
    pub const fn code(self) -> i8 {
        self as i8
    }

    /// The operation of a code; `None` for codes that are unknown here, 0 among them.
    pub fn from_code(code: i8) -> Option<Self> {
        Self::EVERY
            .into_iter()
            .find(|operation| operation.code() == code)
    }

    /// The bit that stands for this operation in the sets that Metadata, DescribeGroups and
    /// DescribeCluster return (KIP-430).
    pub const fn bit(self) -> i32 {
        1 << self.code()
    }

    /// The name as Kafka's tools print it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "ANY",
            Self::All => "ALL",
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::Create => "CREATE",
            Self::Delete => "DELETE",
            Self::Alter => "ALTER",
            Self::Describe => "DESCRIBE",
            Self::ClusterAction => "CLUSTER_ACTION",
            Self::DescribeConfigs => "DESCRIBE_CONFIGS",
            Self::AlterConfigs => "ALTER_CONFIGS",
            Self::IdempotentWrite => "IDEMPOTENT_WRITE",
            Self::CreateTokens => "CREATE_TOKENS",
            Self::DescribeTokens => "DESCRIBE_TOKENS",
            Self::TwoPhaseCommit => "TWO_PHASE_COMMIT",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
