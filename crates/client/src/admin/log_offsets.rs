//! Offsets of logs: find them by time or by end, and trim what lies before them.

use std::collections::BTreeMap;

use highwater_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use highwater_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use highwater_protocol::messages::{
    BrokerId as WireBrokerId, DeleteRecordsRequest, ListOffsetsRequest,
};
use highwater_types::{BrokerId, LeaderEpoch, Offset, TopicPartition};

use super::leaders::{LeaderAnswer, by_topic, named_partition};
use super::{Admin, Outcome};
use crate::client::wire_topic;
use crate::{ClientError, Deadline, Lane, Refusal, Target};

/// Which offset of a log is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first one that can be read.
    Earliest,
    /// The one that the next record will get, as far as the isolation level sees.
    Latest,
    /// The record with the largest timestamp (KIP-734).
    MaxTimestamp,
    /// The first record at or after that many milliseconds since 1970.
    AtTime(i64),
}

impl OffsetSpec {
    fn wire(self) -> i64 {
        match self {
            Self::Latest => -1,
            Self::Earliest => -2,
            Self::MaxTimestamp => -3,
            Self::AtTime(timestamp_ms) => timestamp_ms,
        }
    }
}

/// What a reader may see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IsolationLevel {
    /// Everything up to the high watermark.
    #[default]
    ReadUncommitted,
    /// Nothing of a transaction that is open or was aborted.
    ReadCommitted,
}

impl IsolationLevel {
    pub(crate) fn wire(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// An offset that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundOffset {
    /// The offset; `None` if no record is that young.
    pub offset: Option<Offset>,
    /// The timestamp of the record, where one was looked up.
    pub timestamp_ms: Option<i64>,
    /// The epoch in which it was written, if the broker tells.
    pub leader_epoch: LeaderEpoch,
}

impl Admin {
    /// Looks up one offset per partition.
    pub async fn list_offsets(
        &self,
        wanted: BTreeMap<TopicPartition, OffsetSpec>,
        isolation: IsolationLevel,
    ) -> Result<BTreeMap<TopicPartition, Outcome<FoundOffset>>, ClientError> {
        let deadline = self.client.deadline();
        let send = |leader, entries| self.leader_offsets(leader, entries, isolation, deadline);
        self.ask_leaders(deadline, wanted, send).await
    }

    async fn leader_offsets(
        &self,
        leader: BrokerId,
        entries: Vec<(TopicPartition, OffsetSpec)>,
        isolation: IsolationLevel,
        deadline: Deadline,
    ) -> LeaderAnswer<FoundOffset> {
        let build = |_| {
            let partition = |(index, spec): (i32, OffsetSpec)| {
                ListOffsetsPartition::default()
                    .with_partition_index(index)
                    .with_current_leader_epoch(LeaderEpoch::UNKNOWN.get())
                    .with_timestamp(spec.wire())
            };
            let topics = by_topic(entries).into_iter().map(|(name, partitions)| {
                ListOffsetsTopic::default()
                    .with_name(wire_topic(&name))
                    .with_partitions(partitions.into_iter().map(partition).collect())
            });
            ListOffsetsRequest::default()
                .with_replica_id(WireBrokerId(BrokerId::NONE.get()))
                .with_isolation_level(isolation.wire())
                .with_topics(topics.collect())
                .with_timeout_ms(self.broker_timeout_ms())
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
                let outcome = Refusal::check(p.error_code, None).map(|()| FoundOffset {
                    offset: (p.offset >= 0).then_some(Offset(p.offset)),
                    timestamp_ms: (p.timestamp >= 0).then_some(p.timestamp),
                    leader_epoch: LeaderEpoch(p.leader_epoch),
                });
                found.push((partition, outcome));
            }
        }
        Ok(found)
    }

    /// Trims logs: records before the given offset are gone for good. `None` trims up to the
    /// high watermark. Gives the new start of each log.
    pub async fn delete_records(
        &self,
        wanted: BTreeMap<TopicPartition, Option<Offset>>,
    ) -> Result<BTreeMap<TopicPartition, Outcome<Offset>>, ClientError> {
        let deadline = self.client.deadline();
        let send = |leader, entries| self.leader_trim(leader, entries, deadline);
        self.ask_leaders(deadline, wanted, send).await
    }

    async fn leader_trim(
        &self,
        leader: BrokerId,
        entries: Vec<(TopicPartition, Option<Offset>)>,
        deadline: Deadline,
    ) -> LeaderAnswer<Offset> {
        let build = |_| {
            let partition = |(index, before): (i32, Option<Offset>)| {
                DeleteRecordsPartition::default()
                    .with_partition_index(index)
                    .with_offset(before.unwrap_or(Offset::UNKNOWN).get())
            };
            let topics = by_topic(entries).into_iter().map(|(name, partitions)| {
                DeleteRecordsTopic::default()
                    .with_name(wire_topic(&name))
                    .with_partitions(partitions.into_iter().map(partition).collect())
            });
            DeleteRecordsRequest::default()
                .with_topics(topics.collect())
                .with_timeout_ms(self.broker_timeout_ms())
        };
        let limit = deadline.at_most(self.client.options().request_timeout);
        let target = Target::Broker(leader);
        let (_, response) = self
            .client
            .call(&target, Lane::Prompt, limit, build)
            .await?;
        let mut trimmed = Vec::new();
        for topic in response.topics {
            for p in topic.partitions {
                let partition = named_partition(&topic.name, p.partition_index)?;
                let outcome = Refusal::check(p.error_code, None);
                trimmed.push((partition, outcome.map(|()| Offset(p.low_watermark))));
            }
        }
        Ok(trimmed)
    }
}
