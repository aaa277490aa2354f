//! Zigzag varints, the numbers that records are made of.
//!
//! A number that needs more bits than its type has is refused even where the reference
//! implementation drops them, because readers that keep them would see another value.
//! Longer encodings than necessary are accepted, as every reader does.

use crate::RecordFault;

/// Most bytes of a 64-bit varint.
pub(crate) const LEN_MAX: usize = 10;

#[inline(always)]
fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[inline(always)]
fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

/// Assembles a varint from single bytes; used where the bytes come from a stream.
#[derive(Default)]
pub(crate) struct Assembler {
    value: u64,
    shift: u32,
}

impl Assembler {
    /// Takes the next byte; gives the number once it is complete.
    #[inline(always)]
    pub(crate) fn push(&mut self, byte: u8) -> Result<Option<i64>, RecordFault> {
        if self.shift == 63 && byte > 1 {
            return Err(RecordFault::Varint);
        }
        self.value |= u64::from(byte & 0x7f) << self.shift;
        self.shift += 7;
        Ok((byte < 0x80).then(|| unzigzag(self.value)))
    }
}

#[cold]
fn take_long(bytes: &mut &[u8]) -> Result<i64, RecordFault> {
    let mut number = Assembler::default();
    for (at, byte) in bytes.iter().enumerate().take(LEN_MAX) {
        if let Some(value) = number.push(*byte)? {
            *bytes = &bytes[at + 1..];
            return Ok(value);
        }
    }
    Err(RecordFault::Varint)
}

/// Takes a 64-bit varint off the front of `bytes`.
#[inline(always)]
pub(crate) fn take_i64(bytes: &mut &[u8]) -> Result<i64, RecordFault> {
    match **bytes {
        [a, ref rest @ ..] if a < 0x80 => {
            *bytes = rest;
            Ok(unzigzag(u64::from(a)))
        }
        [a, b, ref rest @ ..] if b < 0x80 => {
            *bytes = rest;
            Ok(unzigzag(u64::from(a & 0x7f) | u64::from(b) << 7))
        }
        [a, b, c, ref rest @ ..] if c < 0x80 => {
            *bytes = rest;
            Ok(unzigzag(
                u64::from(a & 0x7f) | u64::from(b & 0x7f) << 7 | u64::from(c) << 14,
            ))
        }
        _ => take_long(bytes),
    }
}

/// Takes a 32-bit varint off the front of `bytes`.
#[inline(always)]
pub(crate) fn take_i32(bytes: &mut &[u8]) -> Result<i32, RecordFault> {
    narrow(take_i64(bytes)?)
}

/// A number that must fit 32 bits.
#[inline(always)]
pub(crate) fn narrow(value: i64) -> Result<i32, RecordFault> {
    i32::try_from(value).map_err(|_| RecordFault::Varint)
}

/// Appends a varint; 32-bit numbers have the same encoding.
#[inline]
pub(crate) fn put(out: &mut Vec<u8>, value: i64) {
    let mut rest = zigzag(value);
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Bytes that [`put`] would write.
#[inline]
pub(crate) fn len(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_with_too_many_bits_are_refused() {
        for bytes in [
            &[0x80; 10][..],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
            &[0x80, 0x80],
            &[],
        ] {
            assert_eq!(
                take_i64(&mut &*bytes),
                Err(RecordFault::Varint),
                "{bytes:?}"
            );
        }
        assert_eq!(
            take_i32(&mut &[0xff, 0xff, 0xff, 0xff, 0x1f][..]),
            Err(RecordFault::Varint)
        );
        assert_eq!(
            take_i32(&mut &[0xff, 0xff, 0xff, 0xff, 0x0f][..]),
            Ok(i32::MIN)
        );
    }

    #[test]
    fn a_longer_encoding_than_necessary_is_read() {
        assert_eq!(take_i32(&mut &[0x82, 0x80, 0x00][..]), Ok(1));
    }

    proptest! {
        #[test]
        fn every_number_survives_its_bytes(value: i64, shift in 0..64_u32) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            prop_assert_eq!(bytes.len(), len(value));
            bytes.push(9);
            let mut rest = &bytes[..];
            prop_assert_eq!(take_i64(&mut rest), Ok(value));
            prop_assert_eq!(rest, &[9][..]);
            let mut number = Assembler::default();
            let whole = bytes.iter().find_map(|b| number.push(*b).transpose());
            prop_assert_eq!(whole, Some(Ok(value)));
        }
    }
}
