//! Administration: each call gives its answer in types of our own.
//!
//! A call fails as a whole ([`crate::ClientError`]) when nobody could be asked; what a broker
//! refused of single entries stands beside each entry as a [`crate::Refusal`].

mod cluster;
mod configs;
mod group_offsets;
mod groups;
mod leaders;
mod log_offsets;
mod producers;
mod topics;
mod transactions;

pub use cluster::{
    ClusterDescription, DescribedBroker, LogDirDescription, LogDirReplica, QuorumDescription,
    QuorumReplica,
};
pub use configs::{
    ConfigChange, ConfigEntry, ConfigOperation, ConfigResource, ConfigSource, ConfigSynonym,
    ResourceKind,
};
pub(crate) use group_offsets::Committer;
pub use group_offsets::{CommittedOffset, OffsetToCommit};
pub(crate) use groups::decode_assignment;
pub use groups::{GroupDescription, GroupListing, GroupMember};
pub use log_offsets::{FoundOffset, IsolationLevel, OffsetSpec};
pub use producers::{ActiveProducer, TransactionListing};
pub use topics::{CreatedTopic, NewTopic};
pub use transactions::{AbortMarker, TransactionDescription};

use std::time::Duration;

use crate::{Client, Refusal};

/// What became of one entry of a call.
pub type Outcome<T> = Result<T, Refusal>;

/// The administrative side of a client.
#[derive(Clone)]
pub struct Admin {
    client: Client,
}

impl Admin {
    /// Works through the connections of `client`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The client underneath.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The time-out that requests carry for the broker's own work.
    fn broker_timeout_ms(&self) -> i32 {
        duration_ms(self.client.options().request_timeout)
    }
}

fn duration_ms(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

fn wire_text(text: &str) -> highwater_protocol::StrBytes {
    highwater_protocol::StrBytes::from_string(text.to_owned())
}

fn text_of(text: Option<&highwater_protocol::StrBytes>) -> Option<String> {
    text.map(ToString::to_string)
}
