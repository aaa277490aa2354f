//! From a configuration to a broker that serves, and back to nothing.
//!
//! The order matters. Listeners are bound first, so that a taken port is known at once, and
//! accepted from last, so that nobody sees a partition that is not recovered. In between:
//! directories are locked, the metadata log is replayed, this run registers itself, and the
//! logs are opened by as many threads as are allowed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use highwater_config::{BrokerConfig, ConfigErrors, NodeConfig};
use highwater_disk::RealDisk;
use highwater_metadata::{
    BrokerRegistration, BrokerState, ClusterRecord, ConfigResource, Controller, ControllerSettings,
    Decision, Listener, MetadataImage, MetadataRecord, PreviousStop, RegistrationError,
};
use highwater_net::{BoundListener, ListenerError};
use highwater_net::{Budget, NetConfig, ServerHandle, serve};
use highwater_security::AllowAll;
use highwater_storage::{LogDir, NodeIdentity, StorageError, StorageOptions};
use highwater_types::{BrokerId, Offset, PartitionIndex, TopicId, TopicName, TopicPartition};
use parking_lot::Mutex;

use crate::background::{Background, high_watermarks};
use crate::broker::{Broker, Parts, overrides_of, random_id};
use crate::clock::Clock;
use crate::config_rules::{BrokerConfigRules, broker_resource};
use crate::coordinator::GroupCoordinator;
use crate::log_config::log_config;
use crate::metadata_store::{METADATA_TOPIC, MetadataError, MetadataStore};
use crate::open_files;
use crate::service::BrokerService;
use crate::views::BrokerView;

