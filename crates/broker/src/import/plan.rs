//! What an import would do, found without changing anything.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use highwater_config::NodeConfig;
use highwater_disk::Disk;
use highwater_metadata::kafka::{KafkaImage, KafkaTopic};
use highwater_metadata::{
    ClusterRecord, ConfigResource, ConfigResourceType, Controller, ControllerSettings, Decision,
    Import, ImportedPartition, ImportedTopic, MetadataImage, QuotaEntity, QuotaEntityType,
};
use highwater_storage::dump::{Dump, Records, dump_file};
use highwater_types::{BrokerId, LeaderEpoch, PartitionIndex, ProducerId, TopicId, TopicPartition};

use super::ImportError;
use super::copy::files;
use super::overlap::check_apart;
use super::source::{self, Source, SourceLog};
use super::target::{MANIFEST, STAGING, read_manifest};
use crate::config_rules::{BrokerConfigRules, broker_resource};
use crate::coordinator::OFFSETS_TOPIC;
use crate::metadata_store::{METADATA_TOPIC, read_image};
use crate::startup::METADATA_FORMAT;

/// Topics of Kafka's own of which Highwater has no use yet.
const INTERNAL: [(&str, &str); 2] = [
    (
        "__transaction_state",
        "producers with a transactional id begin anew",
    ),
    ("__share_group_state", "there are no share groups yet"),
];
/// The topic that Kafka has if it uses tiered storage.
const REMOTE_METADATA: &str = "__remote_log_metadata";

/// What is wanted.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// Every directory of Kafka's `log.dirs`.
    pub from: Vec<PathBuf>,
    /// The directory of Highwater, made if missing.
    pub to: PathBuf,
    /// Whether the positions of groups stay behind.
    pub without_group_positions: bool,
}

/// Something of Kafka's that is not taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
}

/// A topic that is taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTopic {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: TopicId,
    /// Its partitions in order.
    pub partitions: Vec<PlannedPartition>,
    /// What is configured on it and taken over.
    pub configs: Vec<(String, String)>,
}

/// A partition that is taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPartition {
    /// Where its log is.
    pub from: PathBuf,
    /// Bytes of its files.
    pub bytes: u64,
}

/// What an import would do.
#[derive(Debug)]
pub struct ImportPlan {
    /// The cluster that Kafka belonged to.
    pub source_cluster_id: String,
    /// Kafka's `node.id`.
    pub source_node_id: i32,
    /// Where the topics go.
    pub target: PathBuf,
    /// The cluster that they will belong to.
    pub target_cluster_id: String,
    /// The `node.id` with which Highwater must be started there.
    pub target_node_id: i32,
    /// Whether the target has no metadata yet.
    pub target_is_new: bool,
    /// What is taken over.
    pub topics: Vec<PlannedTopic>,
    /// What is not.
    pub left_out: Vec<LeftOut>,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// Bytes to be copied.
    pub bytes: u64,
    pub(super) import: Import,
    pub(super) logs: Vec<(TopicPartition, TopicId, SourceLog)>,
}

/// The target as it is.
struct Target {
    cluster_id: String,
    node_id: i32,
    is_new: bool,
    image: MetadataImage,
}

/// Looks at source and target, and says what an import would do or why it cannot be done.
pub fn plan(disk: &Arc<dyn Disk>, request: &ImportRequest) -> Result<ImportPlan, ImportError> {
    check_apart(&request.from, &request.to)?;
    let source = source::read(&**disk, &request.from)?;
    let target = read_target(disk, &request.to, &source)?;
    let mut planning = Planning {
        disk: &**disk,
        source: &source,
        target: &target,
        topics: Vec::new(),
        left_out: Vec::new(),
        import: Import {
            node: Some(BrokerId(target.node_id)),
            cluster: Some(ClusterRecord {
                cluster_id: target.cluster_id.as_str().into(),
                format_version: METADATA_FORMAT,
            }),
            next_producer_id: ProducerId(source.image.next_producer_id()),
            ..Import::default()
        },
        logs: Vec::new(),
    };
    for topic in source.image.topics() {
        planning.topic(topic, request.without_group_positions)?;
    }
    planning.configs();
    planning.quotas();
    planning.rest();
    planning.finish(&request.to)
}

