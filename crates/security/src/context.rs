//! What is known about the sender of a request.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The identity that a connection has proven, written `Type:name` as Kafka writes it.
///
/// Cloning shares the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal {
    kind: Arc<str>,
    name: Arc<str>,
}

impl Principal {
    /// A principal of the type that every built-in mechanism yields, `User`.
    pub fn user(name: &str) -> Self {
        Self::of_kind("User", name)
    }

    /// A principal of another type, as a custom mechanism may yield.
    pub fn of_kind(kind: &str, name: &str) -> Self {
        Self {
            kind: kind.into(),
            name: name.into(),
        }
    }

    /// Whoever has not been asked for an identity: `User:ANONYMOUS`.
    pub fn anonymous() -> Self {
        Self::user("ANONYMOUS")
    }

    /// The part before the colon.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The part behind the colon.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.name)
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text has no colon, or nothing on one side of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a principal: `Type:name` is expected, for example `User:alice`")]
pub struct PrincipalError(pub String);

/// Only the first colon separates: names may contain colons, types may not.
impl FromStr for Principal {
    type Err = PrincipalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((kind, name)) if !kind.is_empty() && !name.is_empty() => {
                Ok(Self::of_kind(kind, name))
            }
            _ => Err(PrincipalError(text.to_owned())),
        }
    }
}

/// How a listener protects its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecurityProtocol {
    /// Neither encrypted nor authenticated.
    Plaintext,
    /// TLS, authenticated by certificate if at all.
    Ssl,
    /// SASL without encryption.
    SaslPlaintext,
    /// SASL under TLS.
    SaslSsl,
}

impl SecurityProtocol {
    /// The name that `listener.security.protocol.map` uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }
}

/// Everything a handler may know about who sent a request.
///
/// The connection owns one and clones it per request at most; all texts are shared. The host is
/// text because this layer knows no sockets.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The identity that the connection has proven.
    pub principal: Principal,
    /// What the client calls itself in the header of this request; never trusted.
    pub client_id: Option<Arc<str>>,
    /// The address of the peer, without port, as access control lists spell hosts.
    pub client_host: Arc<str>,
    /// The name of the listener that accepted the connection.
    pub listener: Arc<str>,
    /// How that listener protects its connections.
    pub security_protocol: SecurityProtocol,
    /// A number that no other connection of this process has had.
    pub connection_id: u64,
}

impl RequestContext {
    /// The context of an unauthenticated plaintext connection.
    pub fn anonymous(listener: &str, client_host: &str, connection_id: u64) -> Self {
        Self {
            principal: Principal::anonymous(),
            client_id: None,
            client_host: client_host.into(),
            listener: listener.into(),
            security_protocol: SecurityProtocol::Plaintext,
            connection_id,
        }
    }

    /// The client id, or nothing, as quotas and logs want it.
    pub fn client_id(&self) -> &str {
        self.client_id.as_deref().unwrap_or_default()
    }
}
