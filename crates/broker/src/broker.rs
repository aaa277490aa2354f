//! The broker: everything that a handler may reach, and how it follows the metadata image.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use highwater_config::{BrokerConfig, NodeConfig, Overrides, TopicConfig};
use highwater_groups::DroppedTopic;
use highwater_metadata::{
    ConfigResource, ConfigResourceType, Controller, ControllerSettings, CreateTopicError, Decision,
    MetadataDelta, MetadataImage, Mode, NewTopic, PartitionImage, ProducerIdBlock, TopicImage,
};
use highwater_protocol::ErrorCode;
use highwater_replication::PartitionState;
use highwater_security::Authorizer;
use highwater_storage::{LogDir, PartitionLog, StorageError};
use highwater_types::{BrokerId, Offset, PartitionIndex, TopicId, TopicName, TopicPartition};
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::config_rules::{BrokerConfigRules, stored_config};
use crate::coordinator::transactions::{
    TRANSACTIONS_TOPIC, TransactionCoordinator, is_transactions_topic,
};
use crate::coordinator::{GroupCoordinator, OFFSETS_TOPIC, is_offsets_topic};
use crate::data::{FetchSessions, Flusher, Partition, PartitionError, Partitions};
use crate::hosting::Unserved;
use crate::metadata_store::{MetadataError, MetadataStore};
use crate::metrics::Metrics;
use crate::producer_ids::ProducerIds;

/// A partition to be made, of this topic.
type NewPartition = (TopicPartition, TopicId);

/// How often it is said at most that a disk takes no records.
const TELL_REFUSALS_EVERY_MS: u64 = 10_000;

type ConfigWatcher = Box<dyn Fn(&BrokerConfig) + Send + Sync>;

/// A broker that is open: its data is recovered, its partitions are there.
pub(crate) struct Broker {
    pub(crate) id: BrokerId,
    pub(crate) cluster_id: String,
    pub(crate) broker_epoch: AtomicI64,
    pub(crate) clock: Clock,
    pub(crate) node: ArcSwap<NodeConfig>,
    typed: ArcSwap<BrokerConfig>,
    pub(crate) log_dirs: Vec<Arc<LogDir>>,
    pub(crate) metadata: MetadataStore,
    pub(crate) partitions: Partitions,
    pub(crate) unserved: Unserved,
    pub(crate) flusher: Arc<Flusher>,
    pub(crate) groups: GroupCoordinator,
    pub(crate) transactions: TransactionCoordinator,
    pub(crate) fetch_sessions: FetchSessions,
    pub(crate) producer_ids: Arc<ProducerIds>,
    pub(crate) authorizer: Box<dyn Authorizer>,
    pub(crate) metrics: Metrics,
    /// Where the next topic's first replica goes, and which log directory is next.
    placement: AtomicUsize,
    /// Partitions that the image has and the disk refused.
    unmade: Mutex<Vec<NewPartition>>,
    /// Whether nobody shall wait any more.
    is_stopping: AtomicBool,
    /// When it was last said that a disk takes no records.
    refusal_told_ms: AtomicU64,
    /// Told of every change of the configuration.
    on_config: OnceLock<ConfigWatcher>,
}

/// What a broker is made of.
pub(crate) struct Parts {
    pub(crate) id: BrokerId,
    pub(crate) cluster_id: String,
    pub(crate) clock: Clock,
    pub(crate) node: NodeConfig,
    pub(crate) typed: BrokerConfig,
    pub(crate) log_dirs: Vec<Arc<LogDir>>,
    pub(crate) metadata: MetadataStore,
    pub(crate) authorizer: Box<dyn Authorizer>,
}

