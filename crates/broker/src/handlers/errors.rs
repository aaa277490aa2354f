//! The one place where errors of the crates below become codes of the wire.

use std::fmt::Display;

use highwater_groups::GroupError;
use highwater_metadata::{
    AlterConfigsError, CreatePartitionsError, CreateTopicError, DeleteTopicError,
    ElectLeadersError, QuotaError, ReassignmentError, UpdateFeaturesError,
};
use highwater_protocol::ErrorCode;
use highwater_replication::ReplicationError;
use highwater_storage::{AppendError, ReadError, StorageError};
use highwater_transactions::TransactionError;

use crate::data::PartitionError;
use crate::metadata_store::MetadataError;

/// The code of an error of a partition.
pub(crate) fn error_code(error: &PartitionError) -> ErrorCode {
    match error {
        PartitionError::Replication(error) => replication(error),
        PartitionError::Append(error) => append(error),
        PartitionError::Read(error) => read(error),
        PartitionError::Storage(error) => storage(error),
    }
}

fn replication(error: &ReplicationError) -> ErrorCode {
    match error {
        ReplicationError::NotLeader | ReplicationError::NotReplica(_) => {
            ErrorCode::NOT_LEADER_OR_FOLLOWER
        }
        ReplicationError::FencedLeaderEpoch { .. } => ErrorCode::FENCED_LEADER_EPOCH,
        ReplicationError::UnknownLeaderEpoch { .. } => ErrorCode::UNKNOWN_LEADER_EPOCH,
        ReplicationError::NotEnoughReplicas { .. } => ErrorCode::NOT_ENOUGH_REPLICAS,
        ReplicationError::NotEnoughReplicasAfterAppend { .. } => {
            ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
        }
        ReplicationError::OffsetOutOfRange(_) => ErrorCode::OFFSET_OUT_OF_RANGE,
    }
}

fn append(error: &AppendError) -> ErrorCode {
    match error {
        AppendError::TooLarge { .. } => ErrorCode::RECORD_LIST_TOO_LARGE,
        AppendError::Malformed(_) => ErrorCode::CORRUPT_MESSAGE,
        AppendError::OutOfOrderSequence { .. } => ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
        AppendError::InvalidProducerEpoch { .. } => ErrorCode::INVALID_PRODUCER_EPOCH,
        AppendError::InvalidTransactionState { .. } | AppendError::UnverifiedTransaction { .. } => {
            ErrorCode::INVALID_TXN_STATE
        }
        AppendError::CoordinatorFenced { .. } => ErrorCode::TRANSACTION_COORDINATOR_FENCED,
        AppendError::OffsetOutOfOrder { .. } => ErrorCode::UNKNOWN_SERVER_ERROR,
        AppendError::Storage(error) => storage(error),
    }
}

fn read(error: &ReadError) -> ErrorCode {
    match error {
        ReadError::OutOfRange { .. } => ErrorCode::OFFSET_OUT_OF_RANGE,
        ReadError::Corrupt { .. } => ErrorCode::CORRUPT_MESSAGE,
        ReadError::Storage(error) => storage(error),
    }
}

/// A log that was deleted under a request is no fault of the disk: the client shall look where
/// the partition is now.
fn storage(error: &StorageError) -> ErrorCode {
    match error {
        StorageError::Deleted(_) => ErrorCode::NOT_LEADER_OR_FOLLOWER,
        _ => ErrorCode::KAFKA_STORAGE_ERROR,
    }
}

/// The code of an error of a group.
pub(crate) fn group(error: GroupError) -> ErrorCode {
    match error {
        GroupError::InvalidGroupId => ErrorCode::INVALID_GROUP_ID,
        GroupError::InvalidRequest => ErrorCode::INVALID_REQUEST,
        GroupError::InvalidSessionTimeout => ErrorCode::INVALID_SESSION_TIMEOUT,
        GroupError::InconsistentGroupProtocol => ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
        GroupError::UnknownMemberId => ErrorCode::UNKNOWN_MEMBER_ID,
        GroupError::MemberIdRequired => ErrorCode::MEMBER_ID_REQUIRED,
        GroupError::FencedInstanceId => ErrorCode::FENCED_INSTANCE_ID,
        GroupError::GroupMaxSizeReached => ErrorCode::GROUP_MAX_SIZE_REACHED,
        GroupError::IllegalGeneration => ErrorCode::ILLEGAL_GENERATION,
        GroupError::RebalanceInProgress => ErrorCode::REBALANCE_IN_PROGRESS,
        GroupError::GroupIdNotFound => ErrorCode::GROUP_ID_NOT_FOUND,
        GroupError::NonEmptyGroup => ErrorCode::NON_EMPTY_GROUP,
        GroupError::GroupSubscribedToTopic => ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC,
        GroupError::UnstableOffsetCommit => ErrorCode::UNSTABLE_OFFSET_COMMIT,
        GroupError::OffsetMetadataTooLarge => ErrorCode::OFFSET_METADATA_TOO_LARGE,
    }
}

