//! Values that are right one by one and wrong together.

use crate::broker_config::BrokerConfig;
use crate::error::ConfigError;
use crate::listener::{collide, is_wildcard};
use crate::settings::Reader;

pub(crate) fn check_together(config: &BrokerConfig, reader: &mut Reader<'_>) {
    check_node(config, reader);
    check_listeners(config, reader);
    check_advertised(config, reader);
    check_requests(config, reader);
    check_cleaner(config, reader);
    check_groups(config, reader);
    check_authorizer(reader);
}

fn refuse(reader: &mut Reader<'_>, key: &str, text: String) {
    reader.refuse(Some(key), ConfigError::Conflict(text));
}

/// A broker that was protected must not come up open to all.
fn check_authorizer(reader: &mut Reader<'_>) {
    const KEY: &str = "authorizer.class.name";
    if !reader.text(KEY).is_empty() {
        let text = "authorizer.class.name is set, but there is no access control yet: whoever \
                    reaches a listener may do everything. Remove it to run without";
        refuse(reader, KEY, text.to_owned());
    }
}

fn check_node(config: &BrokerConfig, reader: &mut Reader<'_>) {
    let node = &config.node;
    if reader.is_set("broker.id") && reader.is_set("node.id") && node.broker_id != node.node_id {
        refuse(
            reader,
            "broker.id",
            format!(
                "broker.id ({}) and node.id ({}) must be the same; remove broker.id",
                node.broker_id, node.node_id
            ),
        );
    }
    if config.node.process_roles.is_empty() {
        let error = ConfigError::invalid("process.roles", "", "broker, controller or both");
        reader.refuse(Some("process.roles"), error);
    }
    if node.broker_heartbeat_interval_ms >= node.broker_session_timeout_ms {
        refuse(
            reader,
            "broker.heartbeat.interval.ms",
            "broker.heartbeat.interval.ms must be less than broker.session.timeout.ms".into(),
        );
    }
}

fn check_listeners(config: &BrokerConfig, reader: &mut Reader<'_>) {
    if config.listeners.is_empty() {
        let error = ConfigError::invalid(
            "listeners",
            reader.text("listeners"),
            "at least one listener",
        );
        reader.refuse(Some("listeners"), error);
    }
    for (index, listener) in config.listeners.iter().enumerate() {
        if config.listeners[..index]
            .iter()
            .any(|other| collide(other, listener))
        {
            refuse(
                reader,
                "listeners",
                format!(
                    "Each listener must have a different port unless one has an IPv4 and the \
                     other an IPv6 address; {} is used twice",
                    listener.port
                ),
            );
        }
    }
    let admin = &config.network.admin_listener;
    if !admin.is_empty() && split_address(admin).is_none() {
        let reason = "must be host:port, for example 127.0.0.1:9644, or empty for none";
        let error = ConfigError::invalid("admin.listener", admin, reason);
        reader.refuse(Some("admin.listener"), error);
    }
}

/// Host and port of `host:port`; IPv6 addresses stand in brackets.
pub(crate) fn split_address(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.trim().rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    Some((host, port.parse().ok()?))
}

fn check_advertised(config: &BrokerConfig, reader: &mut Reader<'_>) {
    const KEY: &str = "advertised.listeners";
    for advertised in &config.advertised_listeners {
        let name = &advertised.name;
        if !config
            .listeners
            .iter()
            .any(|listener| listener.name == *name)
        {
            refuse(
                reader,
                KEY,
                format!(
                    "advertised.listeners names {name}, which is not in listeners ({}); use the \
                     same names in both",
                    names(config)
                ),
            );
        }
        // An empty host or a wildcard is what a bound address may be and an advertised may not;
        // where nothing is advertised explicitly, the driver fills in the name of the machine.
        if reader.is_set(KEY) && is_wildcard(&advertised.host) {
            refuse(
                reader,
                KEY,
                format!(
                    "advertised.listeners cannot use the nonroutable meta-address {advertised}; \
                     put the name or address there under which clients reach this machine"
                ),
            );
        }
    }
    let inter_broker = &config.inter_broker_listener;
    let is_advertised = config.advertised(inter_broker).is_some();
    let is_broker = config
        .node
        .process_roles
        .iter()
        .any(|role| role == "broker");
    let is_explicit = reader.is_set("inter.broker.listener.name")
        || reader.is_set("security.inter.broker.protocol");
    if is_explicit && is_broker && !is_advertised {
        refuse(
            reader,
            "inter.broker.listener.name",
            format!(
                "inter.broker.listener.name must be a listener name defined in \
                 advertised.listeners. The valid options based on currently configured listeners \
                 are {}",
                names(config)
            ),
        );
    }
}

