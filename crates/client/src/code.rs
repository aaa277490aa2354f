//! The error codes of the protocol, and what a client should make of each.

use std::fmt;

/// The code that a broker put into a response; 0 is success.
///
/// A broker may be newer than this client, so any integer is representable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ResponseCode(pub i16);

/// The codes from 1 upward, in order, as the protocol guide names them.
const NAMES: [&str; 133] = [
    "OFFSET_OUT_OF_RANGE",
    "CORRUPT_MESSAGE",
    "UNKNOWN_TOPIC_OR_PARTITION",
    "INVALID_FETCH_SIZE",
    "LEADER_NOT_AVAILABLE",
    "NOT_LEADER_OR_FOLLOWER",
    "REQUEST_TIMED_OUT",
    "BROKER_NOT_AVAILABLE",
    "REPLICA_NOT_AVAILABLE",
    "MESSAGE_TOO_LARGE",
    "STALE_CONTROLLER_EPOCH",
    "OFFSET_METADATA_TOO_LARGE",
    "NETWORK_EXCEPTION",
    "COORDINATOR_LOAD_IN_PROGRESS",
    "COORDINATOR_NOT_AVAILABLE",
    "NOT_COORDINATOR",
    "INVALID_TOPIC_EXCEPTION",
    "RECORD_LIST_TOO_LARGE",
    "NOT_ENOUGH_REPLICAS",
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
    "INVALID_REQUIRED_ACKS",
    "ILLEGAL_GENERATION",
    "INCONSISTENT_GROUP_PROTOCOL",
    "INVALID_GROUP_ID",
    "UNKNOWN_MEMBER_ID",
    "INVALID_SESSION_TIMEOUT",
    "REBALANCE_IN_PROGRESS",
    "INVALID_COMMIT_OFFSET_SIZE",
    "TOPIC_AUTHORIZATION_FAILED",
    "GROUP_AUTHORIZATION_FAILED",
    "CLUSTER_AUTHORIZATION_FAILED",
    "INVALID_TIMESTAMP",
    "UNSUPPORTED_SASL_MECHANISM",
    "ILLEGAL_SASL_STATE",
    "UNSUPPORTED_VERSION",
    "TOPIC_ALREADY_EXISTS",
    "INVALID_PARTITIONS",
    "INVALID_REPLICATION_FACTOR",
    "INVALID_REPLICA_ASSIGNMENT",
    "INVALID_CONFIG",
    "NOT_CONTROLLER",
    "INVALID_REQUEST",
    "UNSUPPORTED_FOR_MESSAGE_FORMAT",
    "POLICY_VIOLATION",
    "OUT_OF_ORDER_SEQUENCE_NUMBER",
    "DUPLICATE_SEQUENCE_NUMBER",
    "INVALID_PRODUCER_EPOCH",
    "INVALID_TXN_STATE",
    "INVALID_PRODUCER_ID_MAPPING",
    "INVALID_TRANSACTION_TIMEOUT",
    "CONCURRENT_TRANSACTIONS",
    "TRANSACTION_COORDINATOR_FENCED",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
    "SECURITY_DISABLED",
    "OPERATION_NOT_ATTEMPTED",
    "KAFKA_STORAGE_ERROR",
    "LOG_DIR_NOT_FOUND",
    "SASL_AUTHENTICATION_FAILED",
    "UNKNOWN_PRODUCER_ID",
    "REASSIGNMENT_IN_PROGRESS",
    "DELEGATION_TOKEN_AUTH_DISABLED",
    "DELEGATION_TOKEN_NOT_FOUND",
    "DELEGATION_TOKEN_OWNER_MISMATCH",
    "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED",
    "DELEGATION_TOKEN_AUTHORIZATION_FAILED",
    "DELEGATION_TOKEN_EXPIRED",
    "INVALID_PRINCIPAL_TYPE",
    "NON_EMPTY_GROUP",
    "GROUP_ID_NOT_FOUND",
    "FETCH_SESSION_ID_NOT_FOUND",
    "INVALID_FETCH_SESSION_EPOCH",
    "LISTENER_NOT_FOUND",
    "TOPIC_DELETION_DISABLED",
    "FENCED_LEADER_EPOCH",
    "UNKNOWN_LEADER_EPOCH",
    "UNSUPPORTED_COMPRESSION_TYPE",
    "STALE_BROKER_EPOCH",
    "OFFSET_NOT_AVAILABLE",
    "MEMBER_ID_REQUIRED",
    "PREFERRED_LEADER_NOT_AVAILABLE",
    "GROUP_MAX_SIZE_REACHED",
    "FENCED_INSTANCE_ID",
    "ELIGIBLE_LEADERS_NOT_AVAILABLE",
    "ELECTION_NOT_NEEDED",
    "NO_REASSIGNMENT_IN_PROGRESS",
    "GROUP_SUBSCRIBED_TO_TOPIC",
    "INVALID_RECORD",
    "UNSTABLE_OFFSET_COMMIT",
    "THROTTLING_QUOTA_EXCEEDED",
    "PRODUCER_FENCED",
    "RESOURCE_NOT_FOUND",
    "DUPLICATE_RESOURCE",
    "UNACCEPTABLE_CREDENTIAL",
    "INCONSISTENT_VOTER_SET",
    "INVALID_UPDATE_VERSION",
    "FEATURE_UPDATE_FAILED",
    "PRINCIPAL_DESERIALIZATION_FAILURE",
    "SNAPSHOT_NOT_FOUND",
    "POSITION_OUT_OF_RANGE",
    "UNKNOWN_TOPIC_ID",
    "DUPLICATE_BROKER_REGISTRATION",
    "BROKER_ID_NOT_REGISTERED",
    "INCONSISTENT_TOPIC_ID",
    "INCONSISTENT_CLUSTER_ID",
    "TRANSACTIONAL_ID_NOT_FOUND",
    "FETCH_SESSION_TOPIC_ID_ERROR",
    "INELIGIBLE_REPLICA",
    "NEW_LEADER_ELECTED",
    "OFFSET_MOVED_TO_TIERED_STORAGE",
    "FENCED_MEMBER_EPOCH",
    "UNRELEASED_INSTANCE_ID",
    "UNSUPPORTED_ASSIGNOR",
    "STALE_MEMBER_EPOCH",
    "MISMATCHED_ENDPOINT_TYPE",
    "UNSUPPORTED_ENDPOINT_TYPE",
    "UNKNOWN_CONTROLLER_ID",
    "UNKNOWN_SUBSCRIPTION_ID",
    "TELEMETRY_TOO_LARGE",
    "INVALID_REGISTRATION",
    "TRANSACTION_ABORTABLE",
    "INVALID_RECORD_STATE",
    "SHARE_SESSION_NOT_FOUND",
    "INVALID_SHARE_SESSION_EPOCH",
    "FENCED_STATE_EPOCH",
    "INVALID_VOTER_KEY",
    "DUPLICATE_VOTER",
    "VOTER_NOT_FOUND",
    "INVALID_REGULAR_EXPRESSION",
    "REBOOTSTRAP_REQUIRED",
    "STREAMS_INVALID_TOPOLOGY",
    "STREAMS_INVALID_TOPOLOGY_EPOCH",
    "STREAMS_TOPOLOGY_FENCED",
    "SHARE_SESSION_LIMIT_REACHED",
];