/// The code of a topic that was not created.
pub(crate) fn create_topic(error: &CreateTopicError) -> ErrorCode {
    match error {
        CreateTopicError::InvalidName(_)
        | CreateTopicError::Prohibited(_)
        | CreateTopicError::Collides { .. } => ErrorCode::INVALID_TOPIC_EXCEPTION,
        CreateTopicError::DuplicateInRequest(_) | CreateTopicError::AssignmentAndCount(_) => {
            ErrorCode::INVALID_REQUEST
        }
        CreateTopicError::AlreadyExists(_) => ErrorCode::TOPIC_ALREADY_EXISTS,
        CreateTopicError::InvalidReplicationFactor | CreateTopicError::Placement(_) => {
            ErrorCode::INVALID_REPLICATION_FACTOR
        }
        CreateTopicError::InvalidPartitions | CreateTopicError::TooManyPartitions(_) => {
            ErrorCode::INVALID_PARTITIONS
        }
        CreateTopicError::ClusterFull { .. } => ErrorCode::POLICY_VIOLATION,
        CreateTopicError::Assignment(_) => ErrorCode::INVALID_REPLICA_ASSIGNMENT,
        CreateTopicError::InvalidConfig(_) => ErrorCode::INVALID_CONFIG,
        CreateTopicError::NoTopicId => ErrorCode::UNKNOWN_SERVER_ERROR,
    }
}

/// The code of a topic that was not deleted.
pub(crate) fn delete_topic(error: &DeleteTopicError) -> ErrorCode {
    match error {
        DeleteTopicError::UnknownName(_) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        DeleteTopicError::UnknownId(_) => ErrorCode::UNKNOWN_TOPIC_ID,
        DeleteTopicError::DuplicateInRequest => ErrorCode::INVALID_REQUEST,
    }
}

/// The code of a topic that got no new partitions.
pub(crate) fn create_partitions(error: &CreatePartitionsError) -> ErrorCode {
    match error {
        CreatePartitionsError::UnknownTopic(_) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        CreatePartitionsError::DuplicateInRequest(_) => ErrorCode::INVALID_REQUEST,
        CreatePartitionsError::AlreadySo(_)
        | CreatePartitionsError::Internal(_)
        | CreatePartitionsError::NotAnIncrease { .. }
        | CreatePartitionsError::TooManyPartitions(_) => ErrorCode::INVALID_PARTITIONS,
        CreatePartitionsError::ClusterFull { .. } => ErrorCode::POLICY_VIOLATION,
        CreatePartitionsError::Placement(_) => ErrorCode::INVALID_REPLICATION_FACTOR,
        CreatePartitionsError::Assignment(_) => ErrorCode::INVALID_REPLICA_ASSIGNMENT,
    }
}

/// The code of a configuration that was not changed.
pub(crate) fn alter_configs(error: &AlterConfigsError) -> ErrorCode {
    match error {
        AlterConfigsError::DuplicateResource
        | AlterConfigsError::DuplicateKey(_)
        | AlterConfigsError::InvalidBrokerId(_)
        | AlterConfigsError::UnknownBroker(_)
        | AlterConfigsError::EmptyName(_)
        | AlterConfigsError::Inapplicable(_)
        | AlterConfigsError::MissingValue(_) => ErrorCode::INVALID_REQUEST,
        AlterConfigsError::UnknownTopic(_) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        AlterConfigsError::InvalidTopicName(_) => ErrorCode::INVALID_TOPIC_EXCEPTION,
        AlterConfigsError::NotAList(_) | AlterConfigsError::InvalidConfig(_) => {
            ErrorCode::INVALID_CONFIG
        }
    }
}

