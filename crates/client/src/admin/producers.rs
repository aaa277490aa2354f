//! Producers and transactions, as the brokers remember them.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use highwater_protocol::messages::describe_producers_request::TopicRequest;
use highwater_protocol::messages::{
    DescribeProducersRequest, ListTransactionsRequest, ListTransactionsResponse,
};
use highwater_types::{BrokerId, Offset, ProducerId, TopicPartition};

use super::leaders::{LeaderAnswer, by_topic, named_partition};
use super::{Admin, Outcome};
use crate::client::wire_topic;
use crate::{AutoCreate, ClientError, Deadline, Lane, Refusal, Target};

/// A producer that a partition remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveProducer {
    /// Its id.
    pub producer_id: ProducerId,
    /// Its incarnation.
    pub producer_epoch: i32,
    /// The sequence number of its last record.
    pub last_sequence: i32,
    /// When it last wrote, in milliseconds since 1970.
    pub last_timestamp_ms: i64,
    /// The epoch of the coordinator that ended its last transaction, −1 for none.
    pub coordinator_epoch: i32,
    /// Where its open transaction begins in this log, if one is open.
    pub transaction_start: Option<Offset>,
}

/// A transaction, as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionListing {
    /// The transactional id.
    pub id: String,
    /// The producer behind it.
    pub producer_id: ProducerId,
    /// `Ongoing`, `CompleteCommit`, …
    pub state: String,
}

impl Admin {
    /// The producers that each partition remembers.
    pub async fn describe_producers(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, Outcome<Vec<ActiveProducer>>>, ClientError> {
        let deadline = self.client.deadline();
        let wanted = partitions
            .into_iter()
            .map(|partition| (partition, ()))
            .collect();
        let send = |leader, entries| self.leader_producers(leader, entries, deadline);
        self.ask_leaders(deadline, wanted, send).await
    }

    async fn leader_producers(
        &self,
        leader: BrokerId,
        entries: Vec<(TopicPartition, ())>,
        deadline: Deadline,
    ) -> LeaderAnswer<Vec<ActiveProducer>> {
        let build = |_| {
            let topics = by_topic(entries).into_iter().map(|(name, partitions)| {
                TopicRequest::default()
                    .with_name(wire_topic(&name))
                    .with_partition_indexes(partitions.into_iter().map(|(i, ())| i).collect())
            });
            DescribeProducersRequest::default().with_topics(topics.collect())
        };
        let limit = deadline.at_most(self.client.options().request_timeout);
        let target = Target::Broker(leader);
        let (_, response) = self
            .client
            .call(&target, Lane::Prompt, limit, build)
            .await?;
        let mut found = Vec::new();
        for topic in response.topics {
            for p in topic.partitions {
                let partition = named_partition(&topic.name, p.partition_index)?;
                let producers = p.active_producers.iter().map(|producer| ActiveProducer {
                    producer_id: ProducerId(producer.producer_id.0),
                    producer_epoch: producer.producer_epoch,
                    last_sequence: producer.last_sequence,
                    last_timestamp_ms: producer.last_timestamp,
                    coordinator_epoch: producer.coordinator_epoch,
                    transaction_start: (producer.current_txn_start_offset >= 0)
                        .then_some(Offset(producer.current_txn_start_offset)),
                });
                let outcome = Refusal::check(p.error_code, p.error_message.as_deref());
                found.push((partition, outcome.map(|()| producers.collect())));
            }
        }
        Ok(found)
    }

    /// Every transaction that a coordinator knows, by id.
    pub async fn list_transactions(&self) -> Result<Vec<TransactionListing>, ClientError> {
        let deadline = self.client.deadline();
        let fetch = || self.client.fetch_metadata(Some(&[]), AutoCreate::No);
        let cluster = self.client.retrying("Metadata", deadline, fetch).await?;
        let asked = cluster.brokers.keys().map(|id| {
            let target = Target::Broker(*id);
            async move {
                let build = |_| ListTransactionsRequest::default().with_duration_filter(-1);
                let check = |_, response: ListTransactionsResponse| {
                    ClientError::check("ListTransactions", response.error_code, None)?;
                    Ok(response.transaction_states)
                };
                self.client.ask(&target, deadline, build, check).await
            }
        });
        let mut listed = Vec::new();
        for answer in join_all(asked).await {
            listed.extend(answer?.into_iter().map(|transaction| TransactionListing {
                id: transaction.transactional_id.to_string(),
                producer_id: ProducerId(transaction.producer_id.0),
                state: transaction.transaction_state.to_string(),
            }));
        }
        listed.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(listed)
    }
}
