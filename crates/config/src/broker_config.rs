//! The values of one broker on which the daemon acts, typed and checked against each other.

use highwater_types::BrokerId;

use crate::check_together::check_together;
use crate::error::{ConfigError, ConfigErrors};
use crate::listener::{Listener, SecurityProtocol, parse_listeners, parse_protocol_map};
use crate::node_config::NodeConfig;
use crate::settings::Reader;
use crate::settings::coordinators::{GroupSettings, ShareGroupSettings, TransactionSettings};
use crate::settings::network::NetworkSettings;
use crate::settings::node::{NodeSettings, QuotaSettings, ReplicationSettings};
use crate::settings::storage::{CleanerSettings, LogSettings, ProducerStateSettings};
use crate::topic_config::TopicConfig;

/// The configuration of one broker, with its endpoints parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerConfig {
    /// Who the node is and where its control listeners are.
    pub node: NodeSettings,
    /// Where clients connect.
    pub listeners: Vec<Listener>,
    /// What clients are told to connect to: as set, or else `listeners`; never those for
    /// controllers.
    pub advertised_listeners: Vec<Listener>,
    /// The name of the listener over which brokers talk to each other.
    pub inter_broker_listener: String,
    /// The directories of the logs, the first of which holds the metadata.
    pub log_dirs: Vec<String>,
    /// Sockets, connections, requests and their limits.
    pub network: NetworkSettings,
    /// Creation, flushing, retention and recovery of logs.
    pub log: LogSettings,
    /// Compaction.
    pub cleaner: CleanerSettings,
    /// Memory of idempotent producers.
    pub producer_state: ProducerStateSettings,
    /// The values of a topic without overrides.
    pub topic_defaults: TopicConfig,
    /// In-sync replicas and fetching from leaders.
    pub replication: ReplicationSettings,
    /// Group coordination and committed offsets.
    pub groups: GroupSettings,
    /// Share groups.
    pub share_groups: ShareGroupSettings,
    /// Transaction coordination.
    pub transactions: TransactionSettings,
    /// Windows over which quotas are measured.
    pub quotas: QuotaSettings,
}

impl BrokerConfig {
    pub(crate) fn read(node: &NodeConfig) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(node);
        let topic_defaults = TopicConfig::defaults(node).and_then(|c| c.with_overrides(&[].into()));
        let topic_defaults = match topic_defaults {
            Ok(config) => config,
            Err(error) => {
                reader.refuse(None, error);
                return Err(reader.into_errors());
            }
        };
        let (listeners, advertised_listeners) = endpoints(&mut reader);
        let config = Self {
            node: NodeSettings::read(&mut reader),
            inter_broker_listener: inter_broker_listener(&mut reader, &advertised_listeners),
            listeners,
            advertised_listeners,
            log_dirs: log_dirs(&mut reader),
            network: NetworkSettings::read(&mut reader),
            log: LogSettings::read(&mut reader),
            cleaner: CleanerSettings::read(&mut reader),
            producer_state: ProducerStateSettings::read(&mut reader),
            topic_defaults,
            replication: ReplicationSettings::read(&mut reader),
            groups: GroupSettings::read(&mut reader),
            share_groups: ShareGroupSettings::read(&mut reader),
            transactions: TransactionSettings::read(&mut reader),
            quotas: QuotaSettings::read(&mut reader),
        };
        check_together(&config, &mut reader);
        reader.into_errors().into_result()?;
        Ok(config)
    }

    /// How many bytes all requests that were read and not yet answered may take.
    ///
    /// Kafka's default, −1, means no bound at all; here it means 128 MiB, or one request of the
    /// largest size if that is more.
    pub fn request_budget_bytes(&self) -> usize {
        const BUDGET_BYTES_DEFAULT: usize = 128 * 1024 * 1024;
        match usize::try_from(self.network.queued_max_request_bytes) {
            Ok(bytes) if bytes > 0 => bytes,
            _ => BUDGET_BYTES_DEFAULT.max(self.network.socket_request_max_bytes),
        }
    }

    /// The listeners to which clients connect; those of controllers are left out.
    pub fn client_listeners(&self) -> impl Iterator<Item = &Listener> {
        self.listeners
            .iter()
            .filter(|listener| !self.is_controller_listener(&listener.name))
    }

    /// Whether a listener is for controllers alone.
    pub fn is_controller_listener(&self, name: &str) -> bool {
        let names = &self.node.controller_listener_names;
        names
            .iter()
            .any(|controller| controller.eq_ignore_ascii_case(name))
    }

    /// The number of the node.
    pub fn node_id(&self) -> BrokerId {
        BrokerId(self.node.node_id)
    }

    /// The advertised listener of a name.
    pub fn advertised(&self, name: &str) -> Option<&Listener> {
        self.advertised_listeners
            .iter()
            .find(|listener| listener.name == name)
    }
}

