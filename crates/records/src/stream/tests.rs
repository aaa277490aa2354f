use super::*;
use crate::samples::{build, codec, raw, records};
use crate::{BatchSpec, Compression, Records};
use proptest::prelude::*;

const LIMIT: usize = 1 << 22;

/// What the slice reader says of these raw records.
fn by_slice(records: &[u8], count: i32) -> Vec<Result<RecordHead, RecordFault>> {
    Records::new(records, count)
        .map(|r| r.map(|record| RecordHead::from(&record)))
        .collect()
}

/// What the stream says of a batch.
fn by_stream(batch: &[u8]) -> Vec<Result<RecordHead, StreamError>> {
    let view = BatchView::first(batch).unwrap();
    let mut scratch = Scratch::new();
    let mut stream = RecordStream::new(&view, &mut scratch, LIMIT).unwrap();
    let mut out = Vec::new();
    for _ in 0..view.header.record_count {
        let head = stream.next_head();
        let failed = head.is_err();
        out.push(head);
        if failed {
            return out;
        }
    }
    if let Err(error) = stream.finish() {
        out.push(Err(error));
    }
    out
}

/// Snappy with chunks of one byte: every record lies across windows.
fn in_crumbs(records: &[u8], count: i32) -> Vec<u8> {
    let mut payload = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
    for byte in records {
        let block = snap::raw::Encoder::new().compress_vec(&[*byte]).unwrap();
        payload.extend_from_slice(&(block.len() as u32).to_be_bytes());
        payload.extend_from_slice(&block);
    }
    crate::samples::header(&payload, count, Compression::Snappy).seal(&payload)
}

/// A stream cannot know how much follows, and says so of the last fault.
fn alike(
    slice: &[Result<RecordHead, RecordFault>],
    stream: &[Result<RecordHead, StreamError>],
) -> bool {
    let trailing = |fault: &RecordFault| matches!(fault, RecordFault::Trailing { .. });
    slice.len() == stream.len()
        && slice.iter().zip(stream).all(|pair| match pair {
            (Ok(a), Ok(b)) => a == b,
            (Err(a), Err(StreamError::Record(b))) => a == b || trailing(a) && trailing(b),
            _ => false,
        })
}

proptest! {
    #[test]
    fn a_stream_reads_what_a_slice_reads(records in records(), codec in codec()) {
        let plain = build(&records, BatchSpec::default());
        let view = BatchView::first(&plain).unwrap();
        let expected = by_slice(view.payload(), view.header.record_count);
        let batch = build(&records, BatchSpec { compression: codec, ..BatchSpec::default() });
        let streamed = by_stream(&batch);
        prop_assert!(alike(&expected, &streamed), "{expected:?} {streamed:?}");
    }

    #[test]
    fn a_stream_of_crumbs_reads_what_a_slice_reads(
        bytes in proptest::collection::vec(prop_oneof![0..12_u8, any::<u8>()], 0..60),
        count in 0..4,
    ) {
        let expected = by_slice(&bytes, count);
        let streamed = by_stream(&in_crumbs(&bytes, count));
        // A record that is cut may be found faulty inside before its end is missed.
        let cut = expected.last().is_some_and(|last| matches!(last, Err(RecordFault::Length { .. })));
        let same_heads = expected.iter().filter(|r| r.is_ok()).count()
            == streamed.iter().filter(|r| r.is_ok()).count();
        prop_assert!(alike(&expected, &streamed) || cut && same_heads, "{expected:?} {streamed:?}");
        prop_assert_eq!(expected.iter().any(Result::is_err), streamed.iter().any(Result::is_err));
        let packed = by_stream(&raw(&bytes, count, Compression::Lz4));
        prop_assert_eq!(expected.iter().any(Result::is_err), packed.iter().any(Result::is_err));
    }
}

#[test]
fn a_value_longer_than_many_windows_is_skipped() {
    let value: Vec<u8> = (0..2_000_000_u32)
        .map(|n| (n.wrapping_mul(n) >> 9) as u8)
        .collect();
    for codec in crate::samples::CODECS {
        let spec = BatchSpec {
            compression: codec,
            ..BatchSpec::default()
        };
        let mut builder = crate::RecordBatchBuilder::new(spec);
        for _ in 0..2 {
            builder.append(5, Some(b"key"), Some(&value), &[]).unwrap();
        }
        let batch = builder.finish().unwrap();
        let heads = by_stream(&batch);
        let head = |offset_delta| RecordHead {
            timestamp_delta: 0,
            offset_delta,
            has_key: true,
        };
        assert_eq!(heads, [Ok(head(0)), Ok(head(1))], "{codec:?}");
    }
}
