//! Before a partition takes the first batch of a transaction its coordinator is asked (KIP-890):
//! clients of old have told it of the partition, new ones leave that to the broker.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use highwater_protocol::ErrorCode;
use highwater_records::BatchHeader;
use highwater_storage::Verification;
use highwater_transactions::{AddMode, Producer, TransactionVersion};
use highwater_types::TopicPartition;

use super::Fencing;
use super::add_partitions::{Adding, add};
use crate::broker::Broker;
use crate::data::Partition;

/// How long, and in what steps, it is waited for the end of the transaction before.
const CONCURRENT_WAIT: Duration = Duration::from_millis(500);
const CONCURRENT_STEP: Duration = Duration::from_millis(2);

/// Who has to have told the coordinator of the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Teller {
    /// The client, before it writes.
    Client,
    /// This broker, as it does now.
    Broker,
}

/// Partitions that a transaction is not open on yet, with what each has to be shown.
pub(crate) struct Unverified {
    pub(crate) transactional_id: String,
    pub(crate) producer: Producer,
    pub(crate) teller: Teller,
    pub(crate) partitions: Vec<(TopicPartition, Verification)>,
}

/// What came of asking, by partition.
pub(crate) type Verified = HashMap<TopicPartition, Result<Verification, ErrorCode>>;

/// The producer of a batch that is to open its transaction on a partition.
pub(crate) fn opener(partition: &Partition, header: &BatchHeader) -> Option<Producer> {
    let producer = Producer {
        id: header.producer_id,
        epoch: header.producer_epoch,
    };
    let is_open = partition
        .log
        .has_open_transaction(producer.id, producer.epoch);
    (header.attributes.is_transactional() && !is_open).then_some(producer)
}

/// Asks the coordinator of a transaction about partitions.
pub(crate) async fn verify(broker: &Arc<Broker>, unverified: Unverified) -> Verified {
    let asks = broker.config().transactions.partition_verification_enable;
    if !asks && unverified.teller == Teller::Client {
        let shown = unverified.partitions.into_iter();
        return shown
            .map(|(name, verification)| (name, Ok(verification)))
            .collect();
    }
    let deadline = tokio::time::Instant::now() + CONCURRENT_WAIT;
    let codes = loop {
        let codes = ask_once(broker, &unverified).await;
        let is_concurrent = codes
            .values()
            .any(|code| *code == ErrorCode::CONCURRENT_TRANSACTIONS);
        if !is_concurrent || tokio::time::Instant::now() >= deadline {
            break codes;
        }
        tokio::time::sleep(CONCURRENT_STEP).await;
    };
    let outcome = |name: &TopicPartition, verification| match codes.get(name) {
        Some(code) if code.is_error() => Err(*code),
        Some(_) => Ok(verification),
        None => Err(ErrorCode::UNKNOWN_SERVER_ERROR),
    };
    let partitions = unverified.partitions.into_iter();
    partitions
        .map(|(name, verification)| {
            let outcome = outcome(&name, verification);
            (name, outcome)
        })
        .collect()
}

async fn ask_once(
    broker: &Arc<Broker>,
    unverified: &Unverified,
) -> HashMap<TopicPartition, ErrorCode> {
    let names = unverified.partitions.iter().map(|(name, _)| name.clone());
    let names: Vec<_> = names.collect();
    let adding = Adding {
        id: &unverified.transactional_id,
        producer: unverified.producer,
        partitions: names.clone(),
        mode: match unverified.teller {
            Teller::Client => AddMode::VerifyOnly,
            Teller::Broker => AddMode::Add,
        },
        client_version: TransactionVersion::TV_2,
    };
    // Producers expect INVALID_PRODUCER_EPOCH of whoever is not their coordinator.
    match add(broker, adding, Fencing::Unknown).await {
        Ok(codes) => codes.into_iter().collect(),
        Err(code) => names.into_iter().map(|name| (name, code)).collect(),
    }
}
