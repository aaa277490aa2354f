//! The committed offsets of groups: list, set, delete.

use std::collections::{BTreeMap, BTreeSet};

use highwater_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use highwater_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use highwater_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use highwater_protocol::messages::{
    GroupId, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetFetchRequest,
    OffsetFetchResponse,
};
use highwater_types::{LeaderEpoch, Offset, TopicPartition};

use super::leaders::{by_topic, named_partition};
use super::{Admin, Outcome, text_of, wire_text};
use crate::client::wire_topic;
use crate::code::Verdict as _;
use crate::{ClientError, ErrorCode, Refusal, Target};

/// An offset that a group has committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next record that the group would read.
    pub offset: Offset,
    /// The epoch in which the record before it was written, if the consumer said.
    pub leader_epoch: LeaderEpoch,
    /// What the consumer wrote beside it.
    pub metadata: String,
}

/// An offset to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetToCommit {
    /// The next record to read.
    pub offset: Offset,
    /// The epoch in which the record before it was written, if known.
    pub leader_epoch: LeaderEpoch,
    /// Text to keep beside it.
    pub metadata: Option<String>,
}

impl From<Offset> for OffsetToCommit {
    fn from(offset: Offset) -> Self {
        Self {
            offset,
            leader_epoch: LeaderEpoch::UNKNOWN,
            metadata: None,
        }
    }
}

/// Who commits: a member in its generation, or nobody in particular.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Committer {
    pub(crate) generation: i32,
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
}

impl Committer {
    /// An administrator; the coordinator takes that only while the group has no members.
    pub(crate) fn outsider() -> Self {
        Self {
            generation: -1,
            member_id: String::new(),
            instance_id: None,
        }
    }
}

/// Whether offsets that an open transaction is about to replace are waited for (KIP-447).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// What is committed now.
    Current,
    /// Nothing that is about to change.
    Stable,
}

/// From here on stable offsets can be asked for.
const FETCH_STABLE: i16 = 7;
/// From here on one request asks for several groups.
const FETCH_BATCHED: i16 = 8;

fn fetch_request(version: i16, group: &str, wanted: Wanted) -> OffsetFetchRequest {
    let stable = wanted == Wanted::Stable && version >= FETCH_STABLE;
    let request = OffsetFetchRequest::default().with_require_stable(stable);
    if version >= FETCH_BATCHED {
        let asked = OffsetFetchRequestGroup::default()
            .with_group_id(GroupId(wire_text(group)))
            .with_member_epoch(-1)
            .with_topics(None);
        request.with_groups(vec![asked])
    } else {
        request
            .with_group_id(GroupId(wire_text(group)))
            .with_topics(None)
    }
}

/// The fields of one partition's answer, which two versions hold in two types.
type FetchedOffset<'a> = (&'a str, i32, i64, i32, Option<String>, i16);

fn fetched_offsets(
    version: i16,
    response: &OffsetFetchResponse,
) -> Result<BTreeMap<TopicPartition, CommittedOffset>, ClientError> {
    let mut flat: Vec<FetchedOffset<'_>> = Vec::new();
    if version >= FETCH_BATCHED {
        let group = response
            .groups
            .first()
            .ok_or_else(|| ClientError::Malformed {
                what: "OffsetFetch",
                reason: "no entry for the group".to_owned(),
            })?;
        ClientError::check("OffsetFetch", group.error_code, None)?;
        for topic in &group.topics {
            flat.extend(topic.partitions.iter().map(|p| {
                let metadata = text_of(p.metadata.as_ref());
                let (offset, epoch) = (p.committed_offset, p.committed_leader_epoch);
                (
                    &*topic.name.0,
                    p.partition_index,
                    offset,
                    epoch,
                    metadata,
                    p.error_code,
                )
            }));
        }
    } else {
        ClientError::check("OffsetFetch", response.error_code, None)?;
        for topic in &response.topics {
            flat.extend(topic.partitions.iter().map(|p| {
                let metadata = text_of(p.metadata.as_ref());
                let (offset, epoch) = (p.committed_offset, p.committed_leader_epoch);
                (
                    &*topic.name.0,
                    p.partition_index,
                    offset,
                    epoch,
                    metadata,
                    p.error_code,
                )
            }));
        }
    }
    let mut committed = BTreeMap::new();
    for (topic, index, offset, epoch, metadata, code) in flat {
        let partition = named_partition(topic, index)?;
        ClientError::check(format!("committed offset of {partition}"), code, None)?;
        if offset >= 0 {
            let entry = CommittedOffset {
                offset: Offset(offset),
                leader_epoch: LeaderEpoch(epoch),
                metadata: metadata.unwrap_or_default(),
            };
            committed.insert(partition, entry);
        }
    }
    Ok(committed)
}

