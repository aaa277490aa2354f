//! The flags that every admin command has, and the client that they make.

use std::time::Duration;

use highwater_client::{Admin, Bootstrap, Client, ClientOptions};

use crate::error::CommandError;
use crate::output::Format;
use crate::time_text::parse_duration;

/// Flags of every command that talks to a cluster.
#[derive(Debug, clap::Args)]
pub(crate) struct ConnectArgs {
    /// Brokers to start from.
    #[arg(
        short,
        long,
        global = true,
        value_name = "HOST[:PORT],…",
        env = "HIGHWATER_BOOTSTRAP_SERVER",
        default_value = "127.0.0.1:9092",
        help_heading = "Cluster"
    )]
    pub(crate) bootstrap_server: Bootstrap,
    /// How long an operation may take with all its retries.
    #[arg(
        long,
        global = true,
        value_name = "DURATION",
        default_value = "30s",
        value_parser = parse_duration,
        help_heading = "Cluster"
    )]
    pub(crate) timeout: Duration,
    /// The name that brokers log and count quotas by.
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        default_value = "highwater-cli",
        help_heading = "Cluster"
    )]
    pub(crate) client_id: String,
    /// Tables for people, or JSON for programs.
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

impl ConnectArgs {
    /// A client that has reached a broker: a wrong address fails here, at once.
    pub(crate) async fn client(&self) -> Result<Client, CommandError> {
        let mut options =
            ClientOptions::new(self.bootstrap_server.clone()).with_client_id(&self.client_id);
        options.operation_timeout = self.timeout;
        options.request_timeout = options.request_timeout.min(self.timeout);
        let connect = &mut options.connection.connect_timeout;
        *connect = (*connect).min(self.timeout);
        let client = Client::new(options);
        client.probe().await?;
        Ok(client)
    }

    /// The administrative side of [`Self::client`].
    pub(crate) async fn admin(&self) -> Result<Admin, CommandError> {
        Ok(Admin::new(self.client().await?))
    }
}

/// Reads `KEY=VALUE`.
pub(crate) fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is not of the form KEY=VALUE")),
    }
}

/// Reads a topic name.
pub(crate) fn parse_topic(text: &str) -> Result<highwater_types::TopicName, String> {
    highwater_types::TopicName::new(text).map_err(|e| e.to_string())
}
