//! The cluster itself: brokers, log directories, the metadata quorum.

use highwater_protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use highwater_protocol::messages::describe_quorum_response::ReplicaState;
use highwater_protocol::messages::{
    DescribeClusterRequest, DescribeLogDirsRequest, DescribeQuorumRequest, TopicName as WireName,
};
use highwater_types::{BrokerId, LeaderEpoch, Offset, TopicPartition};

use super::leaders::named_partition;
use super::{Admin, Outcome, text_of, wire_text};
use crate::{BrokerEndpoint, ClientError, Refusal, Target};

/// A broker, as the controller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedBroker {
    /// Where it listens.
    pub endpoint: BrokerEndpoint,
    /// Whether it is registered but not serving.
    pub is_fenced: bool,
}

/// The cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDescription {
    /// Its id.
    pub cluster_id: String,
    /// The controller, if one is known.
    pub controller: Option<BrokerId>,
    /// Its brokers by id.
    pub brokers: Vec<DescribedBroker>,
}

/// One replica in a log directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDirReplica {
    /// The partition.
    pub partition: TopicPartition,
    /// Bytes of its segments.
    pub size_bytes: i64,
    /// How far it is behind the high watermark.
    pub offset_lag: i64,
    /// Whether it is being moved into this directory.
    pub is_future: bool,
}

/// One log directory of one broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDirDescription {
    /// Its path at the broker.
    pub path: String,
    /// What is in it, or why it cannot be used.
    pub replicas: Outcome<Vec<LogDirReplica>>,
    /// Size of the volume, if the broker tells.
    pub total_bytes: Option<i64>,
    /// What is free of it, if the broker tells.
    pub usable_bytes: Option<i64>,
}

/// A voter or observer of the metadata quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumReplica {
    /// Its id.
    pub id: BrokerId,
    /// How far its log reaches.
    pub log_end_offset: Offset,
    /// When it last had everything, in milliseconds since 1970, if known.
    pub caught_up_at_ms: Option<i64>,
}

/// The metadata quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumDescription {
    /// Its leader, if there is one.
    pub leader: Option<BrokerId>,
    /// The epoch of that leadership.
    pub leader_epoch: LeaderEpoch,
    /// Up to where the log is committed.
    pub high_watermark: Offset,
    /// Those who vote.
    pub voters: Vec<QuorumReplica>,
    /// Those who only follow.
    pub observers: Vec<QuorumReplica>,
}

fn replicas(states: &[ReplicaState]) -> Vec<QuorumReplica> {
    let replica = |state: &ReplicaState| QuorumReplica {
        id: BrokerId(state.replica_id.0),
        log_end_offset: Offset(state.log_end_offset),
        caught_up_at_ms: (state.last_caught_up_timestamp >= 0)
            .then_some(state.last_caught_up_timestamp),
    };
    states.iter().map(replica).collect()
}

impl Admin {
    /// The brokers and the controller.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription, ClientError> {
        /// From here on fenced brokers can be listed.
        const FENCED: i16 = 2;
        let build = |version: i16| {
            DescribeClusterRequest::default()
                .with_endpoint_type(1)
                .with_include_fenced_brokers(version >= FENCED)
        };
        self.client
            .ask(
                &Target::Any,
                self.client.deadline(),
                build,
                |_, response| {
                    let message = response.error_message.as_deref();
                    ClientError::check("DescribeCluster", response.error_code, message)?;
                    let mut brokers: Vec<_> = response
                        .brokers
                        .iter()
                        .map(|broker| DescribedBroker {
                            endpoint: BrokerEndpoint {
                                id: BrokerId(broker.broker_id.0),
                                host: broker.host.to_string(),
                                port: broker.port,
                                rack: text_of(broker.rack.as_ref()),
                            },
                            is_fenced: broker.is_fenced,
                        })
                        .collect();
                    brokers.sort_by_key(|broker| broker.endpoint.id);
                    let controller = response.controller_id.0;
                    Ok(ClusterDescription {
                        cluster_id: response.cluster_id.to_string(),
                        controller: (controller >= 0).then_some(BrokerId(controller)),
                        brokers,
                    })
                },
            )
            .await
    }

    /// The log directories of one broker.
    pub async fn describe_log_dirs(
        &self,
        broker: BrokerId,
    ) -> Result<Vec<LogDirDescription>, ClientError> {
        let build = |_| DescribeLogDirsRequest::default().with_topics(None);
        let target = Target::Broker(broker);
        self.client
            .ask(&target, self.client.deadline(), build, |_, response| {
                ClientError::check("DescribeLogDirs", response.error_code, None)?;
                let mut dirs = Vec::new();
                for dir in response.results {
                    let mut found = Vec::new();
                    for topic in &dir.topics {
                        for p in &topic.partitions {
                            found.push(LogDirReplica {
                                partition: named_partition(&topic.name, p.partition_index)?,
                                size_bytes: p.partition_size,
                                offset_lag: p.offset_lag,
                                is_future: p.is_future_key,
                            });
                        }
                    }
                    found.sort_by(|a, b| a.partition.cmp(&b.partition));
                    dirs.push(LogDirDescription {
                        path: dir.log_dir.to_string(),
                        replicas: Refusal::check(dir.error_code, None).map(|()| found),
                        total_bytes: (dir.total_bytes >= 0).then_some(dir.total_bytes),
                        usable_bytes: (dir.usable_bytes >= 0).then_some(dir.usable_bytes),
                    });
                }
                Ok(dirs)
            })
            .await
    }

    /// The metadata quorum, where the cluster has one.
    pub async fn describe_quorum(&self) -> Result<QuorumDescription, ClientError> {
        let build = |_| {
            let topic = TopicData::default()
                .with_topic_name(WireName(wire_text("__cluster_metadata")))
                .with_partitions(vec![PartitionData::default().with_partition_index(0)]);
            DescribeQuorumRequest::default().with_topics(vec![topic])
        };
        self.client
            .ask(
                &Target::Any,
                self.client.deadline(),
                build,
                |_, response| {
                    let message = response.error_message.as_deref();
                    ClientError::check("DescribeQuorum", response.error_code, message)?;
                    let partition = response
                        .topics
                        .first()
                        .and_then(|topic| topic.partitions.first());
                    let partition = partition.ok_or_else(|| ClientError::Malformed {
                        what: "DescribeQuorum",
                        reason: "no entry for the metadata log".to_owned(),
                    })?;
                    let message = partition.error_message.as_deref();
                    ClientError::check("DescribeQuorum", partition.error_code, message)?;
                    let leader = partition.leader_id.0;
                    Ok(QuorumDescription {
                        leader: (leader >= 0).then_some(BrokerId(leader)),
                        leader_epoch: LeaderEpoch(partition.leader_epoch),
                        high_watermark: Offset(partition.high_watermark),
                        voters: replicas(&partition.current_voters),
                        observers: replicas(&partition.observers),
                    })
                },
            )
            .await
    }
}
