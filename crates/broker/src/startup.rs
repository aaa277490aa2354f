//! From a configuration to a broker that serves, and back to nothing.
//!
//! The order matters. Listeners are bound first, so that a taken port is known at once, and
//! accepted from last, so that nobody sees a partition that is not recovered. In between:
//! directories are locked, the metadata log is replayed, this run registers itself, and the
//! logs are opened by as many threads as are allowed.

mod directories;
mod host_names;
mod listeners;
mod recovery;
mod registration;
mod shutdown;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use highwater_config::{ConfigErrors, NodeConfig};
use highwater_metadata::{
    BrokerRegistration, BrokerState, Listener, PreviousStop, RegistrationError,
};
use highwater_net::{BoundListener, Budget, ListenerError, ServerHandle, serve};
use highwater_security::AllowAll;
use highwater_storage::StorageError;

use crate::background::Background;
use crate::broker::{Broker, Parts, random_id};
use crate::clock::Clock;
use crate::config_rules::stored_config;
use crate::metadata_store::MetadataError;
use crate::open_files;
use crate::service::BrokerService;
use crate::views::BrokerView;
use directories::{cluster_id, lost_dirs, open_log_dirs};
use host_names::warn_of_unknown_names;
use listeners::{Limits, describe, endpoints, first_limits};
use recovery::{Recovery, open_partitions};
use registration::register;

pub(crate) use directories::open_metadata;
pub(crate) use registration::METADATA_FORMAT;

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
    announcer: tokio::task::JoinHandle<()>,
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
        warn_of_unknown_names(&endpoints);
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
        let for_timers = Arc::clone(&broker);
        let timers = tokio::spawn(async move {
            let groups = for_timers.groups.run_timers(&for_timers);
            let transactions = for_timers.transactions.run_timers(&for_timers);
            tokio::join!(groups, transactions);
        });
        let announcer = tokio::spawn(Arc::clone(&broker.flusher).announce());
        let config = broker.config();
        let budget = Budget::new(config.request_budget_bytes());
        let service = Arc::new(BrokerService(Arc::clone(&broker)));
        let limits = first_limits(&config);
        let server = serve(bound, service, limits.clone(), Arc::clone(&budget));
        let server = Arc::new(server);
        let limits = Limits::of(&server, &limits);
        broker.watch_config(move |config| limits.follow(config));
        report.took = started.elapsed();
        Ok((
            Self {
                broker,
                server,
                background,
                timers,
                announcer,
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
        self.announcer.abort();
        let _ = self.timers.await;
        let (broker, background) = (self.broker, self.background);
        let closed = tokio::task::spawn_blocking(move || {
            background.stop();
            shutdown::close(&broker)
        });
        closed.await.unwrap_or(false)
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
    let stored = stored_config(node, &image, id);
    let node = stored.node;
    typed = stored.config.unwrap_or(typed);
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
    let recovery = Recovery::after(previous);
    open_partitions(&broker, &image, &recovery, !lost_dirs.is_empty())?;
    Ok((broker, recovery))
}
