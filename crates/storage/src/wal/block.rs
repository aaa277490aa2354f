//! The form of the write-ahead log: blocks of entries.
//!
//! A file begins with a page that names it: magic `HWWF`, CRC-32C of the key (4), and the key,
//! 16 random bytes; its last page is a copy. In between a block begins at a multiple of 4,096
//! bytes, so that writing one never touches the sectors of another. Every block repeats the key,
//! which no client ever sees: so what clients have put into records is never taken for a block.
//!
//! All integers are big endian. A block is: magic `HWWB`, CRC-32C of everything behind it (4),
//! length in bytes without padding (4), number of entries (4), sequence (8), key (16). An entry
//! is: topic id (16), partition (4), base offset of the segment (8), position in the segment file (8), the
//! offset behind its last record (8), length of the bytes (4), length of the name (2), topic
//! name, and the bytes as they stand in the segment file.

use std::io::{self, Write as _};

use highwater_disk::{AlignedBytes, DIRECT_ALIGN};
use highwater_types::{Offset, TopicId, TopicName, TopicPartition};

use crate::log::LogEnds;
use crate::take::{number, take};

/// Where blocks may begin.
pub(crate) const ALIGN: usize = DIRECT_ALIGN;
const FILE_MAGIC: [u8; 4] = *b"HWWF";
const MAGIC: [u8; 4] = *b"HWWB";
pub(crate) const HEAD_LEN: usize = 40;
/// Longest block that is believed.
pub(crate) const BLOCK_LEN_MAX: usize = 4 << 20;
/// Sequences are believed up to here, so that counting on never overflows.
pub(crate) const SEQUENCE_MAX: u64 = 1 << 62;

/// What the blocks of a file have in common.
pub(crate) type Key = [u8; 16];

/// The first page of a file, and the last.
pub(crate) fn key_page(key: &Key) -> AlignedBytes {
    let mut page = AlignedBytes::with_capacity(ALIGN);
    page.grow(ALIGN);
    page[..4].copy_from_slice(&FILE_MAGIC);
    page[4..8].copy_from_slice(&crc32c::crc32c(key).to_be_bytes());
    page[8..24].copy_from_slice(key);
    page
}

/// The key in the first or last page of a file.
pub(crate) fn key_of(mut page: &[u8]) -> Option<Key> {
    let magic: [u8; 4] = number(&mut page)?;
    let crc = u32::from_be_bytes(number(&mut page)?);
    let key: Key = number(&mut page)?;
    (magic == FILE_MAGIC && crc32c::crc32c(&key) == crc).then_some(key)
}
/// Where that begins which the checksum covers.
const CHECKED_FROM: usize = 8;
const ENTRY_HEAD_LEN: usize = 50;
/// Room for what a block holds besides the bytes of its entries.
const HEADS_LEN_MAX: usize = 128 << 10;

/// What a block says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockHead {
    /// Bytes without padding.
    pub(crate) len: usize,
    pub(crate) sequence: u64,
}

/// A stretch of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Base offset of the segment.
    pub(crate) base: Offset,
    pub(crate) position: u64,
    pub(crate) len: usize,
    /// The offset behind its last record.
    pub(crate) end: Offset,
}

/// An entry as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) tp: TopicPartition,
    pub(crate) topic_id: TopicId,
    pub(crate) stretch: Stretch,
    /// Where its bytes are in the block.
    pub(crate) at: usize,
    pub(crate) bytes: &'a [u8],
}

/// A block in the making; its memory is used again for the next one.
#[derive(Debug)]
pub(crate) struct BlockBuilder {
    bytes: AlignedBytes,
    count: u32,
}

impl BlockBuilder {
    /// Has room for entries of about this many bytes.
    pub(crate) fn new(bytes_max: u64) -> Self {
        let len_max = (bytes_max as usize).next_multiple_of(ALIGN) + HEADS_LEN_MAX;
        Self {
            bytes: AlignedBytes::with_capacity(len_max.min(BLOCK_LEN_MAX)),
            count: 0,
        }
    }

