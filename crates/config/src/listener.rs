//! Endpoints: where a broker listens, and what it tells clients to connect to.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::fmt;

use crate::error::ConfigError;
use crate::value::list_items;

/// How the bytes of a connection are protected and who is asked for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecurityProtocol {
    /// Neither encrypted nor authenticated.
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL without encryption.
    SaslPlaintext,
    /// SASL within TLS.
    SaslSsl,
}

impl SecurityProtocol {
    /// Reads Kafka's name of a protocol.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_uppercase().as_str() {
            "PLAINTEXT" => Some(Self::Plaintext),
            "SSL" => Some(Self::Ssl),
            "SASL_PLAINTEXT" => Some(Self::SaslPlaintext),
            "SASL_SSL" => Some(Self::SaslSsl),
            _ => None,
        }
    }

    /// Kafka's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    /// The number by which the wire and the metadata log name it.
    pub const fn id(self) -> i16 {
        match self {
            Self::Plaintext => 0,
            Self::Ssl => 1,
            Self::SaslPlaintext => 2,
            Self::SaslSsl => 3,
        }
    }

    /// Whether the connection is encrypted.
    pub const fn is_encrypted(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }
}

/// One entry of `listeners` or `advertised.listeners`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The name, in upper case, that ties the two lists together.
    pub name: String,
    /// A host name or address without brackets; empty means every interface.
    pub host: String,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// What `listener.security.protocol.map` says of the name.
    pub protocol: SecurityProtocol,
}

impl Listener {
    /// Whether every interface of the machine is meant.
    pub fn is_wildcard(&self) -> bool {
        is_wildcard(&self.host)
    }

    /// Whether only processes of this machine can reach it.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

/// Printed as it is configured.
impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "{}://[{}]:{}", self.name, self.host, self.port)
        } else {
            write!(f, "{}://{}:{}", self.name, self.host, self.port)
        }
    }
}

pub(crate) fn is_wildcard(host: &str) -> bool {
    host.is_empty()
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_unspecified())
}

pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Reads `listener.security.protocol.map`; names are put in upper case.
pub fn parse_protocol_map(text: &str) -> Result<BTreeMap<String, SecurityProtocol>, ConfigError> {
    const KEY: &str = "listener.security.protocol.map";
    let mut map = BTreeMap::new();
    for item in list_items(text) {
        let pair = item.split_once(':').and_then(|(name, protocol)| {
            Some((
                name.trim().to_ascii_uppercase(),
                SecurityProtocol::parse(protocol)?,
            ))
        });
        let Some((name, protocol)) = pair.filter(|(name, _)| !name.is_empty()) else {
            return Err(ConfigError::invalid(
                KEY,
                text,
                format!(
                    "{item} must be NAME:PROTOCOL, with one of PLAINTEXT, SSL, SASL_PLAINTEXT, \
                     SASL_SSL as protocol"
                ),
            ));
        };
        if map.insert(name.clone(), protocol).is_some() {
            let reason = format!("the listener name {name} is mapped twice");
            return Err(ConfigError::invalid(KEY, text, reason));
        }
    }
    Ok(map)
}

/// Reads a list of listeners; `key` only names the key in errors.
pub fn parse_listeners(
    key: &str,
    text: &str,
    protocols: &BTreeMap<String, SecurityProtocol>,
) -> Result<Vec<Listener>, ConfigError> {
    let refuse = |reason: String| ConfigError::invalid(key, text, reason);
    let mut listeners: Vec<Listener> = Vec::new();
    for item in list_items(text) {
        let (name, host, port) = split_listener(item).ok_or_else(|| {
            refuse(format!(
                "{item} must be NAME://host:port, for example PLAINTEXT://0.0.0.0:9092"
            ))
        })?;
        let protocol = protocols.get(&name).copied().ok_or_else(|| {
            refuse(format!(
                "No security protocol defined for listener {name}; add {name}:PLAINTEXT (or \
                 another protocol) to listener.security.protocol.map"
            ))
        })?;
        if listeners.iter().any(|other| other.name == name) {
            return Err(refuse(format!(
                "Each listener must have a different name; {name} is \
                                       there twice"
            )));
        }
        listeners.push(Listener {
            name,
            host,
            port,
            protocol,
        });
    }
    Ok(listeners)
}

/// Name, host and port of `NAME://host:port`; IPv6 addresses stand in brackets.
fn split_listener(text: &str) -> Option<(String, String, u16)> {
    let (name, address) = text.split_once("://")?;
    let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if name.is_empty() || !name.bytes().all(is_name) {
        return None;
    }
    let (host, port) = address.trim_end_matches('/').rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(inner) => {
            let inner = inner.strip_suffix(']')?;
            inner.parse::<core::net::Ipv6Addr>().ok()?;
            inner
        }
        None if host.contains([':', '/', ' ']) => return None,
        None => host,
    };
    Some((
        name.to_ascii_uppercase(),
        host.to_owned(),
        port.parse().ok()?,
    ))
}

/// Whether two listeners would ask the system for the same socket.
pub(crate) fn collide(a: &Listener, b: &Listener) -> bool {
    // One port may be shared by an IPv4 and an IPv6 address, as in Kafka (KIP-797).
    let family = |host: &str| host.parse::<IpAddr>().ok().map(|address| address.is_ipv4());
    a.port == b.port
        && a.port != 0
        && match (family(&a.host), family(&b.host)) {
            (Some(left), Some(right)) => left == right,
            _ => true,
        }
}