/// The id that Kafka, too, gives to the topic of the metadata log.
const METADATA_TOPIC_ID: TopicId = TopicId([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
/// The format of metadata records that this version writes.
pub(crate) const METADATA_FORMAT: u16 = 1;

/// Why the broker does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration does not fit together.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// A port is taken, or an address is not ours.
    #[error(transparent)]
    Listener(#[from] ListenerError),
    /// A directory cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The metadata cannot be used.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The metadata log belongs to something else.
    #[error("this broker cannot register: {0}")]
    Registration(#[from] RegistrationError),
    /// The log directories disagree about the cluster.
    #[error("{path} belongs to cluster {found}, other directories to {expected}")]
    Clusters {
        /// The directory.
        path: PathBuf,
        /// What its `meta.properties` says.
        found: String,
        /// What the others say.
        expected: String,
    },
    /// There may be logs, and nothing says what they belong to.
    #[error(
        "the metadata log is in none of the log directories, but logs are or may be: a new one \
         would disown them. Bring back the directory that holds __cluster_metadata-0"
    )]
    NoMetadata,
    /// The system refused.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// What the start found and did.
#[derive(Clone, Debug, Default)]
pub struct StartReport {
    /// Listeners as they are bound.
    pub listeners: Vec<String>,
    /// What clients are told to connect to.
    pub advertised: Vec<String>,
    /// The log directories.
    pub log_dirs: Vec<PathBuf>,
    /// Partitions that are served.
    pub partitions: usize,
    /// Partitions that could not be opened.
    pub partitions_failed: usize,
    /// Whether every directory was closed in order.
    pub was_clean: bool,
    /// Bytes that recovery read again.
    pub bytes_scanned: u64,
    /// Bytes of torn tails that were cut.
    pub bytes_cut: u64,
    /// Ranges that were flushed once and are damaged now; they are not served.
    pub ranges_damaged: usize,
    /// How long it took.
    pub took: Duration,
}

/// A broker that serves.
pub struct RunningBroker {
    broker: Arc<Broker>,
    server: Arc<ServerHandle>,
    background: Background,
    timers: tokio::task::JoinHandle<()>,
    budget: Arc<Budget>,
    report: Arc<StartReport>,
}

impl RunningBroker {
    /// Opens, recovers, serves.
    pub async fn start(node: NodeConfig) -> Result<(Self, StartReport), StartError> {
        let started = Instant::now();
        let config = node.broker()?;
        let mut bound = Vec::new();
        for listener in config.client_listeners() {
            bound.push(BoundListener::bind(&listener.name, &listener.host, listener.port).await?);
        }
        let endpoints = endpoints(&config, &bound);
        let mut report = StartReport {
            advertised: endpoints
                .iter()
                .map(|listener| format!("{}://{}:{}", listener.name, listener.host, listener.port))
                .collect(),
            listeners: bound.iter().map(describe).collect(),
            ..StartReport::default()
        };
        let opened = tokio::task::spawn_blocking(move || open(&node, endpoints));
        let opened = opened.await.map_err(|error| StartError::Io {
            what: "opening the data directories",
            source: std::io::Error::other(error),
        })?;
        let (broker, recovery) = opened?;
        recovery.put_into(&mut report);
        report.log_dirs = broker
            .log_dirs
            .iter()
            .map(|dir| dir.path().to_path_buf())
            .collect();
        let background = Background::start(&broker).map_err(|source| StartError::Io {
            what: "starting a thread",
            source,
        })?;
        let timers = tokio::spawn(GroupCoordinator::run_timers(Arc::clone(&broker)));
        let config = broker.config();
        let budget = Budget::new(config.request_budget_bytes());
        let service = Arc::new(BrokerService(Arc::clone(&broker)));
        let server = serve(bound, service, net_config(&config), Arc::clone(&budget));
        let server = Arc::new(server);
        let told = Arc::downgrade(&server);
        broker.watch_config(move |config| {
            if let Some(server) = told.upgrade() {
                server.set_config(net_config(config));
            }
        });
        report.took = started.elapsed();
        Ok((
            Self {
                broker,
                server,
                background,
                timers,
                budget,
                report: Arc::new(report.clone()),
            },
            report,
        ))
    }

    /// A read-only handle.
    pub fn view(&self) -> BrokerView {
        let server = Arc::clone(&self.server);
        BrokerView {
            broker: Arc::clone(&self.broker),
            connections: Arc::new(move || server.counts()),
            budget: Arc::clone(&self.budget),
            start: Arc::clone(&self.report),
        }
    }

    /// Stops in order: no new connections, what is in flight is finished until the deadline,
    /// everything is flushed, and the clean-shutdown marker is written. Returns whether all of
    /// that succeeded.
    pub async fn shut_down(self, deadline: Duration) -> bool {
        // Who waits for minutes would only be cut off at the deadline.
        let (cut_off, ()) = tokio::join!(self.server.shut_down(deadline), async {
            self.broker.end_waits();
        });
        if cut_off > 0 {
            tracing::warn!(
                connections = cut_off,
                "connections were cut off at the deadline"
            );
        }
        self.timers.abort();
        let _ = self.timers.await;
        let (broker, background) = (self.broker, self.background);
        let closed = tokio::task::spawn_blocking(move || {
            background.stop();
            close(&broker)
        });
        closed.await.unwrap_or(false)
    }
}

fn describe(listener: &BoundListener) -> String {
    let address = listener.local_addr().map(|address| address.to_string());
    format!("{}://{}", listener.name(), address.unwrap_or_default())
}

/// What clients are told: the advertised listener of each name, with the real port where the
/// system chose one.
fn endpoints(config: &BrokerConfig, bound: &[BoundListener]) -> Vec<Listener> {
    bound
        .iter()
        .filter_map(|listener| {
            let advertised = config.advertised(listener.name())?;
            let real = listener
                .local_addr()
                .ok()
                .map_or(advertised.port, |addr| addr.port());
            let host = if advertised.host.is_empty() {
                "localhost"
            } else {
                &advertised.host
            };
            Some(Listener {
                name: listener.name().into(),
                host: host.into(),
                port: if advertised.port == 0 {
                    real
                } else {
                    advertised.port
                },
                security_protocol: advertised.protocol.id(),
            })
        })
        .collect()
}

fn net_config(config: &BrokerConfig) -> NetConfig {
    let network = &config.network;
    let overrides = network.max_connections_per_ip_overrides.0.iter();
    NetConfig {
        request_bytes_max: network.socket_request_max_bytes,
        connections_max: network.max_connections,
        connections_per_ip_max: network.max_connections_per_ip,
        connections_per_ip_overrides: overrides
            .filter_map(|(host, count)| Some((host.parse().ok()?, *count)))
            .collect(),
        idle_ms_max: u64::try_from(network.connections_max_idle_ms).unwrap_or(u64::MAX),
        send_buffer_bytes: usize::try_from(network.socket_send_buffer_bytes).ok(),
        receive_buffer_bytes: usize::try_from(network.socket_receive_buffer_bytes).ok(),
        ..NetConfig::default()
    }
}

/// What recovery found, over all logs.
#[derive(Default)]
struct Recovery {
    partitions: AtomicUsize,
    failed: AtomicUsize,
    scanned: AtomicUsize,
    cut: AtomicUsize,
    damaged: AtomicUsize,
    was_clean: bool,
}

impl Recovery {
    fn put_into(&self, report: &mut StartReport) {
        report.partitions = self.partitions.load(Ordering::Relaxed);
        report.partitions_failed = self.failed.load(Ordering::Relaxed);
        report.bytes_scanned = self.scanned.load(Ordering::Relaxed) as u64;
        report.bytes_cut = self.cut.load(Ordering::Relaxed) as u64;
        report.ranges_damaged = self.damaged.load(Ordering::Relaxed);
        report.was_clean = self.was_clean;
    }
}

fn open(
    node: &NodeConfig,
    endpoints: Vec<Listener>,
) -> Result<(Arc<Broker>, Recovery), StartError> {
    let clock = Clock::new();
    open_files::raise_limit();
    let mut typed = node.broker()?;
    let cluster_id = cluster_id(&typed)?;
    let log_dirs = open_log_dirs(&typed, &cluster_id)?;
    let was_clean = log_dirs.iter().all(|dir| dir.was_clean());
    let metadata = open_metadata(&log_dirs, typed.log_dirs.len(), clock)?;
    let id = typed.node_id();
    let lost_dirs = lost_dirs(&metadata.image(), id, &log_dirs)?;
    let registration = BrokerRegistration {
        id,
        incarnation: random_id().0,
        broker_epoch: metadata.offset().get() + 1,
        rack: typed.node.broker_rack.as_deref().map(Into::into),
        state: BrokerState::Active,
        listeners: endpoints,
        features: crate::features::supported(),
        log_dirs: log_dirs
            .iter()
            .map(|dir| dir.directory_id().0)
            .chain(lost_dirs.iter().copied())
            .collect(),
    };
    let previous = if was_clean {
        PreviousStop::Clean
    } else {
        PreviousStop::Unclean
    };
    let broker_epoch = register(&metadata, clock, &cluster_id, &registration, previous)?;
    let image = metadata.image();
    let node = node.with_overrides(
        overrides_of(&image, &ConfigResource::all_brokers()),
        overrides_of(&image, &broker_resource(id)),
    );
    match node.broker() {
        Ok(with_overrides) => typed = with_overrides,
        Err(error) => {
            tracing::error!(%error, "dynamic configuration is not valid and has no effect");
        }
    }
    let broker = Broker::new(Parts {
        id,
        cluster_id,
        clock,
        node,
        typed,
        log_dirs,
        metadata,
        authorizer: Box::new(AllowAll),
    });
    broker.broker_epoch.store(broker_epoch, Ordering::Release);
    let recovery = Recovery {
        was_clean,
        ..Recovery::default()
    };
    open_partitions(&broker, &image, &recovery, !lost_dirs.is_empty())?;
    Ok((broker, recovery))
}

/// The cluster that the directories belong to, or a new one.
fn cluster_id(config: &BrokerConfig) -> Result<String, StartError> {
    let mut known: Option<String> = None;
    for dir in &config.log_dirs {
        let path = Path::new(dir).join("meta.properties");
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let Some(found) = text
            .lines()
            .find_map(|line| line.strip_prefix("cluster.id="))
        else {
            continue;
        };
        let found = found.trim().to_owned();
        match &known {
            Some(expected) if *expected != found => {
                return Err(StartError::Clusters {
                    path,
                    found,
                    expected: expected.clone(),
                });
            }
            _ => known = Some(found),
        }
    }
    Ok(known.unwrap_or_else(|| random_id().to_string()))
}

fn open_log_dirs(config: &BrokerConfig, cluster_id: &str) -> Result<Vec<Arc<LogDir>>, StartError> {
    let options = Arc::new(StorageOptions {
        producer_id_expiration_ms: i64::try_from(config.producer_state.expiration_ms)
            .unwrap_or(i64::MAX),
        open_files_max: open_files::share_of_logs() / config.log_dirs.len().max(1),
        ..StorageOptions::default()
    });
    let disk = Arc::new(RealDisk);
    let mut dirs = Vec::new();
    for path in &config.log_dirs {
        let identity = NodeIdentity {
            cluster_id: cluster_id.to_owned(),
            node_id: config.node_id().get(),
            directory_id: random_id(),
        };
        let path = Path::new(path);
        match LogDir::open(disk.clone(), path, &identity, Arc::clone(&options)) {
            Ok(dir) => dirs.push(dir),
            // One directory of several may be broken; one that somebody else uses is a mistake.
            Err(error @ (StorageError::Locked { .. } | StorageError::Foreign { .. })) => {
                return Err(error.into());
            }
            Err(error) if config.log_dirs.len() == 1 => return Err(error.into()),
            Err(error) => {
                tracing::error!(dir = %path.display(), %error, "a log directory is left out");
            }
        }
    }
    if dirs.is_empty() {
        let source = std::io::Error::other("every directory of log.dirs failed");
        return Err(StartError::Io {
            what: "opening the log directories",
            source,
        });
    }
    Ok(dirs)
}

/// The directories of the last run that are not here while partitions are missing, which then
/// are most likely on them: one that is not mounted looks like a new one. As long as that is
/// so they stay registered.
fn lost_dirs(
    image: &MetadataImage,
    id: BrokerId,
    dirs: &[Arc<LogDir>],
) -> Result<Vec<[u8; 16]>, StartError> {
    let mut missing = mine(id, image);
    for dir in dirs {
        for found in dir.partitions()? {
            missing.remove(&found.tp);
        }
    }
    let Some(registered) = image.broker(id).filter(|_| !missing.is_empty()) else {
        return Ok(Vec::new());
    };
    let is_here = |id: &[u8; 16]| dirs.iter().any(|dir| dir.directory_id().0 == *id);
    let lost = registered.log_dirs.iter().filter(|id| !is_here(id));
    Ok(lost.copied().collect())
}

/// Opens the metadata log. A new one means a cluster without topics, so that every log that is
/// found would be set aside: it is made only where all directories are there and empty.
pub(crate) fn open_metadata(
    dirs: &[Arc<LogDir>],
    configured: usize,
    clock: Clock,
) -> Result<MetadataStore, StartError> {
    let Ok(topic) = TopicName::new(METADATA_TOPIC) else {
        let source = std::io::Error::other("the name of the metadata topic");
        return Err(StartError::Io {
            what: "opening the metadata log",
            source,
        });
    };
    let name = TopicPartition::new(topic, PartitionIndex(0));
    let config = Arc::new(highwater_storage::LogConfig {
        delete: false,
        retention_ms: None,
        ..highwater_storage::LogConfig::default()
    });
    let mut may_be_new = dirs.len() == configured;
    for dir in dirs {
        let partitions = dir.partitions()?;
        if partitions.iter().any(|found| found.tp == name) {
            let (log, _) = dir.open_partition(&name, config, clock.now())?;
            return Ok(MetadataStore::open(log)?);
        }
        may_be_new &= partitions.is_empty();
    }
    if !may_be_new {
        return Err(StartError::NoMetadata);
    }
    let Some(dir) = dirs.first() else {
        let source = std::io::Error::other("there is no log directory");
        return Err(StartError::Io {
            what: "opening the metadata log",
            source,
        });
    };
    Ok(MetadataStore::open(dir.create_partition(
        &name,
        METADATA_TOPIC_ID,
        config,
    )?)?)
}

/// Makes this run of the process known; returns its epoch. Nothing acts on the change: the
/// partitions are opened behind it.
fn register(
    metadata: &MetadataStore,
    clock: Clock,
    cluster_id: &str,
    registration: &BrokerRegistration,
    previous: PreviousStop,
) -> Result<i64, StartError> {
    if metadata.image().cluster().is_none() {
        let record = MetadataRecord::Cluster(ClusterRecord {
            cluster_id: cluster_id.into(),
            format_version: METADATA_FORMAT,
        });
        let decide = |_: &MetadataImage| Decision {
            records: vec![record],
            response: (),
        };
        metadata.submit(clock.now(), decide, |_, _| {})?;
    }
    let settings = ControllerSettings {
        features: crate::features::supported(),
        ..ControllerSettings::default()
    };
    let rules = BrokerConfigRules {
        node: Arc::new(NodeConfig::default()),
    };
    let decide = |image: &MetadataImage| {
        let controller = Controller::new(image, &settings, &rules);
        match controller.register_broker(cluster_id, registration, previous) {
            Ok(decision) => Decision {
                records: decision.records,
                response: Ok(decision.response),
            },
            Err(error) => Decision {
                records: Vec::new(),
                response: Err(error),
            },
        }
    };
    Ok(metadata.submit(clock.now(), decide, |_, _| {})??)
}

struct Job {
    dir: Arc<LogDir>,
    name: TopicPartition,
    topic_id: TopicId,
}

fn open_partitions(
    broker: &Arc<Broker>,
    image: &Arc<MetadataImage>,
    recovery: &Recovery,
    is_incomplete: bool,
) -> Result<(), StartError> {
    let mut missing = mine(broker.id, image);
    let mut jobs = Vec::new();
    for dir in &broker.log_dirs {
        for found in dir.partitions()? {
            if found.tp.topic.as_str() == METADATA_TOPIC {
                continue;
            }
            let expected = missing.get(&found.tp).copied();
            if expected.is_some() && (found.topic_id == expected || found.topic_id.is_none()) {
                let topic_id = missing.remove(&found.tp).unwrap_or_default();
                jobs.push(Job {
                    dir: Arc::clone(dir),
                    name: found.tp,
                    topic_id,
                });
            } else {
                set_aside(dir, &found.tp);
            }
        }
    }
    let threads = broker.config().log.num_recovery_threads_per_data_dir * broker.log_dirs.len();
    let queue = Mutex::new(jobs);
    std::thread::scope(|scope| {
        for _ in 0..threads.max(2) {
            scope.spawn(|| {
                loop {
                    let Some(job) = queue.lock().pop() else {
                        return;
                    };
                    open_one(broker, image, job, recovery);
                }
            });
        }
    });
    let mut missing: Vec<_> = missing.into_iter().collect();
    missing.sort();
    let is_incomplete = is_incomplete || broker.log_dirs.len() < broker.config().log_dirs.len();
    if !missing.is_empty() && is_incomplete {
        // They may lie in a directory that is out of reach. Made anew they would be empty, and
        // take offsets that belong to other records.
        recovery.failed.fetch_add(missing.len(), Ordering::Relaxed);
        for (name, topic_id) in &missing {
            broker.unserved.add(*topic_id, name.partition);
        }
        tracing::error!(
            partitions = missing.len(),
            "not served, because a log directory is not there; bring it back, or delete the \
             topics if it is lost"
        );
        return Ok(());
    }
    // What a crash prevented from being made.
    recovery
        .partitions
        .fetch_add(missing.len(), Ordering::Relaxed);
    broker.create_partitions(image, &missing);
    Ok(())
}

fn mine(id: BrokerId, image: &MetadataImage) -> HashMap<TopicPartition, TopicId> {
    let mut wanted = HashMap::new();
    for topic in image.topics() {
        for (index, partition) in topic.partitions() {
            if partition.replicas.contains(&id) {
                wanted.insert(TopicPartition::new(topic.name.clone(), index), topic.id);
            }
        }
    }
    wanted
}

/// A directory that no topic claims is kept under another name, never deleted: the metadata
/// might be what is wrong.
fn set_aside(dir: &LogDir, name: &TopicPartition) {
    let from = dir.path().join(name.to_string());
    let to = dir.path().join(format!("{name}.{}-stray", random_id()));
    match std::fs::rename(&from, &to) {
        Ok(()) => tracing::warn!(
            from = %from.display(), to = %to.display(),
            "a log belongs to no topic that exists and is set aside"
        ),
        Err(error) => {
            tracing::error!(dir = %from.display(), %error, "cannot set a stray log aside");
        }
    }
}

fn open_one(broker: &Arc<Broker>, image: &Arc<MetadataImage>, job: Job, recovery: &Recovery) {
    let config = broker.topic_config(image, &job.name.topic);
    let log_config = Arc::new(log_config(&config));
    match job
        .dir
        .open_partition(&job.name, log_config, broker.clock.now())
    {
        Ok((log, report)) => {
            recovery.partitions.fetch_add(1, Ordering::Relaxed);
            recovery
                .scanned
                .fetch_add(report.bytes_checked as usize, Ordering::Relaxed);
            let cut = report.cut.as_ref().map_or(0, |cut| cut.bytes);
            recovery.cut.fetch_add(cut as usize, Ordering::Relaxed);
            recovery
                .damaged
                .fetch_add(report.damaged.len(), Ordering::Relaxed);
            let high_watermark = job
                .dir
                .high_watermark_at_start(&job.name)
                .unwrap_or(Offset::ZERO);
            broker.serve_partition(image, job.name, job.topic_id, log, config, high_watermark);
        }
        Err(error) => {
            recovery.failed.fetch_add(1, Ordering::Relaxed);
            broker.unserved.add(job.topic_id, job.name.partition);
            tracing::error!(partition = %job.name, %error, "a log cannot be opened");
        }
    }
}

/// Flushes and closes everything; true if the next start may take it as clean.
fn close(broker: &Arc<Broker>) -> bool {
    let mut clean = true;
    // No topic is made any more, so the partitions that are here now are all.
    if let Err(error) = broker.metadata.close() {
        tracing::error!(%error, "the metadata log could not be closed");
        clean = false;
    }
    broker.flusher.close();
    for partition in broker.partitions.all() {
        if partition.log.log_dir().is_offline() {
            clean = false;
            continue;
        }
        if let Err(error) = partition.log.close() {
            tracing::error!(partition = %partition.name, %error, "a log could not be closed");
            clean = false;
        }
    }
    for dir in &broker.log_dirs {
        if let Err(error) = dir.close_clean(&high_watermarks(broker, dir)) {
            tracing::error!(dir = %dir.path().display(), %error, "cannot mark a clean stop");
            clean = false;
        }
    }
    clean
}