    /// Begins anew.
    pub(crate) fn clear(&mut self) {
        self.bytes.truncate(0);
        self.bytes.grow(HEAD_LEN);
        self.count = 0;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds an entry whose bytes are put in place by `fill`; an error leaves the block as it was.
    pub(crate) fn add(
        &mut self,
        log: &LogEnds,
        stretch: &Stretch,
        fill: impl FnOnce(&mut [u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let before = self.bytes.len();
        let name = log.tp.topic.as_str().as_bytes();
        let head_len = ENTRY_HEAD_LEN + name.len();
        let entry = self.bytes.grow(head_len + stretch.len);
        let (mut head, bytes) = entry
            .ok_or(io::ErrorKind::OutOfMemory)?
            .split_at_mut(head_len);
        for field in [
            &log.topic_id.0[..],
            &log.tp.partition.0.to_be_bytes(),
            &stretch.base.0.to_be_bytes(),
            &stretch.position.to_be_bytes(),
            &stretch.end.0.to_be_bytes(),
            &(stretch.len as u32).to_be_bytes(),
            &(name.len() as u16).to_be_bytes(),
            name,
        ] {
            head.write_all(field)?;
        }
        let filled = fill(bytes);
        if filled.is_err() {
            self.bytes.truncate(before);
        } else {
            self.count += 1;
        }
        filled
    }

    /// The finished block, padded.
    pub(crate) fn finish(&mut self, sequence: u64, key: &Key) -> &[u8] {
        let len = self.bytes.len();
        let head = &mut self.bytes[..HEAD_LEN];
        head[..4].copy_from_slice(&MAGIC);
        head[8..12].copy_from_slice(&(len as u32).to_be_bytes());
        head[12..16].copy_from_slice(&self.count.to_be_bytes());
        head[16..24].copy_from_slice(&sequence.to_be_bytes());
        head[24..40].copy_from_slice(key);
        let crc = crc32c::crc32c(&self.bytes[CHECKED_FROM..]);
        self.bytes[4..8].copy_from_slice(&crc.to_be_bytes());
        // There is room, since that is a multiple as well.
        self.bytes.grow(len.next_multiple_of(ALIGN) - len);
        &self.bytes
    }
}

/// What may be a block, from its first bytes.
pub(crate) fn head(mut bytes: &[u8], key: &Key) -> Option<BlockHead> {
    let magic: [u8; 4] = number(&mut bytes)?;
    let _crc: [u8; 4] = number(&mut bytes)?;
    let len = u32::from_be_bytes(number(&mut bytes)?) as usize;
    let _count: [u8; 4] = number(&mut bytes)?;
    let sequence = u64::from_be_bytes(number(&mut bytes)?);
    let is_ours = magic == MAGIC && number(&mut bytes) == Some(*key);
    let is_sound = (HEAD_LEN..=BLOCK_LEN_MAX).contains(&len) && sequence <= SEQUENCE_MAX;
    (is_ours && is_sound).then_some(BlockHead { len, sequence })
}

/// The entries of a block without its padding; `None` if it is not whole.
pub(crate) fn parse<'a>(block: &'a [u8], key: &Key) -> Option<Vec<Entry<'a>>> {
    let found = head(block, key)?;
    let crc = u32::from_be_bytes(block.get(4..CHECKED_FROM)?.try_into().ok()?);
    let checked = block.get(CHECKED_FROM..found.len)?;
    if found.len != block.len() || crc32c::crc32c(checked) != crc {
        return None;
    }
    let count = u32::from_be_bytes(block.get(12..16)?.try_into().ok()?) as usize;
    let mut rest = &block[HEAD_LEN..];
    // No count is trusted with more memory than the bytes at hand can fill.
    let mut entries = Vec::with_capacity(count.min(rest.len() / ENTRY_HEAD_LEN));
    for _ in 0..count {
        entries.push(entry(&mut rest, block.len())?);
    }
    rest.is_empty().then_some(entries)
}

fn entry<'a>(rest: &mut &'a [u8], block_len: usize) -> Option<Entry<'a>> {
    let topic_id = TopicId(number(rest)?);
    let partition = i32::from_be_bytes(number(rest)?);
    let base = Offset(i64::from_be_bytes(number(rest)?));
    let position = u64::from_be_bytes(number(rest)?);
    let end = Offset(i64::from_be_bytes(number(rest)?));
    let len = u32::from_be_bytes(number(rest)?) as usize;
    let name_len = u16::from_be_bytes(number(rest)?);
    let name = std::str::from_utf8(take(rest, usize::from(name_len))?).ok()?;
    let tp = TopicPartition::new(TopicName::new(name).ok()?, partition.into());
    let at = block_len - rest.len();
    let bytes = take(rest, len)?;
    // Positions in a segment have 32 bits.
    position
        .checked_add(len as u64)
        .filter(|end| *end <= u64::from(u32::MAX))?;
    (base >= Offset::ZERO && end > base && partition >= 0).then_some(Entry {
        tp,
        topic_id,
        stretch: Stretch {
            base,
            position,
            len,
            end,
        },
        at,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = [3; 16];

    fn log() -> LogEnds {
        let tp = TopicPartition::from_dir_name("a-topic-3").unwrap();
        LogEnds::new(&tp, TopicId([5; 16]), Offset(0), Offset(9))
    }

    fn stretch(len: usize) -> Stretch {
        Stretch {
            base: Offset(4),
            position: 77,
            len,
            end: Offset(9),
        }
    }

    fn fill(with: u8) -> impl FnOnce(&mut [u8]) -> io::Result<()> {
        move |bytes| {
            bytes.fill(with);
            Ok(())
        }
    }

    fn block(lens: &[usize]) -> Vec<u8> {
        let mut builder = BlockBuilder::new(1 << 20);
        builder.clear();
        for (nth, len) in lens.iter().enumerate() {
            builder
                .add(&log(), &stretch(*len), fill(nth as u8))
                .unwrap();
        }
        let len = builder.len();
        let bytes = builder.finish(42, &KEY);
        assert_eq!(bytes.len() % ALIGN, 0);
        assert!(bytes[len..].iter().all(|byte| *byte == 0));
        bytes[..len].to_vec()
    }

    #[test]
    fn what_was_added_is_read_again() {
        let bytes = block(&[5, 0, 9000]);
        let found = head(&bytes, &KEY).unwrap();
        assert_eq!((found.len, found.sequence), (bytes.len(), 42));
        let entries = parse(&bytes, &KEY).unwrap();
        assert_eq!(entries.len(), 3);
        for (nth, (entry, len)) in entries.iter().zip([5, 0, 9000]).enumerate() {
            assert_eq!(entry.tp, log().tp);
            assert_eq!(entry.topic_id, log().topic_id);
            assert_eq!(entry.stretch, stretch(len));
            assert_eq!(entry.bytes, vec![nth as u8; len]);
        }
    }

    #[test]
    fn an_entry_that_could_not_be_filled_leaves_no_trace() {
        let mut builder = BlockBuilder::new(1 << 20);
        builder.clear();
        builder.add(&log(), &stretch(5), fill(1)).unwrap();
        let before = builder.len();
        let refused = builder.add(&log(), &stretch(6), |_| Err(io::ErrorKind::Other.into()));
        assert!(refused.is_err());
        assert_eq!(builder.len(), before);
        let bytes = builder.finish(1, &KEY)[..before].to_vec();
        assert_eq!(parse(&bytes, &KEY).unwrap().len(), 1);
    }

    #[test]
    fn a_block_without_the_key_of_the_file_is_none() {
        let bytes = block(&[40]);
        assert_eq!(head(&bytes, &[4; 16]), None);
        assert_eq!(parse(&bytes, &[4; 16]), None);
        let page = key_page(&KEY);
        assert_eq!((page.len(), key_of(&page)), (ALIGN, Some(KEY)));
        for at in 0..24 {
            let mut damaged = page.to_vec();
            damaged[at] ^= 1;
            assert_eq!(key_of(&damaged), None, "byte {at}");
        }
    }

    #[test]
    fn no_damage_goes_unseen_and_none_does_harm() {
        let bytes = block(&[40, 13]);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert_eq!(parse(&damaged, &KEY), None, "byte {at}");
            assert_eq!(parse(&bytes[..at], &KEY), None, "cut at {at}");
        }
    }
}
