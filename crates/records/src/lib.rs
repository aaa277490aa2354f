//! Record batches of format 2: view, validate, iterate, build and compress with bounds.

mod compression;
mod header;

pub use compression::Compression;
pub use header::{
    Attributes, BatchHeader, CRC_COVERED_FROM, HEADER_LEN, HeaderError, LENGTH_PREFIX_LEN, MAGIC,
    TimestampType, crc_of,
};
