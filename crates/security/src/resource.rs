//! What a request may be authorised to touch.

use std::fmt;

use crate::Operation;

/// The one name that the cluster has as a resource.
pub const CLUSTER_NAME: &str = "kafka-cluster";

/// A kind of resource in the sense of access control lists; the discriminants are Kafka's codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i8)]
pub enum ResourceType {
    /// In a filter: whichever type.
    Any = 1,
    /// A topic, by name.
    Topic = 2,
    /// A consumer, share or other group, by id.
    Group = 3,
    /// The cluster itself.
    Cluster = 4,
    /// A transactional id.
    TransactionalId = 5,
    /// A delegation token, by id.
    DelegationToken = 6,
    /// A user, as the owner of delegation tokens.
    User = 7,
}

impl ResourceType {
    /// Every type, in the order of the codes.
    pub const EVERY: [Self; 7] = [
        Self::Any,
        Self::Topic,
        Self::Group,
        Self::Cluster,
        Self::TransactionalId,
        Self::DelegationToken,
        Self::User,
    ];

    /// The code that the wire carries.
    pub const fn code(self) -> i8 {
        self as i8
    }

    /// The type of a code; `None` for codes that are unknown here, 0 among them.
    pub fn from_code(code: i8) -> Option<Self> {
        Self::EVERY.into_iter().find(|kind| kind.code() == code)
    }

    /// The operations that mean anything on a resource of this type.
    pub const fn operations(self) -> &'static [Operation] {
        use Operation as O;
        match self {
            Self::Any => &[],
            Self::Topic => &[
                O::Read,
                O::Write,
                O::Create,
                O::Delete,
                O::Alter,
                O::Describe,
                O::DescribeConfigs,
                O::AlterConfigs,
            ],
            Self::Group => &[
                O::Read,
                O::Delete,
                O::Describe,
                O::DescribeConfigs,
                O::AlterConfigs,
            ],
            Self::Cluster => &[
                O::Create,
                O::Alter,
                O::Describe,
                O::ClusterAction,
                O::DescribeConfigs,
                O::AlterConfigs,
                O::IdempotentWrite,
            ],
            Self::TransactionalId => &[O::Write, O::Describe, O::TwoPhaseCommit],
            Self::DelegationToken => &[O::Describe],
            Self::User => &[O::CreateTokens, O::DescribeTokens],
        }
    }

    /// The name as Kafka's tools print it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "ANY",
            Self::Topic => "TOPIC",
            Self::Group => "GROUP",
            Self::Cluster => "CLUSTER",
            Self::TransactionalId => "TRANSACTIONAL_ID",
            Self::DelegationToken => "DELEGATION_TOKEN",
            Self::User => "USER",
        }
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One resource, named; borrowed, because it is made for every check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resource<'a> {
    /// What kind of thing it is.
    pub kind: ResourceType,
    /// Its exact name.
    pub name: &'a str,
}

impl<'a> Resource<'a> {
    /// The cluster itself.
    pub const CLUSTER: Resource<'static> = Resource {
        kind: ResourceType::Cluster,
        name: CLUSTER_NAME,
    };

    /// A topic.
    pub const fn topic(name: &'a str) -> Self {
        Self {
            kind: ResourceType::Topic,
            name,
        }
    }

    /// A group.
    pub const fn group(id: &'a str) -> Self {
        Self {
            kind: ResourceType::Group,
            name: id,
        }
    }

    /// A transactional id.
    pub const fn transactional_id(id: &'a str) -> Self {
        Self {
            kind: ResourceType::TransactionalId,
            name: id,
        }
    }
}

impl fmt::Display for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.name)
    }
}