/// The import's decision on an image.
pub(super) fn decide(
    image: &MetadataImage,
    import: &Import,
) -> Result<Decision<Vec<highwater_metadata::ConfigLeftOut>>, highwater_metadata::ImportError> {
    let settings = ControllerSettings::default();
    let rules = BrokerConfigRules {
        node: Arc::new(NodeConfig::default()),
    };
    Controller::new(image, &settings, &rules).import(import)
}

fn read_target(disk: &Arc<dyn Disk>, path: &Path, source: &Source) -> Result<Target, ImportError> {
    let new = Target {
        cluster_id: source.cluster_id.clone(),
        node_id: source.node_id,
        is_new: true,
        image: MetadataImage::new(),
    };
    let entries = match disk.list(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(new),
        Err(error) => return Err(ImportError::io(path)(error)),
    };
    let not_highwater = |why| ImportError::NotHighwater {
        path: path.to_path_buf(),
        why,
    };
    let metadata = path.join(format!("{METADATA_TOPIC}-0"));
    let properties = path.join("meta.properties");
    let identity = match dump_file(&**disk, &properties, Records::Omit) {
        Ok(Dump::Properties(properties)) => properties,
        Ok(_) => Vec::new(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(ImportError::io(&properties)(error)),
    };
    let value = |wanted: &str| {
        let found = identity.iter().find(|(key, _)| key == wanted);
        found.map(|(_, value)| value.clone())
    };
    let cluster_id = value("cluster.id").unwrap_or(new.cluster_id);
    let node_id = value("node.id").and_then(|id| id.parse().ok());
    let node_id = node_id.unwrap_or(new.node_id);
    let exists = |path: &Path| disk.exists(path).map_err(ImportError::io(path));
    if exists(&metadata.join("quorum-state"))? {
        return Err(not_highwater("it is one of Kafka"));
    }
    if exists(&metadata)? {
        return Ok(Target {
            cluster_id,
            node_id,
            is_new: false,
            image: read_image(disk, &metadata)?,
        });
    }
    let manifest = read_manifest(&**disk, &path.join(STAGING).join(MANIFEST))?;
    let is_foreign = entries.iter().any(|entry| {
        let tp = TopicPartition::from_dir_name(&entry.name).filter(|_| entry.is_dir);
        tp.is_some_and(|tp| !manifest.iter().any(|(known, _)| *known == tp))
    });
    if is_foreign {
        return Err(not_highwater(
            "it has logs and no metadata log; of several log.dirs, give the one with \
             __cluster_metadata-0",
        ));
    }
    Ok(Target {
        cluster_id,
        node_id,
        is_new: true,
        image: MetadataImage::new(),
    })
}

/// A plan in the making.
struct Planning<'a> {
    disk: &'a dyn Disk,
    source: &'a Source,
    target: &'a Target,
    topics: Vec<PlannedTopic>,
    left_out: Vec<LeftOut>,
    import: Import,
    logs: Vec<(TopicPartition, TopicId, SourceLog)>,
}

