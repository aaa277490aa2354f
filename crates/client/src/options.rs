//! How a client finds its cluster and how long it is patient.

use std::time::Duration;

use crate::backoff::BackoffPolicy;
use crate::connection::ConnectionOptions;

/// The port that an address without one means.
const DEFAULT_PORT: u16 = 9092;

/// The settings of a [`crate::Client`].
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Addresses to start from, `host` or `host:port`.
    pub bootstrap: Vec<String>,
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
    /// Defaults for a cluster that is reached through a comma-separated list of addresses.
    pub fn new(bootstrap: &str) -> Self {
        let addresses = bootstrap
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty());
        Self {
            bootstrap: addresses.map(with_port).collect(),
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

fn with_port(address: &str) -> String {
    let bare_ipv6 = !address.starts_with('[') && address.matches(':').count() > 1;
    if bare_ipv6 {
        format!("[{address}]:{DEFAULT_PORT}")
    } else if address
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.contains(']'))
    {
        address.to_owned()
    } else {
        format!("{address}:{DEFAULT_PORT}")
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
        ] {
            assert_eq!(ClientOptions::new(given).bootstrap, expected, "{given}");
        }
    }
}
