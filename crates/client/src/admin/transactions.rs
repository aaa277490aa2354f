//! Transactions: describe one, end one that hangs.

use std::collections::BTreeMap;

use highwater_protocol::messages::write_txn_markers_request::{
    WritableTxnMarker, WritableTxnMarkerTopic,
};
use highwater_protocol::messages::{
    DescribeTransactionsRequest, ProducerId as WireProducer, TransactionalId,
    WriteTxnMarkersRequest,
};
use highwater_types::{
    BrokerId, PartitionIndex, ProducerEpoch, ProducerId, TopicName, TopicPartition,
};

use super::leaders::{LeaderAnswer, named_partition};
use super::{Admin, Outcome, wire_text};
use crate::client::wire_topic;
use crate::code::Verdict as _;
use crate::{ClientError, Deadline, ErrorCode, Lane, Refusal, Target};

/// A transactional id with its transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionDescription {
    /// Its name.
    pub id: String,
    /// `Ongoing`, `CompleteCommit`, …
    pub state: String,
    /// The producer behind it.
    pub producer_id: ProducerId,
    /// Its incarnation.
    pub producer_epoch: ProducerEpoch,
    /// After how long its transactions are aborted, in milliseconds.
    pub timeout_ms: i32,
    /// When its transaction began, in milliseconds since 1970; `None` if none has.
    pub start_ms: Option<i64>,
    /// What its transaction has written to.
    pub partitions: Vec<TopicPartition>,
}

/// The end of a transaction on one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortMarker {
    /// Whose transaction.
    pub producer_id: ProducerId,
    /// Its incarnation.
    pub producer_epoch: ProducerEpoch,
    /// The epoch of the coordinator that is to be believed.
    pub coordinator_epoch: i32,
}

impl Admin {
    /// One transactional id.
    pub async fn describe_transaction(
        &self,
        id: &str,
    ) -> Result<Outcome<TransactionDescription>, ClientError> {
        let target = Target::TransactionCoordinator(id.to_owned());
        let build = |_| {
            let ids = vec![TransactionalId(wire_text(id))];
            DescribeTransactionsRequest::default().with_transactional_ids(ids)
        };
        self.client
            .ask(&target, self.client.deadline(), build, |_, response| {
                let states = response.transaction_states;
                let state = states
                    .into_iter()
                    .next()
                    .ok_or_else(|| ClientError::Malformed {
                        what: "DescribeTransactions",
                        reason: "no entry for the transactional id".to_owned(),
                    })?;
                if ErrorCode::from_code(state.error_code).is_stale_coordinator() {
                    ClientError::check("DescribeTransactions", state.error_code, None)?;
                }
                if let Err(e) = Refusal::check(state.error_code, None) {
                    return Ok(Err(e));
                }
                let mut partitions = Vec::new();
                for topic in &state.topics {
                    let Ok(name) = TopicName::new(topic.topic.as_str()) else {
                        continue;
                    };
                    let indexes = topic.partitions.iter().copied().map(PartitionIndex);
                    partitions
                        .extend(indexes.map(|index| TopicPartition::new(name.clone(), index)));
                }
                let start_ms = state.transaction_start_time_ms;
                Ok(Ok(TransactionDescription {
                    id: state.transactional_id.to_string(),
                    state: state.transaction_state.to_string(),
                    producer_id: ProducerId(state.producer_id.0),
                    producer_epoch: ProducerEpoch(state.producer_epoch),
                    timeout_ms: state.transaction_timeout_ms,
                    start_ms: (start_ms >= 0).then_some(start_ms),
                    partitions,
                }))
            })
            .await
    }

    /// Aborts what a producer has open on one partition, whatever its coordinator thinks.
    pub async fn write_abort_marker(
        &self,
        partition: &TopicPartition,
        marker: AbortMarker,
    ) -> Result<Outcome<()>, ClientError> {
        let deadline = self.client.deadline();
        let wanted = BTreeMap::from([(partition.clone(), marker)]);
        let send = |leader, entries| self.leader_markers(leader, entries, deadline);
        let mut outcomes = self.ask_leaders(deadline, wanted, send).await?;
        Ok(outcomes.remove(partition).unwrap_or(Ok(())))
    }

    async fn leader_markers(
        &self,
        leader: BrokerId,
        entries: Vec<(TopicPartition, AbortMarker)>,
        deadline: Deadline,
    ) -> LeaderAnswer<()> {
        let build = |_| {
            let markers = entries.iter().map(|(partition, marker)| {
                let topic = WritableTxnMarkerTopic::default()
                    .with_name(wire_topic(&partition.topic))
                    .with_partition_indexes(vec![partition.partition.get()]);
                WritableTxnMarker::default()
                    .with_producer_id(WireProducer(marker.producer_id.get()))
                    .with_producer_epoch(marker.producer_epoch.get())
                    .with_transaction_result(false)
                    .with_coordinator_epoch(marker.coordinator_epoch)
                    .with_topics(vec![topic])
            });
            WriteTxnMarkersRequest::default().with_markers(markers.collect())
        };
        let limit = deadline.at_most(self.client.options().request_timeout);
        let target = Target::Broker(leader);
        let (_, response) = self
            .client
            .call(&target, Lane::Prompt, limit, build)
            .await?;
        let mut found = Vec::new();
        for topic in response
            .markers
            .into_iter()
            .flat_map(|marker| marker.topics)
        {
            for p in topic.partitions {
                let partition = named_partition(&topic.name, p.partition_index)?;
                found.push((partition, Refusal::check(p.error_code, None)));
            }
        }
        Ok(found)
    }
}