impl Planning<'_> {
    fn leave_out(&mut self, what: impl Into<String>, why: impl Into<String>) {
        let (what, why) = (what.into(), why.into());
        self.left_out.push(LeftOut { what, why });
    }

    fn topic(&mut self, topic: &KafkaTopic, skips_groups: bool) -> Result<(), ImportError> {
        let name = topic.name.as_str();
        if let Some((_, why)) = INTERNAL.iter().find(|(internal, _)| *internal == name) {
            self.leave_out(format!("topic {name}"), *why);
            return Ok(());
        }
        if name == OFFSETS_TOPIC {
            if skips_groups {
                self.leave_out(
                    format!("topic {name}"),
                    "the positions of groups are not wanted",
                );
                return Ok(());
            }
            if self.target.image.topic(name).is_some() {
                return Err(ImportError::GroupPositions);
            }
        }
        let configs = self.source.image.topic_config(name);
        let is_tiered = configs
            .and_then(|keys| keys.get("remote.storage.enable"))
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if is_tiered || name == REMOTE_METADATA {
            return Err(ImportError::Tiered(name.to_owned()));
        }
        if !topic.is_whole() {
            let why = format!("partitions of topic {name} are missing");
            return Err(ImportError::Metadata(why));
        }
        let mut planned = PlannedTopic {
            name: name.to_owned(),
            id: topic.id,
            partitions: Vec::new(),
            configs: Vec::new(),
        };
        let mut partitions = Vec::new();
        for (index, partition) in &topic.partitions {
            let tp = TopicPartition::new(topic.name.clone(), PartitionIndex(*index));
            let node = BrokerId(self.source.node_id);
            let is_moving = !partition.adding.is_empty() || !partition.removing.is_empty();
            if partition.replicas != [node] || is_moving {
                return Err(ImportError::Replicas {
                    partition: tp,
                    replicas: partition.replicas.iter().map(|id| id.get()).collect(),
                    node: node.get(),
                });
            }
            let log = self.source.logs.get(&tp);
            let log = log.filter(|log| log.topic_id == Some(topic.id)).cloned();
            let log = log.ok_or_else(|| ImportError::MissingLog(tp.clone()))?;
            let files = files(self.disk, &log)?;
            planned.partitions.push(PlannedPartition {
                from: log.dir.clone(),
                bytes: files.iter().map(|(_, bytes)| bytes).sum(),
            });
            self.logs.push((tp, topic.id, log));
            partitions.push(ImportedPartition {
                leader_epoch: LeaderEpoch(partition.leader_epoch.saturating_add(1)),
                partition_epoch: partition.partition_epoch.saturating_add(1),
            });
        }
        self.topics.push(planned);
        self.import.topics.push(ImportedTopic {
            name: topic.name.clone(),
            id: topic.id,
            partitions,
        });
        Ok(())
    }

    /// Configuration of topics goes with them. What concerns brokers and groups is taken into a
    /// target without topics only: elsewhere it would change what others rely on.
    fn configs(&mut self) {
        let source = self.source;
        let taken: Vec<_> = self.topics.iter().map(|topic| topic.name.clone()).collect();
        for (kind, name, keys) in source.image.configs() {
            let resource = match ConfigResourceType::from_code(kind) {
                Some(ConfigResourceType::Topic) => {
                    // What belongs to a topic that stays behind stays behind with it.
                    let is_taken = taken.iter().any(|topic| topic == name);
                    is_taken.then(|| ConfigResource::topic(name))
                }
                Some(_) if self.target.image.topic_count() > 0 => {
                    self.leave_out_configs(kind, name, keys, "the target has topics of its own");
                    None
                }
                Some(ConfigResourceType::Broker) if name.is_empty() => {
                    Some(ConfigResource::all_brokers())
                }
                Some(ConfigResourceType::Broker) if name == source.node_id.to_string() => {
                    Some(broker_resource(BrokerId(self.target.node_id)))
                }
                Some(kind @ (ConfigResourceType::Group | ConfigResourceType::ClientMetrics)) => {
                    let name = name.into();
                    Some(ConfigResource { kind, name })
                }
                Some(ConfigResourceType::Broker) | None => {
                    self.leave_out_configs(kind, name, keys, "there is no such broker or resource");
                    None
                }
            };
            let keys = keys.iter().map(|(key, value)| (key.clone(), value.clone()));
            self.import
                .configs
                .extend(resource.map(|resource| (resource, keys.collect())));
        }
    }

    fn leave_out_configs(
        &mut self,
        kind: i8,
        name: &str,
        keys: &std::collections::BTreeMap<String, String>,
        why: &str,
    ) {
        let kind = ConfigResourceType::from_code(kind)
            .map_or_else(|| format!("resource type {kind}"), |kind| kind.to_string());
        for (key, value) in keys {
            self.leave_out(format!("config of {kind} {name:?}: {key}={value}"), why);
        }
    }

    fn quotas(&mut self) {
        let source = self.source;
        for (parts, key, value) in source.image.quotas() {
            let entity = parts.iter().map(|(kind, name)| {
                let kind = QuotaEntityType::from_name(kind)?;
                Some((kind, name.as_deref().map(Into::into)))
            });
            let entity = entity.collect::<Option<_>>().map(QuotaEntity);
            match entity.filter(|_| value.is_finite()) {
                Some(entity) if self.target.image.topic_count() == 0 => {
                    self.import.quotas.push((entity, key.to_owned(), value));
                }
                Some(entity) => {
                    let what = format!("client quota of {entity}: {key}={value}");
                    self.leave_out(what, "the target has topics of its own");
                }
                None => self.leave_out(
                    format!("client quota of {parts:?}: {key}={value}"),
                    "its entity is of an unknown kind",
                ),
            }
        }
    }

    /// What else there is that stays behind.
    fn rest(&mut self) {
        let source = self.source;
        for what in source.image.unsupported() {
            self.leave_out(*what, "there is nothing like it yet");
        }
        for (path, why) in &source.passed_over {
            self.leave_out(path.display().to_string(), *why);
        }
        let mut strays: Vec<_> = source.logs.iter().collect();
        strays.retain(|(tp, log)| !has_partition(&source.image, tp, log.topic_id));
        strays.sort_by(|a, b| a.0.cmp(b.0));
        for (_, log) in strays {
            self.leave_out(
                log.dir.display().to_string(),
                "no topic of Kafka's metadata has this partition",
            );
        }
    }

    fn finish(mut self, to: &Path) -> Result<ImportPlan, ImportError> {
        let decision = decide(&self.target.image, &self.import)?;
        for out in decision.response {
            let what = format!("config of {}: {}={}", out.resource, out.key, out.value);
            for topic in &mut self.import.configs {
                if topic.0 == out.resource {
                    topic.1.retain(|(key, _)| *key != out.key);
                }
            }
            self.left_out.push(LeftOut {
                what,
                why: out.reason,
            });
        }
        for topic in &mut self.topics {
            let resource = ConfigResource::topic(&topic.name);
            let configs = self.import.configs.iter();
            let mut configs = configs.filter(|(of, _)| *of == resource);
            topic.configs = configs
                .next()
                .map(|(_, keys)| keys.clone())
                .unwrap_or_default();
        }
        let mut warnings = Vec::new();
        let others = self.source.image.brokers().iter();
        let others: Vec<_> = others
            .filter(|id| id.get() != self.source.node_id)
            .collect();
        if !others.is_empty() {
            warnings.push(format!(
                "the cluster had other brokers ({others:?}); nothing is on them, but clients may \
                 know their addresses"
            ));
        }
        let partitions = self.topics.iter().flat_map(|topic| &topic.partitions);
        Ok(ImportPlan {
            source_cluster_id: self.source.cluster_id.clone(),
            source_node_id: self.source.node_id,
            target: to.to_path_buf(),
            target_cluster_id: self.target.cluster_id.clone(),
            target_node_id: self.target.node_id,
            target_is_new: self.target.is_new,
            bytes: partitions.map(|partition| partition.bytes).sum(),
            topics: self.topics,
            left_out: self.left_out,
            warnings,
            import: self.import,
            logs: self.logs,
        })
    }
}

fn has_partition(image: &KafkaImage, tp: &TopicPartition, topic_id: Option<TopicId>) -> bool {
    let topic = topic_id.and_then(|id| image.topic(id));
    topic.is_some_and(|topic| {
        topic.name == tp.topic && topic.partitions.contains_key(&tp.partition.get())
    })
}
