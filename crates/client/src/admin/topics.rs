//! Topics: create, list, describe, delete, add partitions.

use std::collections::BTreeMap;

use highwater_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use highwater_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use highwater_protocol::messages::delete_topics_request::DeleteTopicState;
use highwater_protocol::messages::{
    BrokerId as WireBrokerId, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
};
use highwater_types::{BrokerId, TopicId, TopicName};

use super::{Admin, Outcome, wire_text};
use crate::client::wire_topic;
use crate::code::Verdict as _;
use crate::{AutoCreate, ClientError, ErrorCode, Refusal, Target, TopicMetadata};

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: TopicName,
    /// How many partitions; `None` takes the broker's default.
    pub partitions: Option<i32>,
    /// How many replicas; `None` takes the broker's default.
    pub replication_factor: Option<i16>,
    /// The replicas of each partition, instead of the two counts above.
    pub assignments: Vec<Vec<BrokerId>>,
    /// Configs other than the defaults.
    pub configs: BTreeMap<String, String>,
}

impl NewTopic {
    /// A topic with the broker's defaults.
    pub fn new(name: TopicName) -> Self {
        Self {
            name,
            partitions: None,
            replication_factor: None,
            assignments: Vec::new(),
            configs: BTreeMap::new(),
        }
    }
}

/// A topic as it was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its id; zero from a broker that does not tell.
    pub id: TopicId,
    /// Its partitions, if the broker tells.
    pub partitions: Option<i32>,
    /// Its replicas, if the broker tells.
    pub replication_factor: Option<i16>,
}

/// The protocol writes what it does not know as −1.
fn positive<T: PartialOrd + From<i8>>(value: T) -> Option<T> {
    (value > T::from(0)).then_some(value)
}

/// Metadata has no room for words, so the most frequent refusal gets ours.
fn refusal(code: ErrorCode) -> Refusal {
    let unknown = code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    Refusal {
        code,
        message: unknown.then(|| "there is no such topic".to_owned()),
    }
}

impl Admin {
    /// Creates topics; with `validate_only` the broker only says whether it would.
    ///
    /// If the answer to a first attempt is lost, the second finds the topic and says
    /// TOPIC_ALREADY_EXISTS.
    pub async fn create_topics(
        &self,
        topics: &[NewTopic],
        validate_only: bool,
    ) -> Result<BTreeMap<TopicName, Outcome<CreatedTopic>>, ClientError> {
        let build = |_| {
            CreateTopicsRequest::default()
                .with_topics(topics.iter().map(creatable).collect())
                .with_timeout_ms(self.broker_timeout_ms())
                .with_validate_only(validate_only)
        };
        self.client
            .ask(
                &Target::Controller,
                self.client.deadline(),
                build,
                |_, response| {
                    let mut outcomes = BTreeMap::new();
                    for topic in response.topics {
                        retry_elsewhere("CreateTopics", topic.error_code)?;
                        let outcome =
                            Refusal::check(topic.error_code, topic.error_message.as_deref());
                        let created = CreatedTopic {
                            id: TopicId(topic.topic_id.into_bytes()),
                            partitions: positive(topic.num_partitions),
                            replication_factor: positive(topic.replication_factor),
                        };
                        outcomes.insert(TopicName::new(&topic.name)?, outcome.map(|()| created));
                    }
                    Ok(outcomes)
                },
            )
            .await
    }

    /// The metadata of every topic.
    pub async fn list_topics(&self) -> Result<BTreeMap<TopicName, TopicMetadata>, ClientError> {
        let fetch = || self.client.fetch_metadata(None, AutoCreate::No);
        Ok(self
            .client
            .retrying("Metadata", self.client.deadline(), fetch)
            .await?
            .topics)
    }

    /// The metadata of the named topics, fresh from a broker.
    pub async fn describe_topics(
        &self,
        names: &[TopicName],
    ) -> Result<BTreeMap<TopicName, Outcome<TopicMetadata>>, ClientError> {
        let fetch = || self.client.fetch_metadata(Some(names), AutoCreate::No);
        let deadline = self.client.deadline();
        let mut found = self
            .client
            .retrying("Metadata", deadline, fetch)
            .await?
            .topics;
        let outcome = |name: &TopicName| match found.remove(name) {
            Some(topic) => topic.code.check().map(|()| topic).map_err(refusal),
            None => Err(refusal(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)),
        };
        let outcomes: Vec<_> = names.iter().map(outcome).collect();
        Ok(names.iter().cloned().zip(outcomes).collect())
    }

