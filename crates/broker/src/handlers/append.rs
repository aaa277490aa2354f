//! From the bytes of one partition in a produce request to the end of its log.

use std::cell::RefCell;
use std::sync::Arc;

use highwater_config::{CompressionType, TimestampType as ConfiguredTimestamps, TopicConfig};
use highwater_protocol::ErrorCode;
use highwater_records::{
    AppendOrigin as RecordOrigin, BatchError, Compression, ErrorFamily, ProduceRules, Scratch,
    TimestampType, TopicCompression, Verdict, validate_partition_data,
};
use highwater_replication::Acks;
use highwater_storage::{AppendBatch, AppendOrigin, Verification};
use highwater_types::limits::DECOMPRESSED_BATCH_BYTES_MAX;
use highwater_types::{Now, Offset, PartitionIndex};

use crate::broker::Broker;
use crate::data::{Partition, PartitionError};
use crate::handlers::errors::error_code;
use crate::hosting::HostedTopic;

/// Zstandard came with this version; a consumer of an older client could not read it.
const ZSTD_FROM: i16 = 7;
/// From here on a client knows TRANSACTION_ABORTABLE.
const ABORTABLE_FROM: i16 = 11;

thread_local! {
    /// Validation of compressed batches needs room, which is worth keeping between requests.
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

/// What is known of the transaction that a request belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Transaction {
    /// It belongs to none.
    None,
    /// Nobody needed to be asked, unless the partition thinks otherwise.
    Open,
    /// What came of asking whether it is open and has the partition.
    Asked(Result<Verification, ErrorCode>),
}

/// What is to be appended, and where.
#[derive(Clone, Copy)]
pub(crate) struct AppendJob<'a> {
    pub(crate) broker: &'a Arc<Broker>,
    pub(crate) topic: &'a HostedTopic,
    pub(crate) index: PartitionIndex,
    pub(crate) records: Option<&'a [u8]>,
    pub(crate) transaction: Transaction,
    pub(crate) acks: Acks,
    pub(crate) version: i16,
}

/// Records that are in the log.
pub(crate) struct AppendDone {
    pub(crate) partition: Arc<Partition>,
    pub(crate) base_offset: Offset,
    pub(crate) log_append_time_ms: i64,
    pub(crate) log_start: Offset,
    /// The high watermark at which they are committed.
    pub(crate) needed: Offset,
}

/// Why nothing was appended.
pub(crate) struct AppendFailure {
    pub(crate) error: ErrorCode,
    pub(crate) message: Option<String>,
    pub(crate) record_errors: Vec<(i32, String)>,
    pub(crate) log_start: Offset,
}

impl AppendFailure {
    /// A code that says all there is to say.
    pub(crate) fn plain(error: ErrorCode) -> Self {
        Self {
            error,
            message: None,
            record_errors: Vec::new(),
            log_start: Offset::UNKNOWN,
        }
    }

    fn of_batch(error: &BatchError) -> Self {
        let code = match error.family() {
            ErrorFamily::CorruptMessage => ErrorCode::CORRUPT_MESSAGE,
            ErrorFamily::MessageTooLarge => ErrorCode::MESSAGE_TOO_LARGE,
            ErrorFamily::InvalidTimestamp => ErrorCode::INVALID_TIMESTAMP,
            ErrorFamily::UnsupportedCompressionType => ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
            ErrorFamily::InvalidRecord => ErrorCode::INVALID_RECORD,
            ErrorFamily::Server => ErrorCode::UNKNOWN_SERVER_ERROR,
        };
        let record_errors = error
            .record_issues()
            .iter()
            .map(|issue| (issue.batch_index, issue.reason.to_string()))
            .collect();
        Self {
            message: Some(error.to_string()),
            record_errors,
            ..Self::plain(code)
        }
    }

    fn of_partition(error: &PartitionError) -> Self {
        Self {
            message: Some(error.to_string()),
            ..Self::plain(error_code(error))
        }
    }
}