fn names(config: &BrokerConfig) -> String {
    let names: Vec<_> = config
        .listeners
        .iter()
        .map(|listener| listener.name.as_str())
        .collect();
    names.join(", ")
}

fn check_requests(config: &BrokerConfig, reader: &mut Reader<'_>) {
    let network = &config.network;
    if let Ok(budget) = usize::try_from(network.queued_max_request_bytes)
        && budget > 0
        && budget < network.socket_request_max_bytes
    {
        refuse(
            reader,
            "queued.max.request.bytes",
            "queued.max.request.bytes must be larger or equal to socket.request.max.bytes".into(),
        );
    }
    for (key, bytes) in [
        (
            "socket.receive.buffer.bytes",
            network.socket_receive_buffer_bytes,
        ),
        ("socket.send.buffer.bytes", network.socket_send_buffer_bytes),
    ] {
        if bytes < 1 && bytes != -1 {
            let error = ConfigError::invalid(key, &bytes.to_string(), "at least 1, or -1");
            reader.refuse(Some(key), error);
        }
    }
}

fn check_cleaner(config: &BrokerConfig, reader: &mut Reader<'_>) {
    const KEY: &str = "log.cleaner.dedupe.buffer.size";
    let cleaner = &config.cleaner;
    if cleaner.threads > 0 && cleaner.dedupe_buffer_bytes / cleaner.threads < 1024 * 1024 {
        refuse(
            reader,
            KEY,
            format!("{KEY} must be at least 1MB per cleaner thread."),
        );
    }
    let factor = cleaner.dedupe_buffer_load_factor;
    if !(factor > 0.0 && factor <= 1.0) {
        let key = "log.cleaner.io.buffer.load.factor";
        let error = ConfigError::invalid(key, &factor.to_string(), "above 0 and at most 1");
        reader.refuse(Some(key), error);
    }
}

fn check_groups(config: &BrokerConfig, reader: &mut Reader<'_>) {
    let groups = &config.groups;
    let mut ordered = |small: &str, small_ms: u64, large: &str, large_ms: u64| {
        if small_ms > large_ms {
            let text = format!(
                "{large} ({large_ms}) must be greater than or equal to {small} ({small_ms})"
            );
            refuse(reader, large, text);
        }
    };
    ordered(
        "group.min.session.timeout.ms",
        groups.session_timeout_ms_min,
        "group.max.session.timeout.ms",
        groups.session_timeout_ms_max,
    );
    for (key, min_ms, own_ms, max_ms) in [
        (
            "heartbeat.interval.ms",
            groups.consumer_heartbeat_interval_ms_min,
            groups.consumer_heartbeat_interval_ms,
            groups.consumer_heartbeat_interval_ms_max,
        ),
        (
            "session.timeout.ms",
            groups.consumer_session_timeout_ms_min,
            groups.consumer_session_timeout_ms,
            groups.consumer_session_timeout_ms_max,
        ),
    ] {
        let own = format!("group.consumer.{key}");
        ordered(&format!("group.consumer.min.{key}"), min_ms, &own, own_ms);
        ordered(&own, own_ms, &format!("group.consumer.max.{key}"), max_ms);
    }
}