/// Both lists of listeners; clients are never told of those for controllers.
fn endpoints(reader: &mut Reader<'_>) -> (Vec<Listener>, Vec<Listener>) {
    const MAP: &str = "listener.security.protocol.map";
    let mut protocols = parse_protocol_map(reader.text(MAP)).unwrap_or_else(|error| {
        reader.refuse(Some(MAP), error);
        Default::default()
    });
    let controllers = reader.list("controller.listener.names");
    // A controller's listener needs no entry of its own unless the map is set, as in Kafka.
    if !reader.is_set(MAP) {
        for name in &controllers {
            protocols
                .entry(name.to_ascii_uppercase())
                .or_insert(SecurityProtocol::Plaintext);
        }
    }
    let mut parse = |key: &'static str| {
        parse_listeners(key, reader.text(key), &protocols).unwrap_or_else(|error| {
            reader.refuse(Some(key), error);
            Vec::new()
        })
    };
    let listeners = parse("listeners");
    let explicit = parse("advertised.listeners");
    let told = if reader.is_set("advertised.listeners") {
        &explicit
    } else {
        &listeners
    };
    let is_controller = |name: &str| controllers.iter().any(|c| c.eq_ignore_ascii_case(name));
    let advertised = told
        .iter()
        .filter(|listener| !is_controller(&listener.name))
        .cloned()
        .collect();
    (listeners, advertised)
}

/// The listener that is named, or else the one called as the protocol between brokers, or, where
/// nobody has named either, the first that there is.
fn inter_broker_listener(reader: &mut Reader<'_>, advertised: &[Listener]) -> String {
    const NAME: &str = "inter.broker.listener.name";
    const PROTOCOL: &str = "security.inter.broker.protocol";
    if reader.is_set(NAME) && reader.is_set(PROTOCOL) {
        let text = format!("Only one of {NAME} and {PROTOCOL} should be set.");
        reader.refuse(Some(NAME), ConfigError::Conflict(text));
    }
    let key = if reader.is_set(NAME) { NAME } else { PROTOCOL };
    let name = reader.text(key).to_ascii_uppercase();
    let is_there = advertised.iter().any(|listener| listener.name == name);
    match advertised.first() {
        Some(first) if !is_there && !reader.is_set(key) => first.name.clone(),
        _ => name,
    }
}

fn log_dirs(reader: &mut Reader<'_>) -> Vec<String> {
    let key = "log.dirs";
    let dirs = reader.list(key);
    if dirs.is_empty() || dirs.iter().any(String::is_empty) {
        let error =
            ConfigError::invalid(key, reader.text(key), "at least one directory, none empty");
        reader.refuse(Some(key), error);
    }
    let mut seen = Vec::new();
    for dir in &dirs {
        if seen.contains(&dir) {
            let error = ConfigError::invalid(key, dir, "the directory is there twice");
            reader.refuse(Some(key), error);
        }
        seen.push(dir);
    }
    dirs
}

#[cfg(test)]
mod tests;
