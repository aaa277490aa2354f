use super::*;
use crate::samples::{body, framed, three};

fn faults(records: &[u8], count: i32) -> Vec<RecordFault> {
    Records::new(records, count)
        .filter_map(Result::err)
        .collect()
}

#[test]
fn headers_keep_order_and_duplicates() {
    let mut bytes = vec![0, 0, 0, 1, 1, 6];
    for value in [&[2, b'1'][..], &[1][..], &[2, b'3'][..]] {
        bytes.extend_from_slice(&[2, b'h']);
        bytes.extend_from_slice(value);
    }
    let framed = framed(&bytes);
    let record = RecordView::take(&mut &framed[..]).unwrap();
    let values: Vec<_> = record.headers.iter().map(|header| header.value).collect();
    assert_eq!(values, [Some(&b"1"[..]), None, Some(&b"3"[..])]);
    assert_eq!(
        record.headers.last(b"h").and_then(|h| h.value),
        Some(&b"3"[..])
    );
    assert_eq!(record.headers.last(b"other"), None);
    assert_eq!(
        (record.key, record.value, record.headers.len()),
        (None, None, 3)
    );
}

#[test]
fn an_empty_key_is_not_a_missing_key() {
    let bytes = framed(&[0, 0, 0, 0, 0, 0]);
    let record = RecordView::take(&mut &bytes[..]).unwrap();
    assert_eq!((record.key, record.value), (Some(&[][..]), Some(&[][..])));
}

#[test]
fn records_end_where_the_batch_ends() {
    assert_eq!(faults(&three(), 3), []);
    assert_eq!(faults(&three(), 4), [RecordFault::Missing]);
    assert_eq!(faults(&three(), 2), [RecordFault::Trailing { bytes: 9 }]);
    assert_eq!(
        faults(&three(), i32::MIN),
        [RecordFault::Trailing { bytes: 27 }]
    );
}

#[test]
fn iteration_is_over_after_a_fault() {
    let mut bytes = framed(&body(0));
    bytes.extend_from_slice(&[0x7f, 0]);
    let all: Vec<_> = Records::new(&bytes, 5)
        .map(|record| record.map(|_| ()))
        .collect();
    assert_eq!(all, [Ok(()), Err(RecordFault::Length { length: -64 })]);
}
