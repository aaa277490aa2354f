//! `<offset>.snapshot`: the state of all producers of a log right before an offset.
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 2 | version, always 1 |
//! | 2 | 4 | CRC-32C of everything behind it |
//! | 6 | 4 | number of entries |
//!
//! and for each entry, 46 bytes: producer id (8), epoch (2), last sequence (4), last offset (8),
//! last offset less first offset of the last batch (4), its time (8), coordinator epoch (4),
//! first offset of the open transaction or −1 (8).

use highwater_types::{Offset, ProducerEpoch, ProducerId};

const VERSION: i16 = 1;
const HEAD_LEN: usize = 10;
const ENTRY_LEN: usize = 46;

/// One producer as a snapshot knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotEntry {
    /// The producer.
    pub producer_id: ProducerId,
    /// Its latest incarnation.
    pub producer_epoch: ProducerEpoch,
    /// Last sequence number, −1 if none is known.
    pub last_sequence: i32,
    /// Offset of the last record, −1 if none is known.
    pub last_offset: Offset,
    /// Last less first offset of the last batch.
    pub offset_delta: i32,
    /// Largest time of the last batch.
    pub timestamp_ms: i64,
    /// Epoch of the transaction coordinator that wrote the last marker, −1 for none.
    pub coordinator_epoch: i32,
    /// First offset of the open transaction.
    pub transaction_start: Option<Offset>,
}

/// Encodes a snapshot.
pub(crate) fn encode(entries: &[SnapshotEntry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD_LEN + entries.len() * ENTRY_LEN);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&(entries.len() as i32).to_be_bytes());
    for entry in entries {
        out.extend_from_slice(&entry.producer_id.0.to_be_bytes());
        out.extend_from_slice(&entry.producer_epoch.0.to_be_bytes());
        out.extend_from_slice(&entry.last_sequence.to_be_bytes());
        out.extend_from_slice(&entry.last_offset.0.to_be_bytes());
        out.extend_from_slice(&entry.offset_delta.to_be_bytes());
        out.extend_from_slice(&entry.timestamp_ms.to_be_bytes());
        out.extend_from_slice(&entry.coordinator_epoch.to_be_bytes());
        let start = entry.transaction_start.map_or(-1, |offset| offset.0);
        out.extend_from_slice(&start.to_be_bytes());
    }
    let crc = crc32c::crc32c(&out[6..]);
    out[2..6].copy_from_slice(&crc.to_be_bytes());
    out
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], &'static str> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or("it is too short")?;
    *bytes = rest;
    Ok(*head)
}

/// Decodes a snapshot, or says why the bytes are none.
pub fn decode(bytes: &[u8]) -> Result<Vec<SnapshotEntry>, &'static str> {
    let mut rest = bytes;
    if i16::from_be_bytes(take(&mut rest)?) != VERSION {
        return Err("the version is not 1");
    }
    if u32::from_be_bytes(take(&mut rest)?) != crc32c::crc32c(rest) {
        return Err("the checksum is wrong");
    }
    let count = i32::from_be_bytes(take(&mut rest)?);
    if usize::try_from(count)
        .ok()
        .and_then(|count| count.checked_mul(ENTRY_LEN))
        != Some(rest.len())
    {
        return Err("the count is not that of the entries");
    }
    rest.chunks_exact(ENTRY_LEN)
        .map(|mut entry| decode_entry(&mut entry))
        .collect()
}

fn decode_entry(rest: &mut &[u8]) -> Result<SnapshotEntry, &'static str> {
    Ok(SnapshotEntry {
        producer_id: ProducerId(i64::from_be_bytes(take(rest)?)),
        producer_epoch: ProducerEpoch(i16::from_be_bytes(take(rest)?)),
        last_sequence: i32::from_be_bytes(take(rest)?),
        last_offset: Offset(i64::from_be_bytes(take(rest)?)),
        offset_delta: i32::from_be_bytes(take(rest)?),
        timestamp_ms: i64::from_be_bytes(take(rest)?),
        coordinator_epoch: i32::from_be_bytes(take(rest)?),
        transaction_start: Some(i64::from_be_bytes(take(rest)?))
            .filter(|o| *o >= 0)
            .map(Offset),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> SnapshotEntry {
        SnapshotEntry {
            producer_id: ProducerId(4000),
            producer_epoch: ProducerEpoch(2),
            last_sequence: 9,
            last_offset: Offset(77),
            offset_delta: 3,
            timestamp_ms: 1_700_000_000_000,
            coordinator_epoch: -1,
            transaction_start: None,
        }
    }

    #[test]
    fn a_snapshot_survives_its_bytes() {
        let entries = vec![
            entry(),
            SnapshotEntry {
                transaction_start: Some(Offset(5)),
                ..entry()
            },
        ];
        let bytes = encode(&entries);
        assert_eq!(bytes.len(), 10 + 2 * 46);
        assert_eq!(decode(&bytes), Ok(entries));
        assert_eq!(decode(&encode(&[])), Ok(Vec::new()));
    }

    #[test]
    fn a_flip_of_any_bit_is_found() {
        let bytes = encode(&[entry()]);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&flipped).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_err(), "length {len}");
        }
    }
}
