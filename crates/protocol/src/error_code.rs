//! Kafka's error codes, as version 4.3 knows them.

use std::fmt;

/// An error code as responses carry it.
///
/// Not an enum: a client meets codes that only a newer broker knows, and they must survive
/// being read, compared and logged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ErrorCode(i16);

struct Entry {
    name: &'static str,
    message: &'static str,
    retriable: bool,
}

macro_rules! error_codes {
    ($($code:literal $name:ident $kind:ident $message:literal)+) => {
        impl ErrorCode {
            $(
                #[doc = concat!("`", stringify!($code), "`: ", $message, ".")]
                pub const $name: Self = Self($code);
            )+

            /// Every code of Kafka 4.3, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }

        static ENTRIES: &[Entry] = &[$(
            Entry {
                name: stringify!($name),
                message: $message,
                retriable: error_codes!(@ $kind),
            },
        )+];
    };
    (@ retriable) => { true };
    (@ final) => { false };
}

error_codes! {
    -1 UNKNOWN_SERVER_ERROR final "the broker failed in a way it did not foresee"
    0 NONE final "no error"
    1 OFFSET_OUT_OF_RANGE final "the offset lies outside the log"
    2 CORRUPT_MESSAGE retriable "a record batch is damaged, too large or lacks a key that its topic needs"
    3 UNKNOWN_TOPIC_OR_PARTITION retriable "the broker does not host this topic or partition"
    4 INVALID_FETCH_SIZE final "the fetch size is not allowed"
    5 LEADER_NOT_AVAILABLE retriable "the partition has no leader at the moment"
    6 NOT_LEADER_OR_FOLLOWER retriable "the broker is not the leader, or not a replica, of the partition"
    7 REQUEST_TIMED_OUT retriable "the request was not completed in time"
    8 BROKER_NOT_AVAILABLE final "the broker cannot be reached"
    9 REPLICA_NOT_AVAILABLE retriable "the replica cannot be reached"
    10 MESSAGE_TOO_LARGE final "a record batch is larger than the topic allows"
    11 STALE_CONTROLLER_EPOCH final "the controller has moved to another broker"
    12 OFFSET_METADATA_TOO_LARGE final "the metadata of a committed offset is too long"
    13 NETWORK_EXCEPTION retriable "the connection broke before the response came"
    14 COORDINATOR_LOAD_IN_PROGRESS retriable "the coordinator is still loading its state"
    15 COORDINATOR_NOT_AVAILABLE retriable "there is no coordinator at the moment"
    16 NOT_COORDINATOR retriable "the broker is not the coordinator"
    17 INVALID_TOPIC_EXCEPTION final "the topic name is not allowed, or the topic cannot be used this way"
    18 RECORD_LIST_TOO_LARGE final "a record batch is larger than a segment"
    19 NOT_ENOUGH_REPLICAS retriable "fewer replicas are in sync than the topic requires, nothing was written"
    20 NOT_ENOUGH_REPLICAS_AFTER_APPEND retriable "the batch was written, but fewer replicas are in sync than the topic requires"
    21 INVALID_REQUIRED_ACKS final "acks must be -1, 0 or 1"
    22 ILLEGAL_GENERATION final "the generation of the group has passed"
    23 INCONSISTENT_GROUP_PROTOCOL final "the member shares no protocol with the rest of the group"
    24 INVALID_GROUP_ID final "the group id is not allowed"
    25 UNKNOWN_MEMBER_ID final "the coordinator does not know this member"
    26 INVALID_SESSION_TIMEOUT final "the session timeout lies outside what the broker allows"
    27 REBALANCE_IN_PROGRESS final "the group is rebalancing"
    28 INVALID_COMMIT_OFFSET_SIZE final "the committed offsets are too large to be stored"
    29 TOPIC_AUTHORIZATION_FAILED final "access to the topic is denied"
    30 GROUP_AUTHORIZATION_FAILED final "access to the group is denied"
    31 CLUSTER_AUTHORIZATION_FAILED final "access to the cluster is denied"
    32 INVALID_TIMESTAMP final "a timestamp lies outside what the topic allows"
    33 UNSUPPORTED_SASL_MECHANISM final "the SASL mechanism is not supported"
    34 ILLEGAL_SASL_STATE final "the request does not fit the state of the SASL exchange"
    35 UNSUPPORTED_VERSION final "the version of the request is not served"
    36 TOPIC_ALREADY_EXISTS final "a topic of this name exists"
    37 INVALID_PARTITIONS final "the number of partitions is not allowed"
    38 INVALID_REPLICATION_FACTOR final "the replication factor is below 1 or above the number of brokers"
    39 INVALID_REPLICA_ASSIGNMENT final "the replica assignment is not allowed"
    40 INVALID_CONFIG final "the configuration is not allowed"
    41 NOT_CONTROLLER retriable "the broker is not the controller"
    42 INVALID_REQUEST final "the request contradicts itself or cannot be read"
    43 UNSUPPORTED_FOR_MESSAGE_FORMAT final "the message format of the topic cannot serve the request"
    44 POLICY_VIOLATION final "the request violates a policy"
    45 OUT_OF_ORDER_SEQUENCE_NUMBER final "the sequence number does not follow the last one"
    46 DUPLICATE_SEQUENCE_NUMBER final "the batch was written before"
    47 INVALID_PRODUCER_EPOCH final "a newer incarnation of the producer exists"
    48 INVALID_TXN_STATE final "the operation does not fit the state of the transaction"
    49 INVALID_PRODUCER_ID_MAPPING final "the producer id does not belong to the transactional id"
    50 INVALID_TRANSACTION_TIMEOUT final "the transaction timeout is longer than the broker allows"
    51 CONCURRENT_TRANSACTIONS retriable "another operation on the transaction is under way"
    52 TRANSACTION_COORDINATOR_FENCED final "the transaction coordinator has been replaced"
    53 TRANSACTIONAL_ID_AUTHORIZATION_FAILED final "access to the transactional id is denied"
    54 SECURITY_DISABLED final "security features are off"
    55 OPERATION_NOT_ATTEMPTED final "the operation was not attempted because an earlier one failed"
    56 KAFKA_STORAGE_ERROR retriable "the disk under the log has failed"
    57 LOG_DIR_NOT_FOUND final "the broker has no such log directory"
    58 SASL_AUTHENTICATION_FAILED final "authentication failed"
    59 UNKNOWN_PRODUCER_ID final "the broker remembers nothing of the producer id"
    60 REASSIGNMENT_IN_PROGRESS final "the partition is being reassigned"
    61 DELEGATION_TOKEN_AUTH_DISABLED final "delegation tokens are off"
    62 DELEGATION_TOKEN_NOT_FOUND final "there is no such delegation token"
    63 DELEGATION_TOKEN_OWNER_MISMATCH final "the principal neither owns nor may renew the token"
    64 DELEGATION_TOKEN_REQUEST_NOT_ALLOWED final "delegation tokens cannot be asked for over this connection"
    65 DELEGATION_TOKEN_AUTHORIZATION_FAILED final "access to the delegation token is denied"
    66 DELEGATION_TOKEN_EXPIRED final "the delegation token has expired"
    67 INVALID_PRINCIPAL_TYPE final "the type of principal is not supported"
    68 NON_EMPTY_GROUP final "the group still has members"
    69 GROUP_ID_NOT_FOUND final "there is no such group"
    70 FETCH_SESSION_ID_NOT_FOUND retriable "there is no such fetch session"
    71 INVALID_FETCH_SESSION_EPOCH retriable "the epoch of the fetch session is not the next one"
    72 LISTENER_NOT_FOUND retriable "the leader has no listener of the name used here"
    73 TOPIC_DELETION_DISABLED final "topics cannot be deleted on this cluster"
    74 FENCED_LEADER_EPOCH retriable "the leader epoch is older than the broker's"
    75 UNKNOWN_LEADER_EPOCH retriable "the leader epoch is newer than the broker's"
    76 UNSUPPORTED_COMPRESSION_TYPE final "the client cannot read the compression of the partition"
    77 STALE_BROKER_EPOCH final "the broker has registered anew since"
    78 OFFSET_NOT_AVAILABLE retriable "the new leader does not know yet up to where the log is committed"
    79 MEMBER_ID_REQUIRED final "the member must join again with the id it is given"
    80 PREFERRED_LEADER_NOT_AVAILABLE retriable "the preferred leader is not available"
    81 GROUP_MAX_SIZE_REACHED final "the group is full"
    82 FENCED_INSTANCE_ID final "another member with this instance id has taken over"
    83 ELIGIBLE_LEADERS_NOT_AVAILABLE retriable "none of the replicas may become leader"
    84 ELECTION_NOT_NEEDED retriable "the partition has the wanted leader already"
    85 NO_REASSIGNMENT_IN_PROGRESS final "the partition is not being reassigned"
    86 GROUP_SUBSCRIBED_TO_TOPIC final "the group still subscribes to the topic"
    87 INVALID_RECORD final "a record breaks a rule of its topic"
    88 UNSTABLE_OFFSET_COMMIT retriable "offsets of an open transaction are pending"
    89 THROTTLING_QUOTA_EXCEEDED retriable "the quota is used up"
    90 PRODUCER_FENCED final "a newer producer uses the transactional id"
    91 RESOURCE_NOT_FOUND final "there is no such resource"
    92 DUPLICATE_RESOURCE final "the request names a resource twice"
    93 UNACCEPTABLE_CREDENTIAL final "the credential does not meet the requirements"
    94 INCONSISTENT_VOTER_SET final "sender or receiver is not among the voters expected"
    95 INVALID_UPDATE_VERSION final "the feature level is not allowed"
    96 FEATURE_UPDATE_FAILED final "the features could not be updated"
    97 PRINCIPAL_DESERIALIZATION_FAILURE final "a forwarded principal cannot be read"
    98 SNAPSHOT_NOT_FOUND final "there is no such snapshot"
    99 POSITION_OUT_OF_RANGE final "the position lies outside the snapshot"
    100 UNKNOWN_TOPIC_ID retriable "the broker does not host a topic of this id"
    101 DUPLICATE_BROKER_REGISTRATION final "another broker is registered under this id"
    102 BROKER_ID_NOT_REGISTERED final "no broker is registered under this id"
    103 INCONSISTENT_TOPIC_ID retriable "the topic id is not the one of the log"
    104 INCONSISTENT_CLUSTER_ID final "the cluster id is not the one of this cluster"
    105 TRANSACTIONAL_ID_NOT_FOUND final "there is no such transactional id"
    106 FETCH_SESSION_TOPIC_ID_ERROR retriable "the fetch session mixes requests with and without topic ids"
    107 INELIGIBLE_REPLICA final "a replica of the new in-sync set may not be in it"
    108 NEW_LEADER_ELECTED final "the in-sync set was changed, and with it the leader"
    109 OFFSET_MOVED_TO_TIERED_STORAGE final "the offset has moved to tiered storage"
    110 FENCED_MEMBER_EPOCH final "the member's epoch has passed, it must join again"
    111 UNRELEASED_INSTANCE_ID final "the instance id still belongs to another member"
    112 UNSUPPORTED_ASSIGNOR final "the group cannot use this assignor"
    113 STALE_MEMBER_EPOCH final "the member's epoch is not the current one"
    114 MISMATCHED_ENDPOINT_TYPE final "the request was sent to the wrong kind of endpoint"
    115 UNSUPPORTED_ENDPOINT_TYPE final "this kind of endpoint is not supported"
    116 UNKNOWN_CONTROLLER_ID final "there is no controller of this id"
    117 UNKNOWN_SUBSCRIPTION_ID final "the telemetry subscription is unknown or has changed"
    118 TELEMETRY_TOO_LARGE final "the telemetry is larger than the broker accepts"
    119 INVALID_REGISTRATION final "the controller refuses the registration"
    120 TRANSACTION_ABORTABLE final "the transaction must be aborted, after which its id can be used again"
    121 INVALID_RECORD_STATE final "the acknowledged record is not in a state to be acknowledged"
    122 SHARE_SESSION_NOT_FOUND retriable "there is no such share session"
    123 INVALID_SHARE_SESSION_EPOCH retriable "the epoch of the share session is not the next one"
    124 FENCED_STATE_EPOCH final "the epoch of the share group's state has passed"
    125 INVALID_VOTER_KEY final "the voter's key is not the one of the replica"
    126 DUPLICATE_VOTER final "the voter is in the set already"
    127 VOTER_NOT_FOUND final "the voter is not in the set"
    128 INVALID_REGULAR_EXPRESSION final "the regular expression cannot be read"
    129 REBOOTSTRAP_REQUIRED final "the client must start over from its bootstrap servers"
    130 STREAMS_INVALID_TOPOLOGY final "the topology is not allowed"
    131 STREAMS_INVALID_TOPOLOGY_EPOCH final "the epoch of the topology is not allowed"
    132 STREAMS_TOPOLOGY_FENCED final "the topology has been replaced"
    133 SHARE_SESSION_LIMIT_REACHED retriable "the broker holds as many share sessions as it may"
}

/// The code of the first entry; the others follow without a gap.
const FIRST_CODE: i16 = -1;

impl ErrorCode {
    /// The code that a response carries, whether Kafka 4.3 knows it or not.
    pub const fn from_code(code: i16) -> Self {
        Self(code)
    }

    /// The number on the wire.
    pub const fn code(self) -> i16 {
        self.0
    }

    /// Whether this is [`ErrorCode::NONE`].
    pub const fn is_none(self) -> bool {
        self.0 == Self::NONE.0
    }

    /// Whether this is anything but [`ErrorCode::NONE`].
    pub const fn is_error(self) -> bool {
        !self.is_none()
    }

    /// Kafka's name, or `UNRECOGNIZED` for a code that Kafka 4.3 does not have.
    pub fn name(self) -> &'static str {
        self.entry().map_or("UNRECOGNIZED", |entry| entry.name)
    }

    /// What happened, in a few words.
    pub fn message(self) -> &'static str {
        self.entry()
            .map_or("an error that this version does not know", |entry| {
                entry.message
            })
    }

    /// Whether Kafka's clients try again by themselves.
    pub fn is_retriable(self) -> bool {
        self.entry().is_some_and(|entry| entry.retriable)
    }

    fn entry(self) -> Option<&'static Entry> {
        let index = i32::from(self.0) - i32::from(FIRST_CODE);
        ENTRIES.get(usize::try_from(index).ok()?)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry() {
            Some(entry) => f.write_str(entry.name),
            None => write!(f, "UNRECOGNIZED({})", self.0),
        }
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<ErrorCode> for i16 {
    fn from(error: ErrorCode) -> Self {
        error.0
    }
}

impl From<i16> for ErrorCode {
    fn from(code: i16) -> Self {
        Self(code)
    }
}

#[cfg(test)]
mod tests;
