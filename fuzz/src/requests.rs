//! Request bodies: the check that comes before decoding, and the codec behind it.

use bytes::Bytes;
use highwater_protocol::shape::measure_request;
use highwater_protocol::{ServedRequest, parse_request_header, range, with_request_type};

/// Reads a frame, and its body as a request of every version in which its API is served.
///
/// Walker and codec must agree on where a request ends: if they differ by a byte, then the
/// codec reads counts that the walker has not seen.
pub fn run(data: &[u8]) {
    let mut body = Bytes::copy_from_slice(data);
    let Ok(header) = parse_request_header(&mut body) else {
        return;
    };
    let Some(range) = range(header.api_key) else {
        return;
    };
    for version in range.decodable_min..=range.max {
        with_request_type!(
            range.key,
            Request => check::<Request>(version, &body),
            _ => panic!("{} is served but has no type", range.name)
        );
    }
}

fn check<M: ServedRequest>(version: i16, body: &Bytes) {
    let Ok(measured) = measure_request(M::KEY, version, body) else {
        return;
    };
    let mut rest = body.clone();
    if M::decode_checked(&mut rest, version).is_ok() {
        assert_eq!(
            body.len() - rest.len(),
            measured,
            "API {} v{version}",
            M::KEY
        );
    }
}