impl ResponseCode {
    /// Success.
    pub const NONE: Self = Self(0);
    /// The log does not reach to that offset.
    pub const OFFSET_OUT_OF_RANGE: Self = Self(1);
    /// A checksum did not match, on the way or in the request.
    pub const CORRUPT_MESSAGE: Self = Self(2);
    /// The broker does not know the topic or the partition (yet).
    pub const UNKNOWN_TOPIC_OR_PARTITION: Self = Self(3);
    /// The partition is between two leaders.
    pub const LEADER_NOT_AVAILABLE: Self = Self(5);
    /// Another broker leads the partition.
    pub const NOT_LEADER_OR_FOLLOWER: Self = Self(6);
    /// The broker did not finish within the time-out of the request.
    pub const REQUEST_TIMED_OUT: Self = Self(7);
    /// The broker holds no replica of the partition.
    pub const REPLICA_NOT_AVAILABLE: Self = Self(9);
    /// The batch is larger than the topic allows.
    pub const MESSAGE_TOO_LARGE: Self = Self(10);
    /// The broker lost a connection of its own.
    pub const NETWORK_EXCEPTION: Self = Self(13);
    /// The coordinator still reads its state.
    pub const COORDINATOR_LOAD_IN_PROGRESS: Self = Self(14);
    /// There is no coordinator yet.
    pub const COORDINATOR_NOT_AVAILABLE: Self = Self(15);
    /// Another broker coordinates.
    pub const NOT_COORDINATOR: Self = Self(16);
    /// Fewer replicas are in sync than the topic demands.
    pub const NOT_ENOUGH_REPLICAS: Self = Self(19);
    /// The batch is in the log, but too few replicas have it.
    pub const NOT_ENOUGH_REPLICAS_AFTER_APPEND: Self = Self(20);
    /// The group has moved on to another generation.
    pub const ILLEGAL_GENERATION: Self = Self(22);
    /// The group does not know the member.
    pub const UNKNOWN_MEMBER_ID: Self = Self(25);
    /// The group is rebalancing.
    pub const REBALANCE_IN_PROGRESS: Self = Self(27);
    /// The broker does not speak this version.
    pub const UNSUPPORTED_VERSION: Self = Self(35);
    /// A topic has that name.
    pub const TOPIC_ALREADY_EXISTS: Self = Self(36);
    /// Another broker is the controller.
    pub const NOT_CONTROLLER: Self = Self(41);
    /// An earlier batch of the producer is missing.
    pub const OUT_OF_ORDER_SEQUENCE_NUMBER: Self = Self(45);
    /// The batch is in the log already.
    pub const DUPLICATE_SEQUENCE_NUMBER: Self = Self(46);
    /// A newer incarnation of the producer exists.
    pub const INVALID_PRODUCER_EPOCH: Self = Self(47);
    /// The previous transaction is still being completed.
    pub const CONCURRENT_TRANSACTIONS: Self = Self(51);
    /// The log directory failed.
    pub const KAFKA_STORAGE_ERROR: Self = Self(56);
    /// The broker has forgotten the producer.
    pub const UNKNOWN_PRODUCER_ID: Self = Self(59);
    /// The group has members.
    pub const NON_EMPTY_GROUP: Self = Self(68);
    /// There is no such group.
    pub const GROUP_ID_NOT_FOUND: Self = Self(69);
    /// The fetch session is gone.
    pub const FETCH_SESSION_ID_NOT_FOUND: Self = Self(70);
    /// The leader has no listener of this kind.
    pub const LISTENER_NOT_FOUND: Self = Self(72);
    /// The leader epoch of the request is too old.
    pub const FENCED_LEADER_EPOCH: Self = Self(74);
    /// The leader epoch of the request is newer than the broker knows.
    pub const UNKNOWN_LEADER_EPOCH: Self = Self(75);
    /// The new leader does not know the high watermark yet.
    pub const OFFSET_NOT_AVAILABLE: Self = Self(78);
    /// Join again with the member id of the response (KIP-394).
    pub const MEMBER_ID_REQUIRED: Self = Self(79);
    /// Another member took over the static instance id.
    pub const FENCED_INSTANCE_ID: Self = Self(82);
    /// The records break a rule of the topic.
    pub const INVALID_RECORD: Self = Self(87);
    /// A transaction over these offsets is still open.
    pub const UNSTABLE_OFFSET_COMMIT: Self = Self(88);
    /// A quota is used up.
    pub const THROTTLING_QUOTA_EXCEEDED: Self = Self(89);
    /// The broker does not know the topic id (yet).
    pub const UNKNOWN_TOPIC_ID: Self = Self(100);
    /// The topic id does not match the log.
    pub const INCONSISTENT_TOPIC_ID: Self = Self(103);

