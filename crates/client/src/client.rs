//! A cluster as one counterpart: knows its brokers and leaders, and sends each request where
//! it belongs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use highwater_protocol::StrBytes;
use highwater_protocol::messages::{
    FindCoordinatorRequest, MetadataRequest, TopicName as WireTopicName,
    metadata_request::MetadataRequestTopic,
};
use highwater_types::{BrokerId, LeaderEpoch, TopicId, TopicName, TopicPartition};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout};

use crate::backoff::random;
use crate::code::Verdict as _;
use crate::connection::Connection;
use crate::metadata::{ClusterMetadata, TopicMetadata};
use crate::options::ClientOptions;
use crate::pool::{Lane, Pool};
use crate::{Api, ClientError, Deadline, ErrorCode};

/// Which broker a request is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Whichever answers.
    Any,
    /// This broker.
    Broker(BrokerId),
    /// The controller, or the broker that forwards to it.
    Controller,
    /// The coordinator of a group.
    GroupCoordinator(String),
    /// The coordinator of a transactional id.
    TransactionCoordinator(String),
}

/// What is cached about the cluster.
#[derive(Default)]
struct Cache {
    cluster: ClusterMetadata,
    brokers_fetched: Option<Instant>,
    topics_fetched: HashMap<TopicName, Instant>,
    coordinators: HashMap<(i8, String), BrokerId>,
}

/// A client of one cluster; clones share connections and metadata.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    options: ClientOptions,
    pool: Pool,
    cache: Mutex<Cache>,
}

const GROUP_KEY_TYPE: i8 = 0;
const TRANSACTION_KEY_TYPE: i8 = 1;
/// From here on FindCoordinator takes and gives lists.
const FIND_COORDINATOR_BATCHED: i16 = 4;

