//! Snappy as Kafka's clients write it.
//!
//! Java writes the framing of the xerial library: a header of 16 bytes, then chunks with a
//! big-endian length in front; librdkafka and others write one bare block. What does not
//! start with the whole header is taken for bare, as the xerial reader does. Chunks may be
//! interrupted by another header, where streams were concatenated.

use crate::Compression::Snappy;
use crate::DecompressError;
use crate::decompress::corrupt;
use crate::scratch::with_room;

const MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
const HEADER: &[u8; 16] = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
const CHUNK_BYTES: usize = 32 * 1024;

/// Three bytes of a copy element stand for at most 64 of output.
const EXPANSION_MAX: usize = 22;

const TRUNCATED: DecompressError = DecompressError::Truncated { codec: Snappy };

pub(crate) struct SnappyDecoder<'a> {
    input: &'a [u8],
    started: bool,
    framed: bool,
}

impl<'a> SnappyDecoder<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        let framed = input.len() >= HEADER.len() && input.starts_with(MAGIC);
        Self {
            input,
            started: false,
            framed,
        }
    }

    /// The next block, or `None` behind the last.
    fn next_block(&mut self) -> Result<Option<&'a [u8]>, DecompressError> {
        if !self.framed {
            let bare = (!self.started).then_some(self.input);
            self.started = true;
            return Ok(bare);
        }
        loop {
            if let Some((header, rest)) = self.input.split_first_chunk::<16>()
                && header.starts_with(MAGIC)
            {
                let [.., a, b, c, d, _, _, _, _] = *header;
                if i32::from_be_bytes([a, b, c, d]) < 1 {
                    return Err(corrupt(Snappy, "the framing version is not supported"));
                }
                self.input = rest;
                continue;
            }
            if self.input.is_empty() {
                return Ok(None);
            }
            let (len, rest) = self.input.split_first_chunk::<4>().ok_or(TRUNCATED)?;
            let len = usize::try_from(i32::from_be_bytes(*len))
                .map_err(|_| corrupt(Snappy, "a chunk length is negative"))?;
            let (block, rest) = rest.split_at_checked(len).ok_or(TRUNCATED)?;
            self.input = rest;
            return Ok(Some(block));
        }
    }

    /// As [`crate::decompress::Decoder::step`].
    pub(crate) fn step(
        &mut self,
        out: &mut Vec<u8>,
        at: usize,
        room: usize,
    ) -> Result<Option<usize>, DecompressError> {
        let damaged = || corrupt(Snappy, "a block does not decompress");
        while let Some(block) = self.next_block()? {
            let len = snap::raw::decompress_len(block).map_err(|_| damaged())?;
            if len > block.len().saturating_mul(EXPANSION_MAX) {
                return Err(corrupt(
                    Snappy,
                    "a block claims more than its bytes can hold",
                ));
            }
            if len > room {
                return Ok(None);
            }
            let target = with_room(out, at, len);
            if snap::raw::Decoder::new().decompress(block, target) != Ok(len) {
                return Err(damaged());
            }
            if len != 0 {
                return Ok(Some(at + len));
            }
        }
        Ok(Some(at))
    }
}

/// Compresses in the framing that every client reads.
pub(crate) fn compress(input: &[u8]) -> Result<Vec<u8>, snap::Error> {
    let mut out = HEADER.to_vec();
    let mut encoder = snap::raw::Encoder::new();
    let mut chunk = vec![0; snap::raw::max_compress_len(input.len().min(CHUNK_BYTES))];
    for piece in input.chunks(CHUNK_BYTES) {
        let len = encoder.compress(piece, &mut chunk)?;
        out.extend_from_slice(&(len as u32).to_be_bytes());
        out.extend_from_slice(&chunk[..len]);
    }
    Ok(out)
}
