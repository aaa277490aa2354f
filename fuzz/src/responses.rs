//! Response bodies, as a client of this project reads them from whatever answers.

use bytes::Bytes;
use highwater_protocol::shape::measure_response;
use highwater_protocol::{Request, decode_response, with_request_type};

/// Reads the first two bytes as an API, the next two as a version, and the rest as a response.
pub fn run(data: &[u8]) {
    let Some(([k0, k1, v0, v1], body)) = data.split_first_chunk() else {
        return;
    };
    let (api_key, version) = (
        i16::from_be_bytes([*k0, *k1]),
        i16::from_be_bytes([*v0, *v1]),
    );
    with_request_type!(api_key, M => check::<M>(version, body), _ => ());
}

fn check<M: Request>(version: i16, body: &[u8]) {
    let Ok(measured) = measure_response(M::KEY, version, body) else {
        return;
    };
    let mut rest = Bytes::copy_from_slice(body);
    if decode_response::<M::Response>(M::KEY, version, &mut rest).is_ok() {
        assert_eq!(
            body.len() - rest.len(),
            measured,
            "API {} v{version}",
            M::KEY
        );
    }
}