impl Client {
    /// A client that connects when it is first used.
    pub fn new(options: ClientOptions) -> Self {
        let shared = Shared {
            options,
            pool: Pool::default(),
            cache: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The settings.
    pub fn options(&self) -> &ClientOptions {
        &self.shared.options
    }

    /// A deadline of one operation from now.
    pub fn deadline(&self) -> Deadline {
        Deadline::after(self.options().operation_timeout)
    }

    /// Connects to one of the bootstrap addresses, each tried once: tells a wrong address
    /// apart from a slow cluster.
    pub async fn probe(&self) -> Result<(), ClientError> {
        self.any_connection().await.map(drop)
    }

    /// Sends a request to its target, connecting and looking up as needed; one attempt.
    ///
    /// The request is built for the version that was picked, and the answer comes with it.
    pub async fn call<R: Api>(
        &self,
        target: &Target,
        lane: Lane,
        limit: Duration,
        build: impl FnOnce(i16) -> R,
    ) -> Result<(i16, R::Response), ClientError> {
        let connection = self.connection(target, lane).await?;
        let version = connection.version::<R>()?;
        let response = connection.call(version, &build(version), limit).await?;
        Ok((version, response))
    }

    /// Runs attempts until one succeeds, fails for good, or the deadline passes.
    pub async fn retrying<T, F, Fut>(
        &self,
        what: &str,
        deadline: Deadline,
        mut attempt: F,
    ) -> Result<T, ClientError>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, ClientError>>,
    {
        let mut failures = 0;
        let mut last = None;
        loop {
            let outcome = match timeout(deadline.remaining(), attempt()).await {
                Ok(outcome) => outcome,
                Err(_) => return Err(deadline.error(what, last.as_ref())),
            };
            let failure = match outcome {
                Err(e) if e.is_retriable() => e,
                outcome => return outcome,
            };
            tracing::debug!(what, failure = %failure, "attempt failed, trying again");
            failures += 1;
            self.forget_after(&failure);
            let wait = self.options().backoff.wait(failures, random());
            if wait >= deadline.remaining() {
                return Err(deadline.error(what, Some(&failure)));
            }
            sleep(wait).await;
            last = Some(failure);
        }
    }

    /// One request with retries; `check` finds the error that the answer as a whole carries.
    pub(crate) async fn ask<R: Api, T>(
        &self,
        target: &Target,
        deadline: Deadline,
        build: impl Fn(i16) -> R,
        check: impl Fn(i16, R::Response) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        self.retrying(R::NAME, deadline, || async {
            let limit = deadline.at_most(self.options().request_timeout);
            let (version, response) = self.call(target, Lane::Prompt, limit, &build).await?;
            check(version, response)
        })
        .await
    }

    /// A connection to the target.
    pub async fn connection(&self, target: &Target, lane: Lane) -> Result<Connection, ClientError> {
        let id = match target {
            Target::Any => return self.any_connection().await,
            Target::Broker(id) => *id,
            Target::Controller => match self.controller().await? {
                Some(id) => id,
                None => return self.any_connection().await,
            },
            Target::GroupCoordinator(key) => self.coordinator(GROUP_KEY_TYPE, key).await?,
            Target::TransactionCoordinator(key) => {
                self.coordinator(TRANSACTION_KEY_TYPE, key).await?
            }
        };
        let address = self.broker_address(id).await?;
        let options = self.options();
        self.shared
            .pool
            .broker(id, lane, &address, &options.connection, &options.backoff)
            .await
    }

    async fn any_connection(&self) -> Result<Connection, ClientError> {
        if let Some(connection) = self.shared.pool.any_live() {
            return Ok(connection);
        }
        let options = self.options();
        let known: Vec<_> = {
            let cache = self.shared.cache.lock();
            cache
                .cluster
                .brokers
                .values()
                .map(|b| (b.id, b.address()))
                .collect()
        };
        let mut last = ClientError::Invalid("no broker is known".to_owned());
        for (id, address) in known {
            let pool = &self.shared.pool;
            let opened = pool.broker(
                id,
                Lane::Prompt,
                &address,
                &options.connection,
                &options.backoff,
            );
            match opened.await {
                Ok(connection) => return Ok(connection),
                Err(e) => last = e,
            }
        }
        for address in options.bootstrap.addresses() {
            let pool = &self.shared.pool;
            match pool
                .bootstrap(address, &options.connection, &options.backoff)
                .await
            {
                Ok(connection) => return Ok(connection),
                Err(e) => last = e,
            }
        }
        Err(last)
    }

    async fn broker_address(&self, id: BrokerId) -> Result<String, ClientError> {
        let cached = || {
            let cache = self.shared.cache.lock();
            let fresh = cache.brokers_fetched?.elapsed() < self.options().metadata_max_age;
            fresh
                .then(|| cache.cluster.brokers.get(&id).map(|b| b.address()))
                .flatten()
        };
        if let Some(address) = cached() {
            return Ok(address);
        }
        self.fetch_metadata(Some(&[]), AutoCreate::No).await?;
        cached().ok_or(ClientError::NoSuchBroker(id.get()))
    }

    /// Fails at once if the cluster has no such broker. For ids that a person gave: those that
    /// came from metadata are asked for again, because the broker may be about to register.
    pub(crate) async fn expect_broker(
        &self,
        id: BrokerId,
        deadline: Deadline,
    ) -> Result<(), ClientError> {
        let brokers = self
            .retrying(MetadataRequest::NAME, deadline, || async {
                let metadata = self.fetch_metadata(Some(&[]), AutoCreate::No).await?;
                Ok(metadata.brokers)
            })
            .await?;
        if brokers.contains_key(&id) {
            Ok(())
        } else {
            Err(ClientError::NoSuchBroker(id.get()))
        }
    }

    async fn controller(&self) -> Result<Option<BrokerId>, ClientError> {
        let known = {
            let cache = self.shared.cache.lock();
            cache.brokers_fetched.and(cache.cluster.controller)
        };
        match known {
            Some(id) => Ok(Some(id)),
            None => Ok(self
                .fetch_metadata(Some(&[]), AutoCreate::No)
                .await?
                .controller),
        }
    }

    async fn coordinator(&self, key_type: i8, key: &str) -> Result<BrokerId, ClientError> {
        let entry = (key_type, key.to_owned());
        if let Some(id) = self.shared.cache.lock().coordinators.get(&entry) {
            return Ok(*id);
        }
        let limit = self.options().request_timeout;
        let text = StrBytes::from_string(key.to_owned());
        let build = |version: i16| {
            let request = FindCoordinatorRequest::default().with_key_type(key_type);
            if version >= FIND_COORDINATOR_BATCHED {
                request.with_coordinator_keys(vec![text])
            } else {
                request.with_key(text)
            }
        };
        let connection = self.any_connection().await?;
        let version = connection.version::<FindCoordinatorRequest>()?;
        let response = connection.call(version, &build(version), limit).await?;
        let what = || format!("coordinator of {key:?}");
        let node = if version >= FIND_COORDINATOR_BATCHED {
            let found = response
                .coordinators
                .first()
                .ok_or(ClientError::Malformed {
                    what: "FindCoordinator",
                    reason: "no coordinator in the answer".to_owned(),
                })?;
            ClientError::check(what(), found.error_code, found.error_message.as_deref())?;
            found.node_id
        } else {
            ClientError::check(
                what(),
                response.error_code,
                response.error_message.as_deref(),
            )?;
            response.node_id
        };
        let id = BrokerId(node.0);
        self.shared.cache.lock().coordinators.insert(entry, id);
        Ok(id)
    }

    /// Asks for the brokers and for the named topics, or for all; one attempt.
    pub async fn fetch_metadata(
        &self,
        topics: Option<&[TopicName]>,
        auto_create: AutoCreate,
    ) -> Result<ClusterMetadata, ClientError> {
        let build = |_| {
            let named = |name: &TopicName| {
                MetadataRequestTopic::default().with_name(Some(wire_topic(name)))
            };
            MetadataRequest::default()
                .with_topics(topics.map(|names| names.iter().map(named).collect()))
                .with_allow_auto_topic_creation(auto_create == AutoCreate::Yes)
        };
        let connection = self.any_connection().await?;
        let version = connection.version::<MetadataRequest>()?;
        let limit = self.options().request_timeout;
        let response = connection.call(version, &build(version), limit).await?;
        ClientError::check("Metadata", response.error_code, None)?;
        let metadata = ClusterMetadata::from_response(&response)?;
        self.remember(&metadata);
        Ok(metadata)
    }

    fn remember(&self, metadata: &ClusterMetadata) {
        let now = Instant::now();
        let mut cache = self.shared.cache.lock();
        cache.brokers_fetched = Some(now);
        cache.cluster.cluster_id.clone_from(&metadata.cluster_id);
        cache.cluster.controller = metadata.controller;
        cache.cluster.brokers.clone_from(&metadata.brokers);
        for (name, topic) in &metadata.topics {
            cache.cluster.topics.insert(name.clone(), topic.clone());
            cache.topics_fetched.insert(name.clone(), now);
        }
    }

    /// The named topics from the cache, fetched where they are missing, old or in trouble.
    pub async fn topics(
        &self,
        names: &BTreeSet<TopicName>,
        auto_create: AutoCreate,
    ) -> Result<BTreeMap<TopicName, TopicMetadata>, ClientError> {
        let mut found = BTreeMap::new();
        let mut missing = Vec::new();
        {
            let cache = self.shared.cache.lock();
            for name in names {
                let fetched = cache.topics_fetched.get(name);
                let fresh = fetched.is_some_and(|t| t.elapsed() < self.options().metadata_max_age);
                match cache.cluster.topics.get(name) {
                    Some(topic) if fresh && is_settled(topic) => {
                        found.insert(name.clone(), topic.clone());
                    }
                    _ => missing.push(name.clone()),
                }
            }
        }
        if !missing.is_empty() {
            found.extend(
                self.fetch_metadata(Some(&missing), auto_create)
                    .await?
                    .topics,
            );
        }
        Ok(found)
    }

    /// Who leads a partition, as far as the metadata knows.
    pub async fn leader(
        &self,
        partition: &TopicPartition,
        auto_create: AutoCreate,
    ) -> Result<(BrokerId, LeaderEpoch), ClientError> {
        let name = &partition.topic;
        let topics = self
            .topics(&BTreeSet::from([name.clone()]), auto_create)
            .await?;
        let unknown = || {
            let what = format!("partition {partition}");
            ClientError::refused(what, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        };
        let topic = topics.get(name).ok_or_else(unknown)?;
        ClientError::check(format!("topic {name}"), topic.code.code(), None)?;
        let found = topic.partition(partition.partition).ok_or_else(unknown)?;
        let leader = found.leader.ok_or_else(|| ClientError::NoLeader {
            topic: name.to_string(),
            partition: partition.partition.get(),
        })?;
        Ok((leader, found.leader_epoch))
    }

    /// How many partitions a topic has, if that is known and not old.
    pub(crate) fn cached_partition_count(&self, name: &TopicName) -> Option<usize> {
        let cache = self.shared.cache.lock();
        let fetched = cache.topics_fetched.get(name)?;
        let topic = cache.cluster.topics.get(name)?;
        let usable = fetched.elapsed() < self.options().metadata_max_age
            && topic.code == ErrorCode::NONE
            && !topic.partitions.is_empty();
        usable.then_some(topic.partitions.len())
    }

    /// Who leads a partition and which id its topic has, if that is known and not old.
    pub(crate) fn cached_leader(&self, partition: &TopicPartition) -> Option<(BrokerId, TopicId)> {
        let cache = self.shared.cache.lock();
        let fetched = cache.topics_fetched.get(&partition.topic)?;
        let topic = cache.cluster.topics.get(&partition.topic)?;
        let fresh = fetched.elapsed() < self.options().metadata_max_age;
        let leader = topic.partition(partition.partition)?.leader;
        leader.filter(|_| fresh).map(|leader| (leader, topic.id))
    }

    /// Drops what is cached about a topic, because a broker contradicted it.
    pub fn forget_topic(&self, name: &TopicName) {
        let mut cache = self.shared.cache.lock();
        cache.topics_fetched.remove(name);
        cache.cluster.topics.remove(name);
    }

    /// Drops what a failure has shown to be wrong.
    pub fn forget_after(&self, failure: &ClientError) {
        let mut cache = self.shared.cache.lock();
        let code = failure.code();
        if code.is_none_or(|code| code.is_stale_coordinator()) {
            cache.coordinators.clear();
        }
        if code.is_none_or(|code| code.is_stale_metadata()) {
            cache.brokers_fetched = None;
            cache.topics_fetched.clear();
        }
    }
}

/// Whether asking for metadata may create a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoCreate {
    /// If the broker's configuration allows it.
    Yes,
    /// Never.
    No,
}

fn is_settled(topic: &TopicMetadata) -> bool {
    topic.code == ErrorCode::NONE && topic.partitions.iter().all(|p| p.leader.is_some())
}

/// A checked name as the wire wants it.
pub(crate) fn wire_topic(name: &TopicName) -> WireTopicName {
    WireTopicName(StrBytes::from_string(name.to_string()))
}