    /// Deletes topics with everything in them.
    pub async fn delete_topics(
        &self,
        names: &[TopicName],
    ) -> Result<BTreeMap<TopicName, Outcome<()>>, ClientError> {
        /// From here on topics are named by a list of structures.
        const STRUCTURED: i16 = 6;
        let build = |version: i16| {
            let request = DeleteTopicsRequest::default().with_timeout_ms(self.broker_timeout_ms());
            if version >= STRUCTURED {
                let state = |name| DeleteTopicState::default().with_name(Some(wire_topic(name)));
                request.with_topics(names.iter().map(state).collect())
            } else {
                request.with_topic_names(names.iter().map(wire_topic).collect())
            }
        };
        self.client
            .ask(
                &Target::Controller,
                self.client.deadline(),
                build,
                |_, response| {
                    let mut outcomes = BTreeMap::new();
                    for topic in response.responses {
                        retry_elsewhere("DeleteTopics", topic.error_code)?;
                        let Some(name) = topic.name else { continue };
                        let name = TopicName::new(&name)?;
                        self.client.forget_topic(&name);
                        let outcome =
                            Refusal::check(topic.error_code, topic.error_message.as_deref());
                        outcomes.insert(name, outcome);
                    }
                    Ok(outcomes)
                },
            )
            .await
    }

    /// Raises the number of partitions of a topic to `count`; `assignments` places the new
    /// ones, and left empty lets the controller place them.
    pub async fn add_partitions(
        &self,
        name: &TopicName,
        count: i32,
        assignments: &[Vec<BrokerId>],
        validate_only: bool,
    ) -> Result<Outcome<()>, ClientError> {
        let build = |_| {
            let placed = |ids: &Vec<BrokerId>| {
                CreatePartitionsAssignment::default().with_broker_ids(wire_brokers(ids))
            };
            let assignments =
                (!assignments.is_empty()).then(|| assignments.iter().map(placed).collect());
            let topic = CreatePartitionsTopic::default()
                .with_name(wire_topic(name))
                .with_count(count)
                .with_assignments(assignments);
            CreatePartitionsRequest::default()
                .with_topics(vec![topic])
                .with_timeout_ms(self.broker_timeout_ms())
                .with_validate_only(validate_only)
        };
        self.client
            .ask(
                &Target::Controller,
                self.client.deadline(),
                build,
                |_, response| {
                    let result =
                        response
                            .results
                            .first()
                            .ok_or_else(|| ClientError::Malformed {
                                what: "CreatePartitions",
                                reason: "no entry for the topic".to_owned(),
                            })?;
                    retry_elsewhere("CreatePartitions", result.error_code)?;
                    self.client.forget_topic(name);
                    Ok(Refusal::check(
                        result.error_code,
                        result.error_message.as_deref(),
                    ))
                },
            )
            .await
    }
}

/// NOT_CONTROLLER in one entry means that the whole request went to the wrong broker.
fn retry_elsewhere(what: &str, code: i16) -> Result<(), ClientError> {
    if ErrorCode::from_code(code) == ErrorCode::NOT_CONTROLLER {
        return ClientError::check(what, code, None);
    }
    Ok(())
}

fn wire_brokers(ids: &[BrokerId]) -> Vec<WireBrokerId> {
    ids.iter().map(|id| WireBrokerId(id.get())).collect()
}

fn creatable(topic: &NewTopic) -> CreatableTopic {
    let assignments = topic.assignments.iter().enumerate().map(|(index, ids)| {
        CreatableReplicaAssignment::default()
            .with_partition_index(index as i32)
            .with_broker_ids(wire_brokers(ids))
    });
    let configs = topic.configs.iter().map(|(name, value)| {
        CreatableTopicConfig::default()
            .with_name(wire_text(name))
            .with_value(Some(wire_text(value)))
    });
    CreatableTopic::default()
        .with_name(wire_topic(&topic.name))
        .with_num_partitions(topic.partitions.unwrap_or(-1))
        .with_replication_factor(topic.replication_factor.unwrap_or(-1))
        .with_assignments(assignments.collect())
        .with_configs(configs.collect())
}
