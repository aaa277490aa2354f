//! The settings of the transaction coordinator that the machine obeys.

use crate::ids::TransactionVersion;

/// What an operator may set; `Default` is what Apache Kafka ships with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionConfig {
    /// Longest timeout that a producer may ask for (`transaction.max.timeout.ms`).
    pub transaction_timeout_ms_max: i32,
    /// How long a transactional id without a transaction is kept
    /// (`transactional.id.expiration.ms`).
    pub transactional_id_expiration_ms: i64,
    /// How often it is looked for such ids
    /// (`transaction.remove.expired.transaction.cleanup.interval.ms`).
    pub expiration_check_interval_ms: u64,
    /// Most partitions of one transaction. Kafka has no such bound; here it keeps one transaction
    /// from filling the memory and the log, which holds all of them in every record.
    pub transaction_partitions_max: usize,
    /// What the cluster has agreed on (the feature `transaction.version`): decides the version of
    /// the records, and how a transaction ends whose end no client has asked for.
    pub transaction_version: TransactionVersion,
}

impl Default for TransactionConfig {
    fn default() -> Self {
        Self {
            transaction_timeout_ms_max: 900_000,
            transactional_id_expiration_ms: 7 * 24 * 60 * 60 * 1_000,
            expiration_check_interval_ms: 3_600_000,
            transaction_partitions_max: 100_000,
            transaction_version: TransactionVersion::TV_2,
        }
    }
}

/// The timeout that stands for none: a producer that asks for it ends its transactions itself,
/// however late (KIP-939).
pub(crate) const NO_TIMEOUT_MS: i32 = i32::MAX;

/// Longest text of a request that goes into a record, which counts it in 16 bits.
pub(crate) const TEXT_LEN_MAX: usize = 32_000;
