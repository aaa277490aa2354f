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

/// Partitions that a transaction is not open on yet.
pub(crate) struct Unverified {
    pub(crate) transactional_id: String,
    pub(crate) producer: Producer,
    pub(crate) teller: Teller,
    pub(crate) partitions: Vec<Arc<Partition>>,
}

impl Unverified {
    /// What each partition has to be shown. A marker makes it void.
    fn tokens(&self) -> Vec<(TopicPartition, Verification)> {
        let token = |partition: &Arc<Partition>| {
            let token = partition.log.begin_verification(self.producer.id);
            (partition.name.clone(), token)
        };
        self.partitions.iter().map(token).collect()
    }
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

/// Asks the coordinator of a transaction about partitions. While the transaction before is being
/// ended, and if its marker comes while it is asked, it is asked again.
pub(crate) async fn verify(broker: &Arc<Broker>, unverified: Unverified) -> Verified {
    let asks = broker.config().transactions.partition_verification_enable;
    if !asks && unverified.teller == Teller::Client {
        let tokens = unverified.tokens().into_iter();
        return tokens.map(|(name, token)| (name, Ok(token))).collect();
    }
    let deadline = tokio::time::Instant::now() + CONCURRENT_WAIT;
    loop {
        // Before the question, so that no marker can come between the answer and the append.
        let tokens = unverified.tokens();
        let codes = ask_once(broker, &unverified).await;
        let is_concurrent = codes
            .values()
            .any(|code| *code == ErrorCode::CONCURRENT_TRANSACTIONS);
        let is_late = tokio::time::Instant::now() >= deadline;
        if !is_late && is_concurrent {
            tokio::time::sleep(CONCURRENT_STEP).await;
        } else if is_late || unverified.tokens() == tokens {
            let outcome = |(name, token)| {
                let code = codes.get(&name).copied();
                let code = code.unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR);
                let outcome = if code.is_error() {
                    Err(code)
                } else {
                    Ok(token)
                };
                (name, outcome)
            };
            return tokens.into_iter().map(outcome).collect();
        }
    }
}

async fn ask_once(
    broker: &Arc<Broker>,
    unverified: &Unverified,
) -> HashMap<TopicPartition, ErrorCode> {
    let names = unverified.partitions.iter();
    let names = names.map(|partition| partition.name.clone());
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
