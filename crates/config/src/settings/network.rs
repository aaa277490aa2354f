//! Sockets, connections and requests.

use crate::settings::settings;

settings! {
    /// Sockets, connections, requests and their limits.
    pub struct NetworkSettings {
        /// Address of the HTTP endpoint for health and metrics; empty for none.
        admin_listener: String = "admin.listener",
        /// Whether listeners off loopback may do without encryption and authentication.
        allow_insecure_listeners: bool = "allow.insecure.listeners",
        /// How long an idle connection is kept; below 0 for ever.
        connections_max_idle_ms: i64 = "connections.max.idle.ms",
        /// Largest answer to a fetch; one batch may exceed it.
        fetch_max_bytes: usize = "fetch.max.bytes",
        /// Most new connections in a second.
        max_connection_creation_rate: usize = "max.connection.creation.rate",
        /// Most connections at a time.
        max_connections: usize = "max.connections",
        /// Most connections from one address.
        max_connections_per_ip: usize = "max.connections.per.ip",
        /// Other limits for some addresses, as `host:count` pairs.
        max_connections_per_ip_overrides: ConnectionOverrides = "max.connections.per.ip.overrides",
        /// Most incremental fetch sessions that are remembered.
        max_incremental_fetch_session_cache_slots: usize = "max.incremental.fetch.session.cache.slots",
        /// Most partitions in an answer to DescribeTopicPartitions.
        max_request_partition_size_limit: usize = "max.request.partition.size.limit",
        /// Threads that carry out requests.
        num_io_threads: usize = "num.io.threads",
        /// Threads that read and write sockets.
        num_network_threads: usize = "num.network.threads",
        /// Bytes of requests in memory; see `BrokerConfig::request_budget_bytes`.
        queued_max_request_bytes: i64 = "queued.max.request.bytes",
        /// Most requests that were read and not yet answered.
        queued_max_requests: usize = "queued.max.requests",
        /// How long a request to another broker may take.
        request_timeout_ms: u64 = "request.timeout.ms",
        /// Connections that wait to be accepted.
        socket_listen_backlog_size: i32 = "socket.listen.backlog.size",
        /// Size of the receive buffer of a socket; −1 for the system's default.
        socket_receive_buffer_bytes: i32 = "socket.receive.buffer.bytes",
        /// Largest request.
        socket_request_max_bytes: usize = "socket.request.max.bytes",
        /// Size of the send buffer of a socket; −1 for the system's default.
        socket_send_buffer_bytes: i32 = "socket.send.buffer.bytes",
    }
}

/// The limits of `max.connections.per.ip.overrides`, by host name or address.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ConnectionOverrides(pub Vec<(String, usize)>);

impl crate::settings::FromValue for ConnectionOverrides {
    const EXPECTED: &'static str = "must be a list of host:count, for example 127.0.0.1:200";

    fn from_value(value: Option<&str>) -> Option<Self> {
        let items = crate::value::list_items(value.unwrap_or_default());
        let pairs = items.map(|item| {
            // The last colon, because an IPv6 address has colons of its own.
            let (host, count) = item.rsplit_once(':')?;
            let host = host.trim().trim_start_matches('[').trim_end_matches(']');
            (!host.is_empty()).then_some(())?;
            Some((host.to_owned(), count.trim().parse().ok()?))
        });
        pairs.collect::<Option<Vec<_>>>().map(Self)
    }
}