    /// Turns a code into a result, with 0 as success.
    pub fn check(self) -> Result<(), Self> {
        if self == Self::NONE {
            Ok(())
        } else {
            Err(self)
        }
    }

    /// The name in the protocol guide, if this client knows the code.
    pub fn name(self) -> Option<&'static str> {
        match self.0 {
            -1 => Some("UNKNOWN_SERVER_ERROR"),
            0 => Some("NONE"),
            code => NAMES.get(usize::try_from(code).ok()? - 1).copied(),
        }
    }

    /// Whether the same request may succeed when it is sent again a little later.
    pub fn is_retriable(self) -> bool {
        self.is_stale_metadata()
            || self.is_stale_coordinator()
            || matches!(
                self,
                Self::CORRUPT_MESSAGE
                    | Self::REQUEST_TIMED_OUT
                    | Self::NETWORK_EXCEPTION
                    | Self::NOT_ENOUGH_REPLICAS
                    | Self::NOT_ENOUGH_REPLICAS_AFTER_APPEND
                    | Self::OFFSET_NOT_AVAILABLE
                    | Self::UNSTABLE_OFFSET_COMMIT
                    | Self::THROTTLING_QUOTA_EXCEEDED
                    | Self::CONCURRENT_TRANSACTIONS
            )
    }

    /// Whether the cached metadata led the request to the wrong place.
    pub fn is_stale_metadata(self) -> bool {
        matches!(
            self,
            Self::UNKNOWN_TOPIC_OR_PARTITION
                | Self::LEADER_NOT_AVAILABLE
                | Self::NOT_LEADER_OR_FOLLOWER
                | Self::REPLICA_NOT_AVAILABLE
                | Self::NOT_CONTROLLER
                | Self::KAFKA_STORAGE_ERROR
                | Self::LISTENER_NOT_FOUND
                | Self::FENCED_LEADER_EPOCH
                | Self::UNKNOWN_LEADER_EPOCH
                | Self::UNKNOWN_TOPIC_ID
                | Self::INCONSISTENT_TOPIC_ID
        )
    }

    /// Whether the coordinator has moved or is not ready.
    pub fn is_stale_coordinator(self) -> bool {
        matches!(
            self,
            Self::COORDINATOR_LOAD_IN_PROGRESS
                | Self::COORDINATOR_NOT_AVAILABLE
                | Self::NOT_COORDINATOR
        )
    }
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "error code {}", self.0),
        }
    }
}

impl fmt::Debug for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_carry_the_names_of_the_protocol_guide() {
        for (code, name) in [
            (-1, "UNKNOWN_SERVER_ERROR"),
            (0, "NONE"),
            (1, "OFFSET_OUT_OF_RANGE"),
            (35, "UNSUPPORTED_VERSION"),
            (36, "TOPIC_ALREADY_EXISTS"),
            (45, "OUT_OF_ORDER_SEQUENCE_NUMBER"),
            (69, "GROUP_ID_NOT_FOUND"),
            (100, "UNKNOWN_TOPIC_ID"),
        ] {
            assert_eq!(ResponseCode(code).to_string(), name);
        }
        assert_eq!(ResponseCode(9999).to_string(), "error code 9999");
        assert_eq!(ResponseCode(-7).to_string(), "error code -7");
    }

    #[test]
    fn the_named_constants_agree_with_the_table() {
        assert_eq!(ResponseCode::NOT_CONTROLLER.to_string(), "NOT_CONTROLLER");
        assert_eq!(
            ResponseCode::MEMBER_ID_REQUIRED.to_string(),
            "MEMBER_ID_REQUIRED"
        );
        assert_eq!(ResponseCode::INVALID_RECORD.to_string(), "INVALID_RECORD");
    }
}
