//! Record batches of format 2: view, validate, iterate, build and compress with bounds.
//!
//! Nothing here trusts a byte: every length is checked before it is used, what a batch
//! decompresses to is bounded, and damage is a value. Nothing here knows a socket or a file.

mod batches;
mod builder;
mod compress;
mod compression;
mod control;
mod decompress;
mod error;
mod filter;
mod gzip;
mod header;
mod lz4;
mod record;
mod scratch;
mod snappy;
mod stream;
mod validate;
mod varint;
mod zstandard;

#[cfg(test)]
mod samples;

pub use batches::{BatchView, Batches, BatchesError, Scanned, batches, scan};
pub use builder::{BatchProducer, BatchSpec, BuildError, RecordBatchBuilder};
pub use compress::{CompressError, compress};
pub use compression::Compression;
pub use control::{ControlError, ControlType, EndTxnMarker, control_type};
pub use decompress::{DecompressError, decompress};
pub use error::{
    BatchError, ErrorFamily, RECORD_ISSUES_MAX, RecordIssue, RecordIssueReason, RecordIssues,
};
pub use filter::{EmptyBatch, FilterError, FilterRules, Filtered, Keep, Retained, filter_batch};
pub use header::{
    Attributes, BatchHeader, CRC_COVERED_FROM, HEADER_LEN, HeaderError, LENGTH_PREFIX_LEN, MAGIC,
    TimestampType, crc_of,
};
pub use record::{HeaderView, HeadersView, RECORD_LEN_MIN, RecordFault, RecordView, Records};
pub use scratch::Scratch;
pub use stream::{RecordHead, RecordStream, StreamError};
pub use validate::{
    AppendOrigin, ProduceRules, TopicCompression, Verdict, assign, only_batch,
    validate_partition_data, validate_produce,
};