fn commit_request(
    group: &str,
    committer: &Committer,
    offsets: &BTreeMap<TopicPartition, OffsetToCommit>,
) -> OffsetCommitRequest {
    let entries = offsets.iter().map(|(p, o)| (p.clone(), o)).collect();
    let partition = |(index, offset): (i32, &OffsetToCommit)| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(index)
            .with_committed_offset(offset.offset.get())
            .with_committed_leader_epoch(offset.leader_epoch.get())
            .with_committed_metadata(Some(wire_text(offset.metadata.as_deref().unwrap_or(""))))
    };
    let topics = by_topic(entries).into_iter().map(|(name, partitions)| {
        OffsetCommitRequestTopic::default()
            .with_name(wire_topic(&name))
            .with_partitions(partitions.into_iter().map(partition).collect())
    });
    OffsetCommitRequest::default()
        .with_group_id(GroupId(wire_text(group)))
        .with_generation_id_or_member_epoch(committer.generation)
        .with_member_id(wire_text(&committer.member_id))
        .with_group_instance_id(committer.instance_id.as_deref().map(wire_text))
        .with_retention_time_ms(-1)
        .with_topics(topics.collect())
}

fn commit_outcomes(
    response: OffsetCommitResponse,
) -> Result<BTreeMap<TopicPartition, Outcome<()>>, ClientError> {
    let mut outcomes = BTreeMap::new();
    for topic in response.topics {
        for p in topic.partitions {
            if ErrorCode::from_code(p.error_code).is_stale_coordinator() {
                ClientError::check("OffsetCommit", p.error_code, None)?;
            }
            let partition = named_partition(&topic.name, p.partition_index)?;
            outcomes.insert(partition, Refusal::check(p.error_code, None));
        }
    }
    Ok(outcomes)
}

impl Admin {
    /// Every offset that a group has committed.
    pub async fn group_offsets(
        &self,
        group: &str,
    ) -> Result<BTreeMap<TopicPartition, CommittedOffset>, ClientError> {
        self.fetch_offsets(group, Wanted::Current).await
    }

    /// Every offset that a group has committed, once no open transaction is about to replace
    /// any: what a member starts from.
    pub(crate) async fn stable_group_offsets(
        &self,
        group: &str,
    ) -> Result<BTreeMap<TopicPartition, CommittedOffset>, ClientError> {
        self.fetch_offsets(group, Wanted::Stable).await
    }

    async fn fetch_offsets(
        &self,
        group: &str,
        wanted: Wanted,
    ) -> Result<BTreeMap<TopicPartition, CommittedOffset>, ClientError> {
        let target = Target::GroupCoordinator(group.to_owned());
        let build = |version| fetch_request(version, group, wanted);
        let check = |version, response| fetched_offsets(version, &response);
        self.client
            .ask(&target, self.client.deadline(), build, check)
            .await
    }

    /// Sets offsets of a group that has no members.
    pub async fn alter_group_offsets(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, OffsetToCommit>,
    ) -> Result<BTreeMap<TopicPartition, Outcome<()>>, ClientError> {
        self.commit_offsets(group, &Committer::outsider(), offsets)
            .await
    }

    pub(crate) async fn commit_offsets(
        &self,
        group: &str,
        committer: &Committer,
        offsets: &BTreeMap<TopicPartition, OffsetToCommit>,
    ) -> Result<BTreeMap<TopicPartition, Outcome<()>>, ClientError> {
        let target = Target::GroupCoordinator(group.to_owned());
        let build = |_| commit_request(group, committer, offsets);
        let check = |_, response| commit_outcomes(response);
        self.client
            .ask(&target, self.client.deadline(), build, check)
            .await
    }

    /// Forgets committed offsets of partitions that no member of the group reads.
    pub async fn delete_group_offsets(
        &self,
        group: &str,
        partitions: &BTreeSet<TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, Outcome<()>>, ClientError> {
        let target = Target::GroupCoordinator(group.to_owned());
        let build = |_| {
            let entries = partitions.iter().map(|p| (p.clone(), ())).collect();
            let partition = |(index, ()): (i32, ())| {
                OffsetDeleteRequestPartition::default().with_partition_index(index)
            };
            let topics = by_topic(entries).into_iter().map(|(name, partitions)| {
                OffsetDeleteRequestTopic::default()
                    .with_name(wire_topic(&name))
                    .with_partitions(partitions.into_iter().map(partition).collect())
            });
            OffsetDeleteRequest::default()
                .with_group_id(GroupId(wire_text(group)))
                .with_topics(topics.collect())
        };
        self.client
            .ask(&target, self.client.deadline(), build, |_, response| {
                ClientError::check("OffsetDelete", response.error_code, None)?;
                let mut outcomes = BTreeMap::new();
                for topic in response.topics {
                    for p in topic.partitions {
                        let partition = named_partition(&topic.name, p.partition_index)?;
                        outcomes.insert(partition, Refusal::check(p.error_code, None));
                    }
                }
                Ok(outcomes)
            })
            .await
    }
}
