//! What clients connect to: listeners as they are bound and as they are advertised, and limits.

use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::{Arc, Weak};

use highwater_config::BrokerConfig;
use highwater_metadata::Listener;
use highwater_net::{BoundListener, NetConfig, ServerHandle};
use parking_lot::Mutex;

pub(super) fn describe(listener: &BoundListener) -> String {
    let address = listener.local_addr().map(|address| address.to_string());
    format!("{}://{}", listener.name(), address.unwrap_or_default())
}

/// Whether no client could connect to this address, although a socket may be bound to it.
fn is_wildcard(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.is_empty()
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_unspecified())
}

/// The name by which other machines may know this one.
fn machine_name() -> String {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    match name.as_ref() {
        "" | "(none)" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

/// What clients are told: the advertised listener of each name, with the real port where the
/// system chose one.
pub(super) fn endpoints(config: &BrokerConfig, bound: &[BoundListener]) -> Vec<Listener> {
    bound
        .iter()
        .filter_map(|listener| {
            let advertised = config.advertised(listener.name())?;
            let real = listener
                .local_addr()
                .ok()
                .map_or(advertised.port, |addr| addr.port());
            let machine = machine_name();
            let host = match is_wildcard(&advertised.host) {
                true => machine.as_str(),
                false => &advertised.host,
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

/// Keeps the limits of a server as the configuration has them. Names of hosts are looked up on
/// a thread of its own, since whoever changes the configuration holds up the metadata meanwhile;
/// until then hosts keep the limits that they had.
pub(super) struct Limits {
    server: Weak<ServerHandle>,
    looked_up: Arc<Mutex<LookedUp>>,
}

struct LookedUp {
    /// Counts the changes: a slow look-up must not undo what came after it.
    changes: u64,
    overrides: HashMap<IpAddr, usize>,
}

impl Limits {
    pub(super) fn of(server: &Arc<ServerHandle>, first: &NetConfig) -> Self {
        Self {
            server: Arc::downgrade(server),
            looked_up: Arc::new(Mutex::new(LookedUp {
                changes: 0,
                overrides: first.connections_per_ip_overrides.clone(),
            })),
        }
    }

    pub(super) fn follow(&self, config: &BrokerConfig) {
        let by_host = &config.network.max_connections_per_ip_overrides.0;
        let is_named = |(host, _): &&(String, usize)| host.parse::<IpAddr>().is_err();
        let has_names = by_host.iter().any(|entry| is_named(&entry));
        let by_address: Vec<_> = by_host
            .iter()
            .filter(|entry| !is_named(entry))
            .cloned()
            .collect();
        let mut looked_up = self.looked_up.lock();
        looked_up.changes += 1;
        if !has_names {
            looked_up.overrides.clear();
        }
        looked_up.overrides.extend(overrides(&by_address));
        if let Some(server) = self.server.upgrade() {
            server.set_config(net_config(config, looked_up.overrides.clone()));
        }
        let change = looked_up.changes;
        drop(looked_up);
        if has_names {
            self.look_up(config, change);
        }
    }

    /// Sets the limits anew when the addresses of all hosts are known.
    fn look_up(&self, config: &BrokerConfig, change: u64) {
        let by_host = config.network.max_connections_per_ip_overrides.0.clone();
        let mut limits = net_config(config, HashMap::new());
        let (server, looked_up) = (Weak::clone(&self.server), Arc::clone(&self.looked_up));
        let looking = std::thread::Builder::new().name("host-names".to_owned());
        let spawned = looking.spawn(move || {
            limits.connections_per_ip_overrides = overrides(&by_host);
            let mut looked_up = looked_up.lock();
            if let Some(server) = server.upgrade().filter(|_| looked_up.changes == change) {
                looked_up.overrides = limits.connections_per_ip_overrides.clone();
                server.set_config(limits);
            }
        });
        if let Err(error) = spawned {
            tracing::error!(%error, "cannot start a thread that looks up host names");
        }
    }
}

/// The limits at the start.
pub(super) fn first_limits(config: &BrokerConfig) -> NetConfig {
    let by_host = &config.network.max_connections_per_ip_overrides.0;
    net_config(config, overrides(by_host))
}

fn net_config(config: &BrokerConfig, overrides: HashMap<IpAddr, usize>) -> NetConfig {
    let network = &config.network;
    NetConfig {
        request_bytes_max: network.socket_request_max_bytes,
        connections_max: network.max_connections,
        connections_per_ip_max: network.max_connections_per_ip,
        connections_per_ip_overrides: overrides,
        idle_ms_max: u64::try_from(network.connections_max_idle_ms).unwrap_or(u64::MAX),
        send_buffer_bytes: usize::try_from(network.socket_send_buffer_bytes).ok(),
        receive_buffer_bytes: usize::try_from(network.socket_receive_buffer_bytes).ok(),
        ..NetConfig::default()
    }
}

/// The limits of single addresses. Hosts may be named; one that has no address now, or gets
/// others later, keeps the limit of all.
fn overrides(by_host: &[(String, usize)]) -> HashMap<IpAddr, usize> {
    let mut limits = HashMap::new();
    for (host, count) in by_host {
        match (host.as_str(), 0).to_socket_addrs() {
            Ok(addresses) => {
                limits.extend(addresses.map(|address| (address.ip().to_canonical(), *count)));
            }
            Err(error) => tracing::warn!(
                host, %error, "max.connections.per.ip.overrides names a host without an address"
            ),
        }
    }
    limits
}
