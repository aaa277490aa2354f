//! The connections of a client: at most one per broker and lane, reopened with back-off.

use std::collections::HashMap;
use std::sync::Arc;

use highwater_types::BrokerId;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::ClientError;
use crate::backoff::{BackoffPolicy, random};
use crate::connection::{Connection, ConnectionOptions};

/// Which of a broker's connections a request takes.
///
/// A broker answers the requests of one connection in order, so a long poll or a join that
/// waits for others would hold up everything behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Everything that is answered promptly.
    Prompt,
    /// Writes, which wait for replicas.
    Produce,
    /// Fetches that wait for data.
    Fetch,
    /// Joins, syncs and heartbeats of group members.
    Group,
}

/// One place that may hold a connection.
#[derive(Default)]
struct Slot {
    connection: Option<Connection>,
    failures: u32,
    not_before: Option<Instant>,
}

impl Slot {
    fn live(&self, address: &str) -> Option<Connection> {
        let connection = self.connection.as_ref()?;
        (!connection.has_ended() && connection.address() == address).then(|| connection.clone())
    }

    async fn open(
        &mut self,
        address: &str,
        options: &ConnectionOptions,
        backoff: &BackoffPolicy,
    ) -> Result<Connection, ClientError> {
        if let Some(connection) = self.live(address) {
            return Ok(connection);
        }
        self.connection = None;
        if let Some(moment) = self.not_before.take() {
            sleep_until(moment).await;
        }
        match Connection::connect(address, options).await {
            Ok(connection) => {
                self.failures = 0;
                // A broker that accepts and hangs up at once must not be hammered either.
                self.not_before = Some(Instant::now() + backoff.wait(1, random()));
                self.connection = Some(connection.clone());
                Ok(connection)
            }
            Err(e) => {
                self.failures += 1;
                self.not_before = Some(Instant::now() + backoff.wait(self.failures, random()));
                Err(e)
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    Bootstrap(String),
    Broker(BrokerId, Lane),
}

/// All connections of one client.
#[derive(Default)]
pub(crate) struct Pool {
    slots: Mutex<HashMap<Place, Arc<tokio::sync::Mutex<Slot>>>>,
}

impl Pool {
    /// The connection to a broker, opened if need be.
    pub(crate) async fn broker(
        &self,
        id: BrokerId,
        lane: Lane,
        address: &str,
        options: &ConnectionOptions,
        backoff: &BackoffPolicy,
    ) -> Result<Connection, ClientError> {
        let slot = self.slot(Place::Broker(id, lane));
        slot.lock().await.open(address, options, backoff).await
    }

    /// A connection to an address of which the broker is not known yet.
    pub(crate) async fn bootstrap(
        &self,
        address: &str,
        options: &ConnectionOptions,
        backoff: &BackoffPolicy,
    ) -> Result<Connection, ClientError> {
        let slot = self.slot(Place::Bootstrap(address.to_owned()));
        slot.lock().await.open(address, options, backoff).await
    }

    /// Some connection that is open already and takes prompt requests.
    pub(crate) fn any_live(&self) -> Option<Connection> {
        let slots = self.slots.lock();
        let prompt = slots.iter().filter(|(place, _)| {
            matches!(place, Place::Bootstrap(_) | Place::Broker(_, Lane::Prompt))
        });
        prompt.into_iter().find_map(|(_, slot)| {
            let slot = slot.try_lock().ok()?;
            slot.connection
                .clone()
                .filter(|connection| !connection.has_ended())
        })
    }

    fn slot(&self, place: Place) -> Arc<tokio::sync::Mutex<Slot>> {
        Arc::clone(self.slots.lock().entry(place).or_default())
    }
}
