use super::*;
use crate::samples::{raw, three};
use crate::{Compression, LENGTH_PREFIX_LEN};

fn two() -> Vec<u8> {
    let mut bytes = raw(&three(), 3, Compression::None);
    bytes.extend(raw(&three(), 3, Compression::Lz4));
    bytes
}

#[test]
fn batches_follow_each_other() {
    let bytes = two();
    let mut all = batches(&bytes);
    let sizes: Vec<_> = all
        .by_ref()
        .map(|batch| batch.unwrap().bytes.len())
        .collect();
    assert_eq!(sizes.iter().sum::<usize>(), bytes.len());
    assert_eq!((sizes.len(), all.position()), (2, bytes.len()));
}

#[test]
fn a_cut_last_batch_is_told_from_damage_at_every_byte() {
    let bytes = two();
    let first = batches(&bytes).next().unwrap().unwrap().bytes.len();
    for cut in first + 1..bytes.len() {
        let mut all = batches(&bytes[..cut]);
        assert!(all.next().unwrap().is_ok());
        let have = cut - first;
        let need = if have < HEADER_LEN {
            HEADER_LEN
        } else {
            bytes.len() - first
        };
        let truncated = BatchesError::Truncated { have, need };
        assert_eq!(all.next(), Some(Err(truncated)), "cut at {cut}");
        assert_eq!((all.next(), all.position()), (None, first));
    }
}

#[test]
fn a_length_that_lies_is_an_error_and_ends_the_iteration() {
    let mut bytes = two();
    bytes[8..12].copy_from_slice(&(-1_i32).to_be_bytes());
    let mut all = batches(&bytes);
    let error = BatchesError::Header(HeaderError::Length { length: -1 });
    assert_eq!((all.next(), all.next()), (Some(Err(error)), None));
    bytes[8..12].copy_from_slice(&i32::MAX.to_be_bytes());
    let need = LENGTH_PREFIX_LEN + i32::MAX as usize;
    let error = BatchesError::Truncated {
        have: bytes.len(),
        need,
    };
    assert_eq!(batches(&bytes).next(), Some(Err(error)));
}

#[test]
fn a_scan_sees_every_flipped_bit_that_the_checksum_covers() {
    let batch = raw(&three(), 3, Compression::None);
    assert!(matches!(scan(&batch), Scanned::Valid(_)));
    for at in 17..batch.len() {
        for bit in 0..8 {
            let mut damaged = batch.clone();
            damaged[at] ^= 1 << bit;
            let seen = scan(&damaged);
            assert!(
                matches!(seen, Scanned::CrcMismatch { .. }),
                "byte {at}, bit {bit}"
            );
        }
    }
    assert!(matches!(
        scan(&batch[..80]),
        Scanned::Broken(BatchesError::Truncated { .. })
    ));
}

#[test]
fn a_batch_emptied_by_compaction_has_no_records() {
    let mut scratch = Scratch::new();
    for codec in [Compression::None, Compression::Zstd] {
        let batch = crate::samples::header(&[], 0, codec).seal(&[]);
        let view = BatchView::first(&batch).unwrap();
        assert_eq!(view.records(&mut scratch, 100).unwrap().count(), 0);
    }
}