/// The code of an election that was not held.
pub(crate) fn election(error: &ElectLeadersError) -> ErrorCode {
    match error {
        ElectLeadersError::UnknownTopic(_) | ElectLeadersError::UnknownPartition(..) => {
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        }
        ElectLeadersError::NotNeeded => ErrorCode::ELECTION_NOT_NEEDED,
        ElectLeadersError::PreferredLeaderNotAvailable => ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE,
        ElectLeadersError::EligibleLeadersNotAvailable => ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE,
    }
}

/// The code of a reassignment that was refused.
pub(crate) fn reassignment(error: &ReassignmentError) -> ErrorCode {
    match error {
        ReassignmentError::UnknownPartition(..) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ReassignmentError::NotInProgress => ErrorCode::NO_REASSIGNMENT_IN_PROGRESS,
        ReassignmentError::Assignment(_) | ReassignmentError::RevertUnclean => {
            ErrorCode::INVALID_REPLICA_ASSIGNMENT
        }
    }
}

/// The code of a quota that was not set. Every fault is the request's.
pub(crate) fn quota(_: &QuotaError) -> ErrorCode {
    ErrorCode::INVALID_REQUEST
}

/// The code of a feature that was not updated.
pub(crate) fn feature(error: &UpdateFeaturesError) -> ErrorCode {
    match error {
        UpdateFeaturesError::DuplicateFeature(_) => ErrorCode::INVALID_REQUEST,
        UpdateFeaturesError::InvalidLevel { .. } => ErrorCode::INVALID_UPDATE_VERSION,
        UpdateFeaturesError::Together => ErrorCode::FEATURE_UPDATE_FAILED,
    }
}

/// Code and message of what became of each thing that a request asked the controller for. If
/// nothing could be decided at all, every one of the `asked` is answered so; `what` says in the
/// log what was wanted.
pub(crate) fn outcomes<E: Display>(
    what: &'static str,
    submitted: Result<Vec<Result<(), E>>, MetadataError>,
    asked: usize,
    code: impl Fn(&E) -> ErrorCode,
) -> Vec<(ErrorCode, Option<String>)> {
    match submitted {
        Ok(done) => done
            .into_iter()
            .map(|outcome| match outcome {
                Ok(()) => (ErrorCode::NONE, None),
                Err(error) => (code(&error), Some(error.to_string())),
            })
            .collect(),
        Err(error) => {
            tracing::error!(what, %error, "the metadata could not be changed");
            vec![(ErrorCode::KAFKA_STORAGE_ERROR, None); asked]
        }
    }
}

/// The code of an error of the coordinator of transactions.
pub(crate) fn transaction(error: TransactionError) -> ErrorCode {
    match error {
        TransactionError::InvalidRequest => ErrorCode::INVALID_REQUEST,
        TransactionError::InvalidTransactionTimeout => ErrorCode::INVALID_TRANSACTION_TIMEOUT,
        TransactionError::InvalidProducerIdMapping => ErrorCode::INVALID_PRODUCER_ID_MAPPING,
        TransactionError::ProducerFenced => ErrorCode::PRODUCER_FENCED,
        TransactionError::ConcurrentTransactions => ErrorCode::CONCURRENT_TRANSACTIONS,
        TransactionError::InvalidTxnState => ErrorCode::INVALID_TXN_STATE,
        TransactionError::TransactionAbortable => ErrorCode::TRANSACTION_ABORTABLE,
        TransactionError::TransactionalIdNotFound => ErrorCode::TRANSACTIONAL_ID_NOT_FOUND,
        TransactionError::CoordinatorLoadInProgress => ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
    }
}

#[cfg(test)]
mod tests {
    use highwater_types::{PartitionIndex, TopicName, TopicPartition};

    use super::*;

    #[test]
    fn a_log_that_was_deleted_is_no_failed_disk() {
        let name = TopicPartition::new(TopicName::new("t").unwrap(), PartitionIndex(0));
        let deleted = || StorageError::Deleted(name.clone());
        let errors: [PartitionError; 3] = [
            deleted().into(),
            AppendError::from(deleted()).into(),
            ReadError::from(deleted()).into(),
        ];
        for error in errors {
            assert_eq!(error_code(&error), ErrorCode::NOT_LEADER_OR_FOLLOWER);
        }
        let closed = StorageError::Closed(name);
        assert_eq!(error_code(&closed.into()), ErrorCode::KAFKA_STORAGE_ERROR);
    }
}
