//! Decompression with a bound on what comes out, whole or as a stream of windows.
//!
//! A kilobyte can claim to be gigabytes, so nothing here allocates what a length field asks
//! for before it is known to be possible. A stream holds one window at a time: a block of
//! the format (at most 4 MiB of LZ4, what the input can expand to of Snappy) or 64 KiB.

use crate::lz4::{Lz4Blocks, Lz4Decoder};
use crate::scratch::{Scratch, with_room};
use crate::snappy::SnappyDecoder;
use crate::zstandard::ZstdDecoder;
use crate::{BatchView, Compression, gzip::GzipDecoder};

/// How much of a codec without blocks is decompressed at a time.
pub(crate) const WINDOW_BYTES: usize = 64 * 1024;

/// Why compressed bytes cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecompressError {
    /// The batch names a codec that nobody has assigned.
    #[error("compression codec {id} is not assigned")]
    UnknownCodec {
        /// Id in the attributes.
        id: u8,
    },
    /// The compressed bytes end too early.
    #[error("the {} data ends early", .codec.name())]
    Truncated {
        /// The codec.
        codec: Compression,
    },
    /// The compressed bytes are not of their format.
    #[error("the {} data is damaged: {what}", .codec.name())]
    Corrupt {
        /// The codec.
        codec: Compression,
        /// Which rule of the format they break.
        what: &'static str,
    },
    /// Bytes follow the end of the compressed data.
    #[error("bytes follow the end of the {} data", .codec.name())]
    Trailing {
        /// The codec.
        codec: Compression,
    },
    /// More comes out than is allowed.
    #[error("the batch decompresses to more than {limit_bytes} bytes")]
    TooLarge {
        /// What is allowed.
        limit_bytes: usize,
    },
}

pub(crate) fn corrupt(codec: Compression, what: &'static str) -> DecompressError {
    DecompressError::Corrupt { codec, what }
}

/// The state of one decompression; the buffers are in the scratch.
pub(crate) enum Decoder<'a> {
    Gzip(GzipDecoder<'a>),
    Snappy(SnappyDecoder<'a>),
    Lz4(Lz4Decoder<'a>),
    Zstd(ZstdDecoder<'a>),
    /// Uncompressed bytes, given out once.
    Plain(&'a [u8]),
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(codec: Compression, input: &'a [u8], blocks: Lz4Blocks) -> Self {
        match codec {
            Compression::None => Self::Plain(input),
            Compression::Gzip => Self::Gzip(GzipDecoder::new(input)),
            Compression::Snappy => Self::Snappy(SnappyDecoder::new(input)),
            Compression::Lz4 => Self::Lz4(Lz4Decoder::new(input, blocks)),
            Compression::Zstd => Self::Zstd(ZstdDecoder::new(input)),
        }
    }

    /// Decompresses the next piece to `at` of the output and gives its end, which equals
    /// `at` when all is out. The total so far stays at or below `room` more bytes, or the
    /// answer is `None`.
    pub(crate) fn step(
        &mut self,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
        at: usize,
        room: usize,
    ) -> Result<Option<usize>, DecompressError> {
        let end = match self {
            Self::Gzip(decoder) => decoder.step(&mut scratch.gzip, out, at)?,
            Self::Snappy(decoder) => match decoder.step(out, at, room)? {
                Some(end) => end,
                None => return Ok(None),
            },
            Self::Lz4(decoder) => decoder.step(&mut scratch.history, out, at)?,
            Self::Zstd(decoder) => decoder.step(&mut scratch.zstd, out, at)?,
            Self::Plain(input) => {
                let piece = std::mem::take(input);
                if piece.len() > room {
                    return Ok(None);
                }
                with_room(out, at, piece.len()).copy_from_slice(piece);
                at + piece.len()
            }
        };
        Ok((end - at <= room).then_some(end))
    }
}

/// Decompresses all of `input` to the start of `out`, whose first bytes up to the length
/// that is returned it then is.
pub(crate) fn decompress_all(
    codec: Compression,
    input: &[u8],
    limit_bytes: usize,
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Result<usize, DecompressError> {
    let mut decoder = Decoder::new(codec, input, Lz4Blocks::Any);
    let mut end = 0;
    loop {
        match decoder.step(scratch, out, end, limit_bytes - end)? {
            None => return Err(DecompressError::TooLarge { limit_bytes }),
            Some(next) if next == end => return Ok(end),
            Some(next) => end = next,
        }
    }
}

/// Decompresses `input`, to at most `limit_bytes`.
pub fn decompress(
    codec: Compression,
    input: &[u8],
    limit_bytes: usize,
) -> Result<Vec<u8>, DecompressError> {
    let mut out = Vec::new();
    let end = decompress_all(codec, input, limit_bytes, &mut Scratch::new(), &mut out)?;
    out.truncate(end);
    Ok(out)
}

/// The codec of a batch, or the error that there is none of that id.
pub(crate) fn codec_of(batch: &BatchView<'_>) -> Result<Compression, DecompressError> {
    let attributes = batch.header.attributes;
    let unknown = DecompressError::UnknownCodec {
        id: (attributes.0 & 0b111) as u8,
    };
    attributes.compression().ok_or(unknown)
}

/// The decompressed records of `batch`: the bytes themselves when they are not compressed,
/// else a buffer of the scratch.
pub(crate) fn decompress_into<'s>(
    batch: &BatchView<'s>,
    scratch: &'s mut Scratch,
    limit_bytes: usize,
) -> Result<&'s [u8], DecompressError> {
    let codec = codec_of(batch)?;
    if codec == Compression::None {
        return Ok(batch.payload());
    }
    let mut whole = scratch.take_whole();
    let end = decompress_all(codec, batch.payload(), limit_bytes, scratch, &mut whole);
    scratch.put_whole(whole);
    Ok(scratch.whole(end?))
}

#[cfg(test)]
mod tests;
