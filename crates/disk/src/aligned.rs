//! Memory for writes that go around the page cache.

use std::ops::{Deref, DerefMut};

/// Positions, lengths and addresses of direct writes are multiples of this.
pub const DIRECT_ALIGN: usize = 4096;

/// Bytes that begin at a multiple of [`DIRECT_ALIGN`], up to a number that is set once.
#[derive(Debug)]
pub struct AlignedBytes {
    /// Never grows beyond its first capacity, since it would move and begin elsewhere.
    bytes: Vec<u8>,
    /// Where the first aligned byte is.
    from: usize,
    len_max: usize,
}

impl AlignedBytes {
    /// No bytes, and room for `len_max`.
    pub fn with_capacity(len_max: usize) -> Self {
        let mut bytes: Vec<u8> = Vec::with_capacity(len_max + DIRECT_ALIGN);
        let from = bytes.as_ptr().align_offset(DIRECT_ALIGN);
        bytes.resize(from, 0);
        Self {
            bytes,
            from,
            len_max,
        }
    }

    /// Appends zeros and returns them; `None`, and no change, if there is no room.
    pub fn grow(&mut self, by: usize) -> Option<&mut [u8]> {
        let (before, after) = (self.len(), self.len().checked_add(by)?);
        if after > self.len_max {
            return None;
        }
        self.bytes.resize(self.from + after, 0);
        Some(&mut self[before..])
    }

    /// Keeps the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.bytes.truncate(self.from + len);
    }
}

impl Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.from..]
    }
}

impl DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.from..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stay_where_they_began_and_within_their_room() {
        for len_max in [0, 1, 5000, 1 << 20] {
            let mut bytes = AlignedBytes::with_capacity(len_max);
            assert!(bytes.is_empty());
            let at = bytes.as_ptr();
            assert_eq!(at.align_offset(DIRECT_ALIGN), 0);
            bytes.grow(len_max).unwrap().fill(7);
            assert!(bytes.grow(1).is_none());
            assert!(bytes.grow(usize::MAX).is_none());
            assert_eq!(bytes.len(), len_max);
            bytes.truncate(0);
            assert!(bytes.grow(len_max).unwrap().iter().all(|byte| *byte == 0));
            assert_eq!(bytes.as_ptr(), at);
        }
    }
}
