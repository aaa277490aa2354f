//! The requests of transactional producers, and those of whoever looks after them.

pub(crate) mod add_offsets;
pub(crate) mod add_partitions;
mod describe;
pub(crate) mod end;
pub(crate) mod init_producer_id;
mod list;
pub(crate) mod offset_commit;
pub(crate) mod verify;
pub(crate) mod write_markers;

use std::sync::Arc;

use highwater_protocol::ErrorCode;
use highwater_security::{Operation, RequestContext, Resource};
use highwater_transactions::{Producer, Reply as MachineReply, Request, TransactionError};
use highwater_types::{ProducerEpoch, ProducerId};

use super::groups::Topic;
use crate::broker::Broker;
use crate::coordinator::transactions::{TRANSACTIONS_TOPIC, TransactionRequest};
pub(crate) use describe::handle as describe;
pub(crate) use list::handle as list;

/// Asks the machine of a transactional id.
async fn ask(broker: &Arc<Broker>, id: &str, request: Request) -> Result<MachineReply, ErrorCode> {
    let request = TransactionRequest::Ask(request);
    let answer = broker.transactions.call(broker, id, request).await;
    answer.map_err(super::groups::coordinator_error)
}

/// Whether the topic of transactions is there, so that a request need not wait for it.
fn topic(broker: &Broker) -> Topic {
    Topic::of(broker, TRANSACTIONS_TOPIC)
}

fn producer(id: i64, epoch: i16) -> Producer {
    Producer {
        id: ProducerId(id),
        epoch: ProducerEpoch(epoch),
    }
}

/// Whether the sender may use a transactional id.
fn may(broker: &Broker, context: &RequestContext, operation: Operation, id: &str) -> bool {
    let resource = Resource::transactional_id(id);
    broker
        .authorizer
        .authorize(context, operation, &resource)
        .is_allowed()
}

/// A machine answered something else than it was asked, which no client could have caused.
fn mismatch(reply: &MachineReply) -> ErrorCode {
    tracing::error!(
        ?reply,
        "a transactional id answered another request than was put to it"
    );
    ErrorCode::UNKNOWN_SERVER_ERROR
}

/// The code of an error for a client that knows PRODUCER_FENCED from some version on.
fn code_for(error: TransactionError, knows_fencing: Fencing) -> ErrorCode {
    match (error, knows_fencing) {
        (TransactionError::ProducerFenced, Fencing::Unknown) => ErrorCode::INVALID_PRODUCER_EPOCH,
        (error, _) => super::errors::transaction(error),
    }
}

/// Whether a client knows PRODUCER_FENCED.
#[derive(Clone, Copy)]
enum Fencing {
    Known,
    Unknown,
}

impl Fencing {
    fn from_version(version: i16, known_from: i16) -> Self {
        if version >= known_from {
            Self::Known
        } else {
            Self::Unknown
        }
    }
}
