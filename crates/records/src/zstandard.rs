//! Zstandard (RFC 8878) with a bounded window.
//!
//! The window is memory that the sender chooses. Windows up to 8 MiB, which every level up
//! to 19 stays within, are decompressed by the context of the scratch. Up to 128 MiB, the
//! reference implementation's own limit, levels 20 to 22 are served too, but by one thread
//! of the process at a time and without keeping the memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, ResetDirective};

use crate::Compression::Zstd;
use crate::DecompressError;
use crate::decompress::{WINDOW_BYTES, corrupt};
use crate::scratch::with_room;

const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
const WINDOW_LOG_MAX: u32 = 27;
const WINDOW_BYTES_USUAL: u64 = 8 * 1024 * 1024;
/// A frame of known size up to this is decompressed in one go, without a window.
const WHOLE_FRAME_BYTES_MAX: u64 = 1024 * 1024;

const TRUNCATED: DecompressError = DecompressError::Truncated { codec: Zstd };

/// Held by the one thread that may decompress with a large window.
static WIDE_WINDOW: Mutex<()> = Mutex::new(());

pub(crate) struct ZstdDecoder<'a> {
    input: &'a [u8],
    frames: usize,
    in_frame: bool,
    piece_bytes: usize,
    wide: Option<(DCtx<'static>, MutexGuard<'static, ()>)>,
}

/// Window and content size that the frame at the start of `input` asks for.
fn frame_sizes(input: &[u8]) -> Option<(u64, Option<u64>)> {
    let mut rest = input.strip_prefix(&MAGIC)?;
    let (descriptor, after) = rest.split_first()?;
    rest = after;
    let single_segment = descriptor & 0b10_0000 != 0;
    let mut window = 0;
    if !single_segment {
        let (byte, after) = rest.split_first()?;
        rest = after;
        let base = 1_u64 << (10 + (byte >> 3));
        window = base + base / 8 * u64::from(byte & 7);
    }
    rest = rest.get([0, 1, 2, 4][usize::from(descriptor & 3)]..)?;
    let (len, add) = match (descriptor >> 6, single_segment) {
        (0, false) => (0, 0),
        (0, true) => (1, 0),
        (1, _) => (2, 256),
        (2, _) => (4, 0),
        _ => (8, 0),
    };
    let field = rest.get(..len)?;
    let content = field
        .iter()
        .rev()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let content = (len != 0).then_some(content.saturating_add(add));
    let window = if single_segment {
        content.unwrap_or(0)
    } else {
        window
    };
    Some((window, content))
}

fn context(window_log_max: u32) -> Result<DCtx<'static>, DecompressError> {
    let mut context = DCtx::try_create().ok_or(corrupt(Zstd, "no memory for a context"))?;
    context
        .set_parameter(DParameter::WindowLogMax(window_log_max))
        .map_err(|_| corrupt(Zstd, "the window limit cannot be set"))?;
    Ok(context)
}

impl<'a> ZstdDecoder<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            frames: 0,
            in_frame: false,
            piece_bytes: WINDOW_BYTES,
            wide: None,
        }
    }

    fn start_frame(&mut self, kept: &mut Option<DCtx<'static>>) -> Result<(), DecompressError> {
        let (window, content) = frame_sizes(self.input).unwrap_or((0, None));
        self.wide = None;
        if window > WINDOW_BYTES_USUAL {
            let turn = WIDE_WINDOW.lock().unwrap_or_else(PoisonError::into_inner);
            self.wide = Some((context(WINDOW_LOG_MAX)?, turn));
        } else if let Some(context) = kept {
            context
                .reset(ResetDirective::SessionOnly)
                .map_err(|_| corrupt(Zstd, "the context cannot be reset"))?;
        } else {
            *kept = Some(context(WINDOW_BYTES_USUAL.ilog2())?);
        }
        let whole = content
            .filter(|size| *size <= WHOLE_FRAME_BYTES_MAX)
            .unwrap_or(0);
        self.piece_bytes = WINDOW_BYTES.max(whole as usize);
        self.in_frame = true;
        self.frames += 1;
        Ok(())
    }

    /// As [`crate::decompress::Decoder::step`].
    pub(crate) fn step(
        &mut self,
        kept: &mut Option<DCtx<'static>>,
        out: &mut Vec<u8>,
        at: usize,
    ) -> Result<usize, DecompressError> {
        loop {
            if !self.in_frame {
                if self.input.is_empty() {
                    return if self.frames == 0 {
                        Err(TRUNCATED)
                    } else {
                        Ok(at)
                    };
                }
                self.start_frame(kept)?;
            }
            let target = with_room(out, at, self.piece_bytes);
            let (produced, hint) = match self.advance(kept, target) {
                Ok(step) => step,
                Err(error) => {
                    // A context that has failed is not trusted with the next batch.
                    *kept = None;
                    return Err(error);
                }
            };
            self.in_frame = hint != 0;
            if produced != 0 {
                return Ok(at + produced);
            }
            if self.in_frame && self.input.is_empty() {
                return Err(TRUNCATED);
            }
        }
    }

    fn advance(
        &mut self,
        kept: &mut Option<DCtx<'static>>,
        target: &mut [u8],
    ) -> Result<(usize, usize), DecompressError> {
        let context = match &mut self.wide {
            Some((context, _)) => context,
            None => kept.as_mut().ok_or(corrupt(Zstd, "no context"))?,
        };
        let mut input = InBuffer::around(self.input);
        let mut output = OutBuffer::around(target);
        let hint = context
            .decompress_stream(&mut output, &mut input)
            .map_err(|_| corrupt(Zstd, "a frame does not decompress"))?;
        let (consumed, produced) = (input.pos(), output.pos());
        self.input = self.input.get(consumed..).unwrap_or_default();
        if consumed == 0 && produced == 0 && hint != 0 {
            return Err(TRUNCATED);
        }
        Ok((produced, hint))
    }
}