/// Validates and appends; whoever wants more than the append waits for `needed`.
pub(crate) fn append_produced(job: AppendJob<'_>) -> Result<AppendDone, AppendFailure> {
    let partition = job
        .topic
        .partition(job.broker, job.index)
        .map_err(AppendFailure::plain)?;
    let leader_epoch = partition
        .check_produce(job.acks)
        .map_err(|error| AppendFailure::of_partition(&error))?;
    let now = job.broker.clock.now();
    let data = job.records.unwrap_or_default();
    let config = partition.config();
    let rules = produce_rules(&config, now);
    let verdict = SCRATCH
        .with_borrow_mut(|scratch| validate_partition_data(data, &rules, scratch))
        .map_err(|error| refuse(&job, &partition, &error))?;
    let header = *verdict.header();
    let origin = match (header.attributes.is_transactional(), job.transaction) {
        (false, _) | (true, Transaction::Open) => AppendOrigin::Client,
        (true, Transaction::Asked(Ok(verification))) => AppendOrigin::Verified(verification),
        (true, Transaction::Asked(Err(error))) => return Err(unverified(error, job.version)),
        (true, Transaction::None) => {
            let error = ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
            return Err(AppendFailure::plain(error));
        }
    };
    if header.attributes.compression() == Some(Compression::Zstd) && job.version < ZSTD_FROM {
        return Err(AppendFailure::plain(
            ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
        ));
    }
    let bytes = match &verdict {
        Verdict::AsIs(_) => data,
        Verdict::Rewritten { batch, .. } => batch,
    };
    let batch = AppendBatch { header, bytes };
    let appended = partition
        .append(&[batch], leader_epoch, now, origin)
        .map_err(|error| {
            job.broker.report_refusal(&partition.name, &error);
            AppendFailure::of_partition(&error)
        })?;
    if partition.wants_flush() {
        job.broker.flusher.request(&partition);
    }
    for traffic in [&job.broker.metrics.traffic, &partition.traffic] {
        traffic.produced(bytes.len(), header.record_count);
    }
    let stamped = rules.timestamp_type == TimestampType::LogAppendTime;
    Ok(AppendDone {
        base_offset: appended.base_offset,
        // That of the first time, if it is a duplicate.
        log_append_time_ms: if stamped { appended.append_time_ms } else { -1 },
        log_start: partition.log.log_start(),
        needed: appended.last_offset.next(),
        partition,
    })
}

/// A client is told what it knows how to go on from: old ones retry what they take for a lack of
/// replicas, and give up on what they do not know.
fn unverified(error: ErrorCode, version: i16) -> AppendFailure {
    let told = match error {
        ErrorCode::CONCURRENT_TRANSACTIONS
        | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
        | ErrorCode::COORDINATOR_NOT_AVAILABLE
        | ErrorCode::NOT_COORDINATOR => ErrorCode::NOT_ENOUGH_REPLICAS,
        ErrorCode::TRANSACTION_ABORTABLE if version < ABORTABLE_FROM => {
            ErrorCode::INVALID_TXN_STATE
        }
        error => error,
    };
    AppendFailure {
        message: Some(format!(
            "the partition could not be verified to be part of the transaction: {}",
            error.message()
        )),
        ..AppendFailure::plain(told)
    }
}

fn refuse(job: &AppendJob<'_>, partition: &Partition, error: &BatchError) -> AppendFailure {
    let failure = AppendFailure::of_batch(error);
    tracing::debug!(
        partition = %partition.name, %error, code = %failure.error,
        bytes = job.records.map_or(0, <[u8]>::len), "a batch was refused"
    );
    failure
}

fn produce_rules(config: &TopicConfig, now: Now) -> ProduceRules {
    let bound = |ms: Option<u64>| ms.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(i64::MAX);
    ProduceRules {
        max_batch_bytes: config.max_message_bytes,
        timestamp_type: match config.message_timestamp_type {
            ConfiguredTimestamps::CreateTime => TimestampType::CreateTime,
            ConfiguredTimestamps::LogAppendTime => TimestampType::LogAppendTime,
        },
        before_max_ms: bound(config.message_timestamp_before_max_ms),
        after_max_ms: bound(config.message_timestamp_after_max_ms),
        now_ms: now.wall_ms,
        compacted_topic: config.cleanup_policy.compact,
        compression: topic_compression(config),
        origin: RecordOrigin::Client,
        decompressed_bytes_max: DECOMPRESSED_BATCH_BYTES_MAX,
    }
}

fn topic_compression(config: &TopicConfig) -> TopicCompression {
    let (codec, level) = match config.compression_type {
        CompressionType::Producer => return TopicCompression::Producer,
        CompressionType::Uncompressed => (Compression::None, None),
        CompressionType::Gzip => (Compression::Gzip, Some(config.compression_gzip_level)),
        CompressionType::Snappy => (Compression::Snappy, None),
        CompressionType::Lz4 => (Compression::Lz4, Some(config.compression_lz4_level)),
        CompressionType::Zstd => (Compression::Zstd, Some(config.compression_zstd_level)),
    };
    TopicCompression::Codec { codec, level }
}
