//! Gzip (RFC 1952) over a raw inflater that is used again.
//!
//! Several members one behind the other are one stream, as the format says; what follows
//! the last of them must be another, or nothing.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use crate::Compression::Gzip;
use crate::DecompressError;
use crate::decompress::{WINDOW_BYTES, corrupt};
use crate::scratch::with_room;

const TRUNCATED: DecompressError = DecompressError::Truncated { codec: Gzip };
const FLAG_HEADER_CRC: u8 = 1 << 1;
const FLAG_EXTRA: u8 = 1 << 2;
const FLAG_NAME: u8 = 1 << 3;
const FLAG_COMMENT: u8 = 1 << 4;
const FLAGS_RESERVED: u8 = 0b1110_0000;

pub(crate) struct GzipDecoder<'a> {
    input: &'a [u8],
    members: usize,
    /// The checksum of the member that is being read.
    checksum: Option<Crc>,
}

fn skip(input: &mut &[u8], len: usize) -> Result<(), DecompressError> {
    *input = input.get(len..).ok_or(TRUNCATED)?;
    Ok(())
}

fn skip_text(input: &mut &[u8]) -> Result<(), DecompressError> {
    let end = input.iter().position(|byte| *byte == 0).ok_or(TRUNCATED)?;
    skip(input, end + 1)
}

fn skip_header(input: &mut &[u8]) -> Result<(), DecompressError> {
    let (head, rest) = input.split_first_chunk::<10>().ok_or(TRUNCATED)?;
    let [0x1f, 0x8b, 8, flags, ..] = *head else {
        return Err(corrupt(Gzip, "the member header is wrong"));
    };
    if flags & FLAGS_RESERVED != 0 {
        return Err(corrupt(Gzip, "the member header has reserved flags"));
    }
    *input = rest;
    if flags & FLAG_EXTRA != 0 {
        let (len, rest) = input.split_first_chunk::<2>().ok_or(TRUNCATED)?;
        *input = rest;
        skip(input, usize::from(u16::from_le_bytes(*len)))?;
    }
    if flags & FLAG_NAME != 0 {
        skip_text(input)?;
    }
    if flags & FLAG_COMMENT != 0 {
        skip_text(input)?;
    }
    if flags & FLAG_HEADER_CRC != 0 {
        skip(input, 2)?;
    }
    Ok(())
}

impl<'a> GzipDecoder<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            members: 0,
            checksum: None,
        }
    }

    /// As [`crate::decompress::Decoder::step`].
    pub(crate) fn step(
        &mut self,
        state: &mut Option<Decompress>,
        out: &mut Vec<u8>,
        at: usize,
    ) -> Result<usize, DecompressError> {
        let inflater = state.get_or_insert_with(|| Decompress::new(false));
        loop {
            let Some(checksum) = &mut self.checksum else {
                if self.input.is_empty() && self.members != 0 {
                    return Ok(at);
                }
                if self.members != 0 && !self.input.starts_with(&[0x1f, 0x8b]) {
                    return Err(DecompressError::Trailing { codec: Gzip });
                }
                skip_header(&mut self.input)?;
                inflater.reset(false);
                self.members += 1;
                self.checksum = Some(Crc::new());
                continue;
            };
            let target = with_room(out, at, WINDOW_BYTES);
            let (in_before, out_before) = (inflater.total_in(), inflater.total_out());
            let status = inflater
                .decompress(self.input, target, FlushDecompress::None)
                .map_err(|_| corrupt(Gzip, "the data does not inflate"))?;
            let consumed = (inflater.total_in() - in_before) as usize;
            let produced = (inflater.total_out() - out_before) as usize;
            skip(&mut self.input, consumed)?;
            checksum.update(target.get(..produced).unwrap_or_default());
            if status == Status::StreamEnd {
                let (sum, size) = (checksum.sum(), checksum.amount());
                self.checksum = None;
                self.check_trailer(sum, size)?;
            } else if consumed == 0 && produced == 0 {
                return Err(TRUNCATED);
            }
            if produced != 0 {
                return Ok(at + produced);
            }
        }
    }

    fn check_trailer(&mut self, sum: u32, size: u32) -> Result<(), DecompressError> {
        let (trailer, rest) = self.input.split_first_chunk::<8>().ok_or(TRUNCATED)?;
        self.input = rest;
        let mut expected = [0; 8];
        expected[..4].copy_from_slice(&sum.to_le_bytes());
        expected[4..].copy_from_slice(&size.to_le_bytes());
        if *trailer == expected {
            Ok(())
        } else {
            Err(corrupt(Gzip, "the checksum is wrong"))
        }
    }
}