impl Broker {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let slots = parts
            .typed
            .network
            .max_incremental_fetch_session_cache_slots;
        Arc::new(Self {
            id: parts.id,
            cluster_id: parts.cluster_id,
            broker_epoch: AtomicI64::new(0),
            clock: parts.clock,
            node: ArcSwap::from_pointee(parts.node),
            typed: ArcSwap::from_pointee(parts.typed),
            log_dirs: parts.log_dirs,
            metadata: parts.metadata,
            partitions: Partitions::default(),
            unserved: Unserved::default(),
            flusher: Flusher::new(),
            groups: GroupCoordinator::default(),
            transactions: TransactionCoordinator::default(),
            fetch_sessions: FetchSessions::new(slots),
            producer_ids: Arc::default(),
            authorizer: parts.authorizer,
            metrics: Metrics::new(),
            placement: AtomicUsize::new(0),
            unmade: Mutex::default(),
            is_stopping: AtomicBool::new(false),
            refusal_told_ms: AtomicU64::new(0),
            on_config: OnceLock::new(),
        })
    }

    /// The typed configuration in force.
    pub(crate) fn config(&self) -> Arc<BrokerConfig> {
        self.typed.load_full()
    }

    /// Has somebody told of the configuration, now and whenever it changes.
    pub(crate) fn watch_config(&self, told: impl Fn(&BrokerConfig) + Send + Sync + 'static) {
        let told = self.on_config.get_or_init(|| Box::new(told));
        told(&self.config());
    }

    /// Says that a disk takes no records, once in a while: every producer meets it many times.
    pub(crate) fn report_refusal(&self, partition: &TopicPartition, error: &PartitionError) {
        if !error.is_of_the_disk() {
            return;
        }
        let now_ms = self.clock.now().mono_ms.max(1);
        let told = self
            .refusal_told_ms
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| {
                (last == 0 || now_ms.saturating_sub(last) >= TELL_REFUSALS_EVERY_MS)
                    .then_some(now_ms)
            });
        if told.is_ok() {
            tracing::error!(%partition, %error, "records are refused");
        }
    }

    /// Whether nobody shall wait any more.
    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    /// Answers whoever waits for something that may not come for minutes: fetches get what
    /// there is, members of groups are told to look for their coordinator.
    pub(crate) fn end_waits(&self) {
        self.is_stopping.store(true, Ordering::Release);
        for partition in self.partitions.all() {
            partition.wake_fetches();
        }
        self.transactions.retire();
        self.groups.retire();
    }

    /// A number that differs from call to call, to spread what is placed.
    pub(crate) fn next_placement(&self) -> usize {
        self.placement.fetch_add(1, Ordering::Relaxed)
    }

    /// Decides something about the cluster on the latest image, makes it durable, and carries
    /// it out here. Blocks on the disk.
    pub(crate) fn decide<R>(
        self: &Arc<Self>,
        decide: impl FnOnce(&Controller<'_>) -> Decision<R>,
    ) -> Result<R, MetadataError> {
        let (settings, rules) = self.controller_settings();
        let decided = self.metadata.submit(
            self.clock.now(),
            |image| decide(&Controller::new(image, &settings, &rules)),
            |image, delta| self.follow(image, delta),
        );
        // Here, where nothing waits for the metadata: a topic may have thousands of logs.
        self.partitions.delete_doomed(self.clock.now());
        decided
    }

    /// Like [`Broker::decide`], for a decision that may be refused as a whole.
    pub(crate) fn try_decide<R, E>(
        self: &Arc<Self>,
        decide: impl FnOnce(&Controller<'_>) -> Result<Decision<R>, E>,
    ) -> Result<Result<R, E>, MetadataError> {
        self.decide(|controller| Decision::or_refusal(decide(controller)))
    }

    /// Asks the controller something that changes nothing.
    pub(crate) fn look<R>(&self, ask: impl FnOnce(&Controller<'_>) -> R) -> R {
        let (settings, rules) = self.controller_settings();
        ask(&Controller::new(&self.metadata.image(), &settings, &rules))
    }

    fn controller_settings(&self) -> (ControllerSettings, BrokerConfigRules) {
        let config = self.config();
        let settings = ControllerSettings {
            default_partitions: config.log.num_partitions,
            default_replication_factor: config.replication.default_replication_factor,
            features: crate::features::supported(),
            ..ControllerSettings::default()
        };
        (
            settings,
            BrokerConfigRules {
                node: self.node.load_full(),
            },
        )
    }

    /// A block of producer ids that nobody else gets. Blocks on the disk.
    pub(crate) fn allocate_producer_ids(
        self: &Arc<Self>,
    ) -> Result<ProducerIdBlock, crate::producer_ids::NoProducerId> {
        let epoch = self.broker_epoch.load(Ordering::Acquire);
        Ok(self.try_decide(|controller| controller.allocate_producer_ids(self.id, epoch))??)
    }

    /// Brings this broker into line with what has changed.
    pub(crate) fn follow(self: &Arc<Self>, image: &Arc<MetadataImage>, delta: &MetadataDelta) {
        self.drop_topics(&delta.deleted_topics);
        if delta
            .configs
            .iter()
            .any(|resource| resource.kind == ConfigResourceType::Broker)
        {
            self.reload_config(image);
        }
        if delta.features_changed {
            self.transactions.configure(self);
        }
        let mut created = Vec::new();
        for (id, changes) in &delta.topics {
            let Some(topic) = image.topic_by_id(*id) else {
                continue;
            };
            for index in &changes.partitions {
                let Some(partition) = topic.partition(*index) else {
                    continue;
                };
                if !partition.replicas.contains(&self.id) {
                    continue;
                }
                let name = TopicPartition::new(topic.name.clone(), *index);
                match self.partitions.get(&name) {
                    Some(known) => known.set_state(self.clock.now(), partition_state(partition)),
                    None => created.push((name, *id)),
                }
            }
        }
        self.create_partitions(image, &created);
        for resource in &delta.configs {
            if resource.kind == ConfigResourceType::Topic {
                self.reload_topic_config(image, &resource.name);
            }
        }
    }

    fn drop_topics(self: &Arc<Self>, deleted: &[Arc<TopicImage>]) {
        if deleted.is_empty() {
            return;
        }
        for topic in deleted {
            for index in self.unserved.remove_topic(topic.id) {
                self.delete_unserved(topic, index);
            }
            let gone = self.partitions.remove(topic.id);
            for partition in &gone {
                partition.retire();
                if is_offsets_topic(&topic.name) {
                    self.groups.remove(partition.name.partition);
                }
                if is_transactions_topic(&topic.name) {
                    self.transactions.remove(partition.name.partition);
                }
            }
            self.partitions.doom(gone);
        }
        let dropped: Vec<_> = deleted
            .iter()
            .map(|topic| DroppedTopic {
                topic: topic.name.clone(),
                topic_id: Some(topic.id),
            })
            .collect();
        self.groups.drop_topics(self, &dropped);
    }

    /// Frees the name of a log that could never be opened.
    fn delete_unserved(&self, topic: &TopicImage, index: PartitionIndex) {
        let name = TopicPartition::new(topic.name.clone(), index);
        for dir in self.log_dirs.iter().filter(|dir| !dir.is_offline()) {
            match dir.delete_unopened(&name, topic.id, self.clock.now()) {
                Ok(true) => tracing::info!(partition = %name, "deleted a log that was not served"),
                Ok(false) => {}
                // The next start sets it aside.
                Err(error) => {
                    tracing::error!(partition = %name, %error, "cannot delete a log that was not served");
                }
            }
        }
    }

    /// The typed configuration of a topic.
    pub(crate) fn topic_config(&self, image: &MetadataImage, name: &TopicName) -> Arc<TopicConfig> {
        let overrides = overrides_of(image, &ConfigResource::topic(name.as_str()));
        let (config, errors) = match self.node.load().stored_topic(&overrides) {
            Ok(stored) => stored,
            // The defaults of the broker are checked before they are taken over.
            Err(error) => {
                let (config, mut errors) =
                    self.config().topic_defaults.clone().with_stored(&overrides);
                errors.push(error);
                (config, errors)
            }
        };
        for error in errors {
            tracing::error!(topic = %name, %error, "a part of a stored configuration is not valid");
        }
        Arc::new(internal_rules(name, config))
    }

    fn reload_topic_config(&self, image: &MetadataImage, name: &str) {
        let Some(topic) = self.partitions.topic(name) else {
            return;
        };
        let config = self.topic_config(image, &topic.name);
        let log_config = Arc::new(crate::log_config::log_config(&config));
        for partition in topic.partitions() {
            partition.log.set_config(Arc::clone(&log_config));
            partition.set_config(Arc::clone(&config));
            if partition.wants_flush() {
                self.flusher.request(&partition);
            }
        }
    }

    /// Dynamic values of this broker or of all brokers have changed.
    pub(crate) fn reload_config(self: &Arc<Self>, image: &MetadataImage) {
        let stored = stored_config(&self.node.load(), image, self.id);
        let Some(typed) = stored.config else {
            return;
        };
        self.typed.store(Arc::new(typed));
        self.node.store(Arc::new(stored.node));
        self.groups.configure(self);
        self.transactions.configure(self);
        if let Some(told) = self.on_config.get() {
            told(&self.config());
        }
        for topic in image.topics() {
            self.reload_topic_config(image, topic.name.as_str());
        }
    }

    /// Makes the directories of new partitions, with one flush for each log directory, and takes
    /// them into service. What the disk refuses is tried again later.
    pub(crate) fn create_partitions(self: &Arc<Self>, image: &MetadataImage, new: &[NewPartition]) {
        for (refused, error) in self.try_create_partitions(image, new) {
            tracing::error!(partitions = refused.len(), %error, "cannot create partitions");
            for (name, id) in &refused {
                self.unserved.add(*id, name.partition);
            }
            self.unmade.lock().extend(refused);
        }
    }

    /// Tries again to make the partitions that the disk has refused. Blocks on the disk.
    pub(crate) fn make_what_is_missing(self: &Arc<Self>) {
        if self.unmade.lock().is_empty() {
            return;
        }
        // While a change is under way it is left to the next time.
        self.metadata.while_settled(|image| {
            let mut unmade = std::mem::take(&mut *self.unmade.lock());
            unmade.retain(|(name, id)| {
                let is_wanted = image.topic_by_id(*id).is_some();
                is_wanted && self.partitions.get(name).is_none()
            });
            for (refused, error) in self.try_create_partitions(image, &unmade) {
                tracing::debug!(partitions = refused.len(), %error, "still cannot create partitions");
                if error.is_passing() {
                    self.unmade.lock().extend(refused);
                } else {
                    self.try_create_one_by_one(image, &refused);
                }
            }
        });
    }

    /// One that will never have its place, because something else is there, shall not keep the
    /// others waiting.
    fn try_create_one_by_one(self: &Arc<Self>, image: &MetadataImage, unmade: &[NewPartition]) {
        for one in unmade {
            for (refused, _) in self.try_create_partitions(image, std::slice::from_ref(one)) {
                self.unmade.lock().extend(refused);
            }
        }
    }

    fn try_create_partitions(
        self: &Arc<Self>,
        image: &MetadataImage,
        new: &[NewPartition],
    ) -> Vec<(Vec<NewPartition>, StorageError)> {
        if new.is_empty() {
            return Vec::new();
        }
        // A topic of the same name may have gone just now.
        self.partitions.delete_doomed(self.clock.now());
        let mut refused = Vec::new();
        for (dir, new) in self.spread(new) {
            if let Err(error) = self.create_partitions_in(&dir, image, &new) {
                refused.push((new, error));
            }
        }
        refused
    }

    fn create_partitions_in(
        self: &Arc<Self>,
        dir: &Arc<LogDir>,
        image: &MetadataImage,
        new: &[NewPartition],
    ) -> Result<(), StorageError> {
        let mut config: Option<(TopicName, Arc<TopicConfig>)> = None;
        let mut wanted = Vec::with_capacity(new.len());
        for (name, id) in new {
            if config
                .as_ref()
                .is_none_or(|(topic, _)| *topic != name.topic)
            {
                config = Some((name.topic.clone(), self.topic_config(image, &name.topic)));
            }
            let Some((_, config)) = &config else { continue };
            let log_config = Arc::new(crate::log_config::log_config(config));
            wanted.push((name.clone(), *id, log_config, Arc::clone(config)));
        }
        let requests: Vec<_> = wanted
            .iter()
            .map(|(name, id, log, _)| (name.clone(), *id, Arc::clone(log)))
            .collect();
        let logs = dir.create_partitions(&requests)?;
        for (log, (name, id, _, config)) in logs.into_iter().zip(wanted) {
            self.serve_partition(image, name, id, log, config, Offset::ZERO);
        }
        Ok(())
    }

    /// Gives each new partition to the directory that is online and holds the fewest.
    fn spread(&self, new: &[NewPartition]) -> Vec<(Arc<LogDir>, Vec<NewPartition>)> {
        let online: Vec<_> = self
            .log_dirs
            .iter()
            .filter(|dir| !dir.is_offline())
            .collect();
        match online.as_slice() {
            _ if new.is_empty() => return Vec::new(),
            [] => tracing::error!(partitions = new.len(), "no log directory is online"),
            // The common case needs no counting.
            [only] => return vec![(Arc::clone(only), new.to_vec())],
            _ => {}
        }
        let mut shares: Vec<_> = online
            .into_iter()
            .map(|dir| (self.partitions.count_in(dir), Arc::clone(dir), Vec::new()))
            .collect();
        for partition in new {
            if let Some((count, _, share)) = shares.iter_mut().min_by_key(|share| share.0) {
                *count += 1;
                share.push(partition.clone());
            }
        }
        shares.retain(|(_, _, share)| !share.is_empty());
        shares
            .into_iter()
            .map(|(_, dir, share)| (dir, share))
            .collect()
    }

    /// Takes a partition into service, in the role that the image gives it.
    pub(crate) fn serve_partition(
        self: &Arc<Self>,
        image: &MetadataImage,
        name: TopicPartition,
        topic_id: TopicId,
        log: PartitionLog,
        config: Arc<TopicConfig>,
        high_watermark: Offset,
    ) {
        let Some(state) = image.partition(name.topic.as_str(), name.partition) else {
            return;
        };
        let partition = Arc::new(Partition::new(
            self.id,
            name,
            topic_id,
            log,
            config,
            high_watermark,
        ));
        partition.set_state(self.clock.now(), partition_state(state));
        self.partitions.insert(Arc::clone(&partition));
        self.unserved.remove(topic_id, partition.name.partition);
        if partition.wants_flush() {
            self.flusher.request(&partition);
        }
        if is_offsets_topic(&partition.name.topic) && partition.is_leader() {
            self.groups.add(self, &partition);
        }
        if is_transactions_topic(&partition.name.topic) && partition.is_leader() {
            self.transactions.add(self, &partition);
        }
    }

    /// Makes a topic of the broker's own if it is not there. Blocks on the disk.
    pub(crate) fn ensure_topic(
        self: &Arc<Self>,
        name: &str,
        topic: impl FnOnce(&Self) -> NewTopic,
    ) -> Result<(), ErrorCode> {
        if self.metadata.image().topic(name).is_some() {
            return Ok(());
        }
        let made = self.make_topics(&[topic(self)]);
        made.into_iter().next().unwrap_or(Ok(()))
    }

    /// The topic of transactions as it is made.
    pub(crate) fn transactions_topic(&self) -> NewTopic {
        let config = self.config();
        let transactions = &config.transactions;
        let settings = [
            ("cleanup.policy", "compact".to_owned()),
            ("compression.type", "uncompressed".to_owned()),
            ("unclean.leader.election.enable", "false".to_owned()),
            (
                "min.insync.replicas",
                transactions.state_log_min_isr.to_string(),
            ),
            (
                "segment.bytes",
                transactions.state_log_segment_bytes.to_string(),
            ),
        ];
        NewTopic {
            name: TRANSACTIONS_TOPIC.to_owned(),
            partitions: transactions.state_log_num_partitions,
            replication_factor: transactions.state_log_replication_factor,
            assignments: Vec::new(),
            configs: settings
                .map(|(key, value)| (key.to_owned(), Some(value)))
                .to_vec(),
        }
    }

    /// The offsets topic as it is made.
    pub(crate) fn offsets_topic(&self) -> NewTopic {
        let config = self.config();
        let settings = [
            ("cleanup.policy", "compact".to_owned()),
            ("compression.type", "producer".to_owned()),
            (
                "segment.bytes",
                config.groups.offsets_topic_segment_bytes.to_string(),
            ),
        ];
        NewTopic {
            name: OFFSETS_TOPIC.to_owned(),
            partitions: config.groups.offsets_topic_num_partitions,
            replication_factor: config.groups.offsets_topic_replication_factor,
            assignments: Vec::new(),
            configs: settings
                .map(|(key, value)| (key.to_owned(), Some(value)))
                .to_vec(),
        }
    }

    /// Makes topics that somebody needs, with one decision; one that is there already is as good
    /// as made. Blocks on the disk.
    pub(crate) fn make_topics(self: &Arc<Self>, topics: &[NewTopic]) -> Vec<Result<(), ErrorCode>> {
        let start = self.next_placement();
        let submitted = self.decide(|controller| {
            let mut ids = std::iter::repeat_with(random_id);
            controller.create_topics(topics, &mut ids, start, Mode::Apply)
        });
        let made = |outcome| match outcome {
            Ok(_) | Err(CreateTopicError::AlreadyExists(_)) => Ok(()),
            Err(error) => {
                tracing::warn!(%error, "a topic could not be created");
                Err(crate::handlers::errors::create_topic(&error))
            }
        };
        match submitted {
            Ok(done) => done.into_iter().map(made).collect(),
            Err(error) => {
                tracing::error!(%error, "topics could not be created");
                vec![Err(ErrorCode::KAFKA_STORAGE_ERROR); topics.len()]
            }
        }
    }
}

/// A topic id that no other topic has.
pub(crate) fn random_id() -> TopicId {
    TopicId(*uuid::Uuid::new_v4().as_bytes())
}

/// What is configured on a resource.
pub(crate) fn overrides_of(image: &MetadataImage, resource: &ConfigResource) -> Overrides {
    let map = image.configs(resource);
    map.into_iter()
        .flat_map(|map| map.iter())
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

/// What holds for the broker's own topics whatever is configured: their records are on disk
/// before they count.
fn internal_rules(name: &TopicName, config: TopicConfig) -> TopicConfig {
    if !name.is_internal() {
        return config;
    }
    TopicConfig {
        durability: highwater_config::Durability::Fsync,
        ..config
    }
}

fn partition_state(image: &PartitionImage) -> PartitionState {
    PartitionState {
        leader: image.leader,
        leader_epoch: image.leader_epoch,
        partition_epoch: image.partition_epoch,
        replicas: image.replicas.to_vec(),
        isr: image.isr.to_vec(),
    }
}
