//! Compression in the framings that Kafka's own clients write and all others read.

use std::io::Write;

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

use crate::{Compression, snappy};

/// The codec failed; this takes an input larger than its format allows, or no memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} does not compress: {reason}", .codec.name())]
pub struct CompressError {
    /// The codec.
    pub codec: Compression,
    /// What it said.
    pub reason: String,
}

/// Compresses `input`. Without a level it is Kafka's default of the codec. LZ4 has one level
/// here, the fast one, which is what Kafka's default of 9 means too.
pub fn compress(
    codec: Compression,
    level: Option<i32>,
    input: &[u8],
) -> Result<Vec<u8>, CompressError> {
    let failed = |reason: String| CompressError { codec, reason };
    let level = level.or(codec.default_level()).unwrap_or_default();
    match codec {
        Compression::None => Ok(input.to_vec()),
        Compression::Gzip => gzip(input, level).map_err(|error| failed(error.to_string())),
        Compression::Snappy => snappy::compress(input).map_err(|error| failed(error.to_string())),
        Compression::Lz4 => lz4(input).map_err(|error| failed(error.to_string())),
        Compression::Zstd => {
            zstd::bulk::compress(input, level).map_err(|error| failed(error.to_string()))
        }
    }
}

fn gzip(input: &[u8], level: i32) -> std::io::Result<Vec<u8>> {
    let level = match u32::try_from(level) {
        Ok(level) => flate2::Compression::new(level.min(9)),
        Err(_) => flate2::Compression::default(),
    };
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(input.len() / 2), level);
    encoder.write_all(input)?;
    encoder.finish()
}

fn lz4(input: &[u8]) -> std::io::Result<Vec<u8>> {
    let frame = FrameInfo::new()
        .block_size(BlockSize::Max64KB)
        .block_mode(BlockMode::Independent);
    let mut encoder = FrameEncoder::with_frame_info(frame, Vec::with_capacity(input.len() / 2));
    encoder.write_all(input)?;
    encoder.finish().map_err(std::io::Error::from)
}
