//! The LZ4 frame format, read block by block into a buffer of the caller.
//!
//! The reader accepts what clients write: independent and linked blocks, sizes of 64 KiB to
//! 4 MiB, block and content checksums, a content size. It refuses dictionaries, legacy and
//! skippable frames, and anything behind the first frame, where the reference
//! implementation stops reading. A leader refuses linked blocks too: Java consumers do not
//! read them, and a batch that stops every one of them must not get into a log.

use twox_hash::XxHash32;

use crate::Compression::Lz4;
use crate::DecompressError;
use crate::decompress::corrupt;
use crate::scratch::with_room;

const MAGIC: [u8; 4] = 0x184d_2204_u32.to_le_bytes();
const HISTORY_BYTES: usize = 64 * 1024;
const STORED: u32 = 1 << 31;

/// An LZ4 length byte stands for at most 255 bytes of output.
const EXPANSION_MAX: usize = 255;

const TRUNCATED: DecompressError = DecompressError::Truncated { codec: Lz4 };

struct Frame {
    linked: bool,
    block_checksums: bool,
    content_checksum: Option<XxHash32>,
    content_size: Option<u64>,
    block_bytes_max: usize,
}

pub(crate) struct Lz4Decoder<'a> {
    input: &'a [u8],
    frame: Option<Frame>,
    ended: bool,
    produced: u64,
    blocks: Lz4Blocks,
}

/// Which frames are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lz4Blocks {
    /// All that the format knows.
    Any,
    /// Those that every client reads.
    Independent,
}

fn take<'a>(input: &mut &'a [u8], len: usize) -> Result<&'a [u8], DecompressError> {
    let (head, rest) = input.split_at_checked(len).ok_or(TRUNCATED)?;
    *input = rest;
    Ok(head)
}

fn take_array<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], DecompressError> {
    let (head, rest) = input.split_first_chunk::<N>().ok_or(TRUNCATED)?;
    *input = rest;
    Ok(*head)
}

impl Frame {
    fn take(input: &mut &[u8]) -> Result<Self, DecompressError> {
        if take_array::<4>(input)? != MAGIC {
            return Err(corrupt(Lz4, "the frame magic is wrong"));
        }
        let descriptor = *input;
        let [flags, block] = take_array::<2>(input)?;
        if flags >> 6 != 1 || flags & 0b11 != 0 || block & 0b1000_1111 != 0 {
            return Err(corrupt(
                Lz4,
                "the frame descriptor asks for what is not supported",
            ));
        }
        let block_bytes_max = match block >> 4 {
            size @ 4..=7 => 1 << (8 + 2 * size),
            _ => return Err(corrupt(Lz4, "the block size is not assigned")),
        };
        let content_size = match flags & 0b1000 {
            0 => None,
            _ => Some(u64::from_le_bytes(take_array(input)?)),
        };
        let hash = XxHash32::oneshot(0, &descriptor[..descriptor.len() - input.len()]);
        if take_array(input)? != [(hash >> 8) as u8] {
            return Err(corrupt(Lz4, "the descriptor checksum is wrong"));
        }
        Ok(Self {
            linked: flags & 0b10_0000 == 0,
            block_checksums: flags & 0b1_0000 != 0,
            content_checksum: (flags & 0b100 != 0).then(|| XxHash32::with_seed(0)),
            content_size,
            block_bytes_max,
        })
    }

    fn finish(&self, input: &mut &[u8], produced: u64) -> Result<(), DecompressError> {
        if self.content_size.is_some_and(|size| size != produced) {
            return Err(corrupt(Lz4, "the content size is wrong"));
        }
        if let Some(hasher) = &self.content_checksum
            && u32::from_le_bytes(take_array(input)?) != hasher.finish_32()
        {
            return Err(corrupt(Lz4, "the content checksum is wrong"));
        }
        if input.is_empty() {
            Ok(())
        } else {
            Err(DecompressError::Trailing { codec: Lz4 })
        }
    }

    /// Decompresses the block that `word` announces; gives the bytes it has.
    fn block(
        &mut self,
        word: u32,
        input: &mut &[u8],
        history: &mut Vec<u8>,
        out: &mut Vec<u8>,
        at: usize,
    ) -> Result<usize, DecompressError> {
        let len = (word & !STORED) as usize;
        if len > self.block_bytes_max {
            return Err(corrupt(Lz4, "a block is larger than the frame allows"));
        }
        let block = take(input, len)?;
        if self.block_checksums
            && u32::from_le_bytes(take_array(input)?) != XxHash32::oneshot(0, block)
        {
            return Err(corrupt(Lz4, "a block checksum is wrong"));
        }
        let size = if word & STORED != 0 {
            with_room(out, at, len).copy_from_slice(block);
            len
        } else {
            let most = self.block_bytes_max.min(len.saturating_mul(EXPANSION_MAX));
            let target = with_room(out, at, most);
            let size = if self.linked {
                lz4_flex::block::decompress_into_with_dict(block, target, history)
            } else {
                lz4_flex::block::decompress_into(block, target)
            };
            size.map_err(|_| corrupt(Lz4, "a block does not decompress"))?
        };
        let piece = out.get(at..at + size).unwrap_or_default();
        if let Some(hasher) = &mut self.content_checksum {
            std::hash::Hasher::write(hasher, piece);
        }
        if self.linked {
            remember(history, piece);
        }
        Ok(size)
    }
}

/// Keeps the last 64 KiB of output, to which the next linked block may refer.
fn remember(history: &mut Vec<u8>, piece: &[u8]) {
    let tail = &piece[piece.len().saturating_sub(HISTORY_BYTES)..];
    let excess = (history.len() + tail.len()).saturating_sub(HISTORY_BYTES);
    history.drain(..excess);
    history.extend_from_slice(tail);
}

impl<'a> Lz4Decoder<'a> {
    pub(crate) fn new(input: &'a [u8], blocks: Lz4Blocks) -> Self {
        Self {
            input,
            frame: None,
            ended: false,
            produced: 0,
            blocks,
        }
    }

    /// As [`crate::decompress::Decoder::step`].
    pub(crate) fn step(
        &mut self,
        history: &mut Vec<u8>,
        out: &mut Vec<u8>,
        at: usize,
    ) -> Result<usize, DecompressError> {
        if self.ended {
            return Ok(at);
        }
        let mut frame = match self.frame.take() {
            Some(frame) => frame,
            None => {
                history.clear();
                let frame = Frame::take(&mut self.input)?;
                if frame.linked && self.blocks == Lz4Blocks::Independent {
                    return Err(corrupt(
                        Lz4,
                        "linked blocks are not readable by every client",
                    ));
                }
                frame
            }
        };
        loop {
            let word = u32::from_le_bytes(take_array(&mut self.input)?);
            if word == 0 {
                self.ended = true;
                return frame.finish(&mut self.input, self.produced).map(|()| at);
            }
            let size = frame.block(word, &mut self.input, history, out, at)?;
            // A block may be empty; only the end of the frame says that nothing follows.
            if size != 0 {
                self.produced += size as u64;
                self.frame = Some(frame);
                return Ok(at + size);
            }
        }
    }
}
