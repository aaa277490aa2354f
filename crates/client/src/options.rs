//! How a client finds its cluster and how long it is patient.

use std::str::FromStr;
use std::time::Duration;

use crate::ClientError;
use crate::backoff::BackoffPolicy;
use crate::connection::ConnectionOptions;

/// The port that an address without one means.
const DEFAULT_PORT: u16 = 9092;

/// Addresses to start from, at least one; read from `host`, `host:port`, or several with commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    addresses: Vec<String>,
}

impl Bootstrap {
    /// Each as `host:port`.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }
}

impl FromStr for Bootstrap {
    type Err = ClientError;

    fn from_str(text: &str) -> Result<Self, ClientError> {
        let given = text.split(',').map(str::trim).filter(|one| !one.is_empty());
        let addresses: Vec<_> = given.map(with_port).collect::<Result<_, _>>()?;
        if addresses.is_empty() {
            return Err(ClientError::Invalid(format!("{text:?} names no broker")));
        }
        Ok(Self { addresses })
    }
}

/// The settings of a [`crate::Client`].
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Where the cluster is asked for its brokers.
    pub bootstrap: Bootstrap,
    /// How connections are opened.
    pub connection: ConnectionOptions,
    /// How long one request may take before its connection is given up.
    pub request_timeout: Duration,
    /// How long an operation may take with all its retries.
    pub operation_timeout: Duration,
    /// How long a topic that the brokers do not know may still be on its way to them.
    pub unknown_topic_patience: Duration,
    /// The age after which cached metadata is fetched again.
    pub metadata_max_age: Duration,
    /// The waits between attempts and between connections.
    pub backoff: BackoffPolicy,
}

impl ClientOptions {
    /// Defaults for a cluster that is reached through these addresses.
    pub fn new(bootstrap: Bootstrap) -> Self {
        Self {
            bootstrap,
            connection: ConnectionOptions::default(),
            request_timeout: Duration::from_secs(30),
            operation_timeout: Duration::from_secs(60),
            unknown_topic_patience: Duration::from_millis(500),
            metadata_max_age: Duration::from_secs(300),
            backoff: BackoffPolicy::default(),
        }
    }

    /// The same with another name for the broker's logs and quotas.
    pub fn with_client_id(mut self, client_id: &str) -> Self {
        client_id.clone_into(&mut self.connection.client_id);
        self
    }
}

/// Completes and checks one address. An IPv6 address may stand without brackets if it has no port.
fn with_port(address: &str) -> Result<String, ClientError> {
    let invalid = |reason: &str| ClientError::Invalid(format!("address {address:?}: {reason}"));
    if !address.starts_with('[') && address.matches(':').count() > 1 {
        return Ok(format!("[{address}]:{DEFAULT_PORT}"));
    }
    let port = address.rsplit_once(':').filter(|(_, p)| !p.contains(']'));
    let Some((host, port)) = port else {
        return Ok(format!("{address}:{DEFAULT_PORT}"));
    };
    if host.is_empty() {
        return Err(invalid("there is no host"));
    }
    match port.parse::<u16>() {
        Ok(number) if number > 0 => Ok(address.to_owned()),
        _ => Err(invalid(&format!(
            "{port:?} is not a port; ports are 1 to 65535"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_port_gets_the_default() {
        for (given, expected) in [
            ("a", vec!["a:9092"]),
            ("a:1, b ,,", vec!["a:1", "b:9092"]),
            ("[::1]", vec!["[::1]:9092"]),
            ("[::1]:7", vec!["[::1]:7"]),
            ("::1", vec!["[::1]:9092"]),
            ("a:65535", vec!["a:65535"]),
        ] {
            let bootstrap: Bootstrap = given.parse().unwrap();
            assert_eq!(bootstrap.addresses(), expected, "{given}");
        }
    }

    #[test]
    fn an_address_that_cannot_be_one_is_refused() {
        for (given, expected) in [
            ("", "\"\" names no broker"),
            (" ,", "\" ,\" names no broker"),
            (":1", "address \":1\": there is no host"),
            (
                "a:99999",
                "address \"a:99999\": \"99999\" is not a port; ports are 1 to 65535",
            ),
            (
                "b:1,a:0",
                "address \"a:0\": \"0\" is not a port; ports are 1 to 65535",
            ),
            (
                "[::1]:x",
                "address \"[::1]:x\": \"x\" is not a port; ports are 1 to 65535",
            ),
        ] {
            let refused = given.parse::<Bootstrap>().unwrap_err();
            assert_eq!(refused.to_string(), expected, "{given}");
        }
    }
}
